"""What a report can be asked for, over REST and on the command line alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal
from urllib.parse import urlencode
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.comment_schemas import HIGHEST_NPS, Name, QueryMoment, Words
from api.nps import FEWEST_ANSWERS, MINIMUM_ANSWERS, Period
from api.reports.dimensions import MOST, NAMES, PATTERN
from api.reports.groups import MOST_GROUPS
from api.reports.view import View
from api.reports.zones import Zone
from api.store.search import Filters
from api.time_zone import UnknownTimeZone
from nlp.errors import UnknownLabel
from nlp.record import FactorName, Language, SentimentLabel
from nlp.taxonomy import Taxonomy

THEMES: tuple[str, ...] = tuple(theme.id for theme in Taxonomy.load().themes)
MOST_QUOTES = 5
HIGHEST_ID = 2**63 - 1


def known_zone(name: str) -> str:
    """The name of a time zone, for pydantic.

    Raises
    ------
    PydanticCustomError : if there is none of this name
    """
    try:
        return Zone.named(name).name
    except UnknownTimeZone as error:
        raise PydanticCustomError("time_zone", str(error).removesuffix(".")) from None  # type: ignore[arg-type]


ZONES: Final = {"type": "string", "enum": sorted(available_timezones())}


class ReportQuery(BaseModel):
    """What every report can be asked for: a moment, and which comments."""

    address: ClassVar[str]

    as_of: QueryMoment | None = Field(None, description="Answer as at this moment, with its zone; now unless said.")
    source: Name | None = Field(None, description="Its source.")
    touchpoint: Name | None = Field(None, description="Its touchpoint.")
    channel: Name | None = Field(None, description="Its channel.")
    department: Name | None = Field(None, description="Its department.")
    nps_min: int | None = Field(None, ge=0, le=HIGHEST_NPS, description="An NPS of at least this.")
    nps_max: int | None = Field(None, ge=0, le=HIGHEST_NPS, description="An NPS of at most this.")
    submitted_from: QueryMoment | None = Field(None, description="Written at this time or later; with its zone.")
    submitted_before: QueryMoment | None = Field(None, description="Written before this time; with its zone.")
    language: Language | None = Field(None, description="The language that it is written in.")
    sentiment: SentimentLabel | None = Field(None, description="Its sentiment on the whole.")
    theme: str | None = Field(
        None, description="A theme that it speaks about.", json_schema_extra={"enum": [*THEMES, None]}
    )
    factor: FactorName | None = Field(None, description="An emotional factor in it.")
    flag: Literal["churn_risk", "follow_up"] | None = Field(None, description="A flag that is raised.")
    q: Words | None = Field(None, description="Words that it holds, as in `GET /v1/comments`.")

    def filters(self) -> Filters:
        """Which comments.

        Raises
        ------
        UnknownLabel : if the theme is not in the taxonomy
        """
        if self.theme is not None and self.theme not in THEMES:
            raise UnknownLabel("theme", self.theme, THEMES)
        names = FILTERS - {"q"}
        return Filters(**{name: getattr(self, name) for name in names}, words=self.q)

    def asked(self) -> dict[str, Any]:
        """What was asked for beside the moment and the run, without what nobody said."""
        values = {name: getattr(self, name) for name in type(self).model_fields if name not in {"as_of", "run"}}
        said = {name: value for name, value in values.items() if value != type(self).model_fields[name].default}
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in said.items()}

    def again(self, view: View, path: Mapping[str, int] | None = None) -> str:
        """The address under which the same figures are given again."""
        parameters = {**self.asked(), "as_of": view.as_of.isoformat()}
        if view.run_id is not None:
            parameters["run"] = view.run_id
        return f"{self.address.format(**(path or {}))}?{urlencode(parameters, doseq=True)}"


FILTERS = frozenset(ReportQuery.model_fields) - {"as_of"}

Dimensions = Annotated[
    list[str],
    Field(max_length=MOST, description=f"Dimensions to group by, once each: {', '.join(NAMES)}."),
    WithJsonSchema({"type": "array", "maxItems": MOST, "items": {"type": "string", "pattern": PATTERN}}),
    AfterValidator(lambda names: list(dict.fromkeys(names))),
]
Minimum = Annotated[int, Field(ge=FEWEST_ANSWERS, le=1_000_000, description="Fewer answers than this give no NPS.")]


class NpsQuery(ReportQuery):
    """What a report of scores can be asked for."""

    address = "/v1/reports/nps"

    run: int | None = Field(
        None, ge=1, le=HIGHEST_ID, description="Read the tags of this run; unless said, those that were shown."
    )
    by: Dimensions = []
    period: Period | None = Field(None, description="Group by time.")
    time_zone: Annotated[str, AfterValidator(known_zone), WithJsonSchema(ZONES)] = Field(
        "Europe/Oslo", max_length=64, description="Where days begin, by its IANA name."
    )
    minimum: Minimum = MINIMUM_ANSWERS
    limit: int = Field(100, ge=1, le=MOST_GROUPS, description="Groups at most, the largest; the others are counted.")


class ThemesQuery(NpsQuery):
    """What a report of themes can be asked for."""

    address = "/v1/reports/themes"

    quotes: int = Field(2, ge=0, le=MOST_QUOTES, description="Quotes of each label at most.")


class FactorsQuery(ThemesQuery):
    """What a report of factors can be asked for."""

    address = "/v1/reports/factors"


class RunsQuery(ReportQuery):
    """What a comparison of two runs can be asked for; filters of tags are asked of the second."""

    address = "/v1/reports/runs/{a}/compare/{b}"

    minimum: Minimum = MINIMUM_ANSWERS
