"""What a retag is asked with, over REST and on the command line: which model, of which comments, how fast."""

# Annotations are evaluated here at once (no `from __future__ import annotations`), as pydantic needs them.
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from api.comment_schemas import NAME_SCHEMA, Moment, Name, Nps, storable
from api.jobs.errors import JobError
from api.store.search import Filters
from nlp.errors import BadModel, UnknownLabel
from nlp.models.manifest import Manifest
from nlp.models.shipped import model_folder
from nlp.record import FactorName, Language, SentimentLabel
from nlp.taxonomy import Taxonomy

THEMES: Final = [theme.id for theme in Taxonomy.load().themes]
LONGEST_PATH: Final = 4_096
FASTEST: Final = 1_000_000.0


def only_known(value: Any, known: list[str]) -> Any:
    """A part of a request, if it has no other fields than these.

    Raises
    ------
    PydanticCustomError : if it has
    """
    if isinstance(value, dict) and not value.keys() <= set(known):
        # Their names are not repeated: they may be anything.
        allowed = ", ".join(known)
        raise PydanticCustomError("unknown_field", f"A field is not known. Allowed: {allowed}")  # type: ignore[arg-type]
    return value


def _folder(value: object) -> str:
    try:
        folder = storable(value, LONGEST_PATH)
    except PydanticCustomError:
        folder = ""
    if not folder.strip():
        raise PydanticCustomError("folder", "Input should be the path of a folder")
    return folder


class RetagFilters(BaseModel):
    """Which comments; what is left out does not matter. Tags are those that are shown before."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})

    source: Name | None = Field(None, description="Its source.")
    touchpoint: Name | None = Field(None, description="Its touchpoint.")
    channel: Name | None = Field(None, description="Its channel.")
    department: Name | None = Field(None, description="Its department.")
    nps_min: Nps | None = Field(None, description="An NPS of at least this.")
    nps_max: Nps | None = Field(None, description="An NPS of at most this.")
    submitted_from: Moment | None = Field(None, description="Written at this time or later; with its zone.")
    submitted_before: Moment | None = Field(None, description="Written before this time; with its zone.")
    language: Language | None = Field(None, description="The language that it is written in.")
    sentiment: SentimentLabel | None = Field(None, description="Its sentiment on the whole.")
    theme: str | None = Field(
        None, description="A theme that it speaks about.", json_schema_extra={"enum": [*THEMES, None]}
    )
    factor: FactorName | None = Field(None, description="An emotional factor in it.")
    flag: Literal["churn_risk", "follow_up"] | None = Field(None, description="A flag that is raised.")

    @model_validator(mode="before")
    @classmethod
    def _only_known_filters(cls, value: Any) -> Any:
        return only_known(value, list(cls.model_fields))

    def as_parameters(self) -> dict[str, Any]:
        """Those that are set, as JSON."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in values.items()
            if value is not None
        }


class RetagRequest(BaseModel):
    """Tag stored comments anew, and show the new tags at once when all of them are there."""

    model_config = ConfigDict(title="Retag", json_schema_extra={"additionalProperties": False})

    kind: Literal["retag"] = Field(description="Which kind of job.")
    model: (
        Annotated[
            str,
            PlainValidator(_folder),
            WithJsonSchema({**NAME_SCHEMA, "maxLength": LONGEST_PATH}),
        ]
        | None
    ) = Field(
        None,
        description="Folder of the model on the service's machine. Left out, the active run's model, which is the "
        "shipped one unless another was named.",
    )
    filters: RetagFilters | None = Field(None, description="Which comments; every one if it is left out.")
    rate: float | None = Field(
        None, gt=0, le=FASTEST, description="Comments a second at most, to leave the machine to others."
    )

    @model_validator(mode="before")
    @classmethod
    def _only_known_fields(cls, value: Any) -> Any:
        return only_known(value, list(cls.model_fields))

    def as_parameters(self) -> dict[str, Any]:
        """What is kept of it with the job, as JSON; the folder's path is whole."""
        model = None if self.model is None else str(model_folder(self.model).resolve())
        filters = {} if self.filters is None else self.filters.as_parameters()
        return {"model": model, "filters": filters, "rate": self.rate}

    def check(self) -> None:
        """Refuse what cannot be done, before it is put into the queue.

        Raises
        ------
        UnknownModel : if there is no model in the folder
        UnknownLabel : if the theme is not in the taxonomy
        """
        check_request(self.as_parameters())


class UnknownModel(JobError):
    code, title = "unknown_model", "There is no such model"

    def __init__(self, why: str) -> None:
        super().__init__(f"{why} Name the folder of a model as `stemme train` writes it, or none.")


def filters_of(parameters: Mapping[str, Any]) -> Filters:
    """The filters of a job's parameters.

    Raises
    ------
    UnknownLabel : if the theme is not in the taxonomy

    >>> filters_of({"filters": {"department": "Bergen"}}).department
    'Bergen'
    """
    given = dict(parameters["filters"])
    if "q" in given:
        given["words"] = given.pop("q")
    if (theme := given.get("theme")) is not None and theme not in THEMES:
        raise UnknownLabel("theme", theme, THEMES)
    for name in ("submitted_from", "submitted_before"):
        if name in given:
            given[name] = datetime.fromisoformat(given[name])
    return Filters(**given)


def described(parameters: Mapping[str, Any]) -> str:
    """A job's parameters in words, for people.

    >>> described({"model": None, "filters": {"language": "da"}, "rate": None})
    'the active model; language da'
    """
    model = parameters["model"] or "the active model"
    filters = ", ".join(f"{name} {value}" for name, value in parameters["filters"].items())
    return f"{model}; {filters or 'every comment'}"


def check_request(parameters: Mapping[str, Any]) -> None:
    """Refuse what cannot be done, before it is put into the queue.

    Raises
    ------
    UnknownModel : if there is no model in the folder
    UnknownLabel : if the theme is not in the taxonomy
    """
    filters_of(parameters)
    if parameters["model"] is not None:
        try:
            Manifest.load(Path(parameters["model"]))
        except BadModel as error:
            raise UnknownModel(str(error)) from None
