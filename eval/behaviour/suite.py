"""Read the behavioural suite: every case of a folder of TOML files, one per group of capabilities."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from eval.behaviour.form import (
    WRITTEN,
    AnyCapability,
    AnyGroup,
    CasesFile,
    ChangedGroup,
    Expectation,
    Kind,
    Pools,
    Written,
)
from nlp.errors import StemmeError

SHIPPED: Final = Path(__file__).with_name("cases")


class BadCases(StemmeError):
    code, title = "bad_cases", "The behavioural cases cannot be used"


@dataclass(frozen=True, slots=True)
class Case:
    """A comment, its changed versions if the kind has any, and what must hold of their tags.

    `id` is `capability/language/number`, counted from 1 in the order of the file.
    """

    id: str
    capability: str
    language: Written
    question: str | None
    versions: tuple[str, ...]
    expect: Expectation


@dataclass(frozen=True, slots=True)
class Capability:
    """Something that a tagger should be able to do, with the cases that show whether it can."""

    name: str
    kind: Kind
    description: str
    cases: tuple[Case, ...]


def load_suite(
    folder: Path = SHIPPED, *, capabilities: Sequence[str] = (), languages: Sequence[str] = ()
) -> list[Capability]:
    """Read and check every file of a folder.

    Parameters
    ----------
    folder : holds `*.toml`
    capabilities, languages : the only ones that are wanted; all if empty

    Raises
    ------
    BadCases : if there is no file, a file breaks the form, a capability or a case stands twice, or what is wanted is
        not there
    """
    for language in languages:
        if language not in WRITTEN:
            raise BadCases(f"There are no cases in {language!r}. Known: {', '.join(WRITTEN)}.")
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise BadCases(f"{folder} holds no .toml file. Expected is a folder of behavioural cases.")
    suite: dict[str, Capability] = {}
    for path in paths:
        for capability in _read(path):
            if capability.name in suite:
                raise BadCases(f"{path.name}: capability {capability.name!r} stands in another place too.")
            suite[capability.name] = capability
    for name in capabilities:
        if name not in suite:
            near = get_close_matches(name, suite, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise BadCases(f"There is no capability {name!r}.{hint} Known: {', '.join(suite)}.")
    return [
        _only(capability, languages or WRITTEN)
        for capability in suite.values()
        if not capabilities or capability.name in capabilities
    ]


def _only(capability: Capability, languages: Sequence[str]) -> Capability:
    cases = tuple(case for case in capability.cases if case.language in languages)
    return Capability(capability.name, capability.kind, capability.description, cases)


def _read(path: Path) -> list[Capability]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        file = CasesFile.model_validate(data)
    except ValidationError as error:
        raise BadCases(f"{path.name}: {_first_problem(error, data)}.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadCases(f"{path.name} cannot be read: {error}.") from error
    capabilities = [
        Capability(entry.name, entry.kind, entry.description, tuple(_cases(entry, file.texts)))
        for entry in file.capability
    ]
    for capability in capabilities:
        _refuse_repeated(capability, path)
    return capabilities


def _cases(capability: AnyCapability, pools: Pools) -> Iterator[Case]:
    for language in WRITTEN:
        written = [(group, versions) for group in capability.cases for versions in _versions(group, language, pools)]
        for number, (group, versions) in enumerate(written, start=1):
            yield Case(
                id=f"{capability.name}/{language}/{number}",
                capability=capability.name,
                language=language,
                question=group.question.get(language),
                versions=versions,
                expect=group.expect,
            )


def _versions(group: AnyGroup, language: Written, pools: Pools) -> list[tuple[str, ...]]:
    return group.versions(language, pools) if isinstance(group, ChangedGroup) else group.versions(language)


def _refuse_repeated(capability: Capability, path: Path) -> None:
    seen: dict[tuple[Written, str | None, tuple[str, ...]], str] = {}
    for case in capability.cases:
        key = (case.language, case.question, case.versions)
        if key in seen:
            raise BadCases(f"{path.name}: case {case.id} is the same as {seen[key]}.")
        seen[key] = case.id


def _first_problem(error: ValidationError, data: dict[str, Any]) -> str:
    """Where the first problem lies and what it is; a capability is called by its name."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = list(first["loc"])
    if place[:1] == ["capability"] and len(place) > 1:
        name = data["capability"][place[1]].get("name", place[1])
        place = [f"capability {name!r}", *place[2:]]
    message = first["msg"].removeprefix("Value error, ")
    return f"{', '.join(map(str, place))}: {message}" if place else message
