"""What a command's options ask for, checked as the same request is over REST."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from api.files.errors import BadUsage

if TYPE_CHECKING:
    from pydantic import BaseModel

    Model = TypeVar("Model", bound=BaseModel)


def checked(model: type[Model], fields: Mapping[str, Any], *, option: Callable[[Sequence[str]], str]) -> Model:
    """A request made of what the options say.

    Parameters
    ----------
    option : what the option is called that gave the field at a place in the request

    Raises
    ------
    BadUsage : naming the option that has no valid value
    """
    from pydantic import ValidationError  # noqa: PLC0415, `--help` need not wait for it

    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadUsage(f"{option([str(step) for step in first['loc']])}: {first['msg']}.") from None


def option_of(place: Sequence[str]) -> str:
    """The option that is called as the field is.

    >>> option_of(["baseline_from"])
    '--baseline-from'
    """
    return f"--{place[0].replace('_', '-')}"


def filters_of(where: Iterable[str], names: Collection[str]) -> dict[str, str]:
    """The filters of `--where NAME=VALUE`, which may be said again.

    Raises
    ------
    BadUsage : if one is no filter

    >>> filters_of(["language=nn"], ["language", "theme"])
    {'language': 'nn'}
    """
    filters: dict[str, str] = {}
    for each in where:
        name, found, value = each.partition("=")
        if not found or name not in names:
            raise BadUsage(f"--where takes NAME=VALUE. Names: {', '.join(sorted(names))}.")
        filters[name] = value
    return filters
