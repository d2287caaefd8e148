"""The taxonomy: which labels there are, what they are called in five languages and what they mean."""

from __future__ import annotations

import tomllib
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nlp.errors import BadTaxonomy, UnknownLabel

SHIPPED = Path(__file__).with_name("taxonomy.toml")


class Names(BaseModel):
    """A label's name in the four written languages and English."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nb: str = Field(min_length=1)
    nn: str = Field(min_length=1)
    da: str = Field(min_length=1)
    sv: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Label(BaseModel):
    """A label of any kind; `id` is what records, files and REST carry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z_]*$")
    names: Names
    description: str = Field(min_length=1)


class Theme(Label):
    """A journey theme and the stage of the journey in which it stands."""

    stage: str


class Taxonomy(BaseModel):
    """Every label that a model may give, in the order in which its heads give them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    stages: tuple[str, ...] = Field(min_length=1)
    sentiments: tuple[Label, ...] = Field(min_length=2)
    themes: tuple[Theme, ...] = Field(min_length=1)
    factors: tuple[Label, ...]
    flags: tuple[Label, ...]

    @classmethod
    def load(cls, path: Path = SHIPPED) -> Taxonomy:
        """Read and check a taxonomy file.

        Raises
        ------
        BadTaxonomy : if the file cannot be read, is not TOML, or breaks a rule; it names the place
        """
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise BadTaxonomy(f"{path.name}: {place + ': ' if place else ''}{first['msg']}.") from error
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BadTaxonomy(f"{path.name} cannot be read: {error}.") from error

    @model_validator(mode="after")
    def _check(self) -> Self:
        for kind in ("sentiments", "themes", "factors", "flags"):
            counts = Counter(label.id for label in getattr(self, kind))
            twice = sorted(id_ for id_, count in counts.items() if count > 1)
            if twice:
                raise ValueError(f"{kind} has the same id twice: {', '.join(twice)}")
        for theme in self.themes:
            if theme.stage not in self.stages:
                raise ValueError(f"theme {theme.id!r} has stage {theme.stage!r}; known: {', '.join(self.stages)}")
        return self

    @property
    def id(self) -> str:
        """`name@version`, as every record carries it."""
        return f"{self.name}@{self.version}"

    def theme(self, id_: str) -> Theme:
        """The theme with this id.

        Raises
        ------
        UnknownLabel : if there is none; it names the nearest
        """
        try:
            return self._themes[id_]
        except KeyError:
            raise UnknownLabel("theme", id_, list(self._themes)) from None

    @cached_property
    def _themes(self) -> dict[str, Theme]:
        return {theme.id: theme for theme in self.themes}
