"""Reports as they are answered, over REST and on the command line alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from api.nps import Nps, Shares
from api.reports.compare import METHOD, TELLING, Comparison, Flip, Telling, ThemeInBoth, ThemeInRun
from api.reports.groups import Totals
from api.reports.labels import LabelFigures, LabelReport, LabelRow
from api.reports.nps import NpsReport
from api.reports.query import ReportQuery
from api.reports.quotes import Quote
from api.reports.view import View
from nlp.record import FailedComment, Span, TaggedComment

Group = Mapping[str, str | None]
GROUP = "The value of each dimension; null for comments that have none."
PERIOD = "`2026-11-02`, `2026-W45`, `2026-11`, `2026-Q4` or `2026`; null for all times together."


class Asked(BaseModel):
    """What the answer is of, so that it can be asked for again."""

    as_of: datetime = Field(description="The moment: later comments, texts, values, tags and runs are not counted.")
    run: int | None = Field(description="The run whose tags were read; null for those that were shown at the moment.")
    parameters: dict[str, Any] = Field(description="What else was asked for.")
    again: str = Field(description="The address that gives the same figures again.")
    removed_since: int = Field(
        description="Comments that were erased or removed as old since `as_of`, and are missing here if they had come "
        "by then."
    )

    @classmethod
    def of(cls, query: ReportQuery, view: View, removed: int, *, path: Mapping[str, int] | None = None) -> Self:
        return cls(
            as_of=view.as_of,
            run=view.run_id,
            parameters=query.asked(),
            again=query.again(view, path),
            removed_since=removed,
        )


class TotalsOut(BaseModel):
    """All comments that the filters let through, each once."""

    comments: int = Field(description="Comments.")
    answers: int = Field(description="Those with an NPS.")
    tagged: int = Field(description="Those with tags.")
    untaggable: int = Field(description="Those that could not be tagged, such as empty ones.")
    waiting: int = Field(description="Those that had no tags yet.")

    @classmethod
    def of(cls, totals: Totals) -> Self:
        return cls(**asdict(totals), waiting=totals.waiting)


class LeftOut(BaseModel):
    """What the answer leaves out."""

    groups: int = Field(description="Groups beyond `limit`, the smallest.")
    comments: int = Field(description="Comments in them; one that is in two groups counts twice.")


class LeftOutLabels(LeftOut):
    """What the answer leaves out."""

    quotes: bool = Field(description="Whether quotes were wanted and there were too many rows for them.")


class NpsFigures(BaseModel):
    """Shares of answers, and the score with its 95 % interval, in points from -100 to 100."""

    promoters: float = Field(description="Share of 9 and 10.")
    passives: float = Field(description="Share of 7 and 8.")
    detractors: float = Field(description="Share of 0 to 6.")
    value: float = Field(description="100 times promoters less detractors.")
    low: float = Field(description="Lower end of its 95 % interval.")
    high: float = Field(description="Upper end of its 95 % interval.")

    @classmethod
    def of(cls, result: Shares | None) -> Self | None:
        return None if result is None else cls(**asdict(result))


class NpsRow(BaseModel):
    """The answers of a group in a period."""

    period: str | None = Field(description=PERIOD)
    group: dict[str, str | None] = Field(description=GROUP)
    answers: int = Field(description="Comments with an NPS.")
    too_few: bool = Field(description="Whether they are fewer than `minimum`.")
    nps: NpsFigures | None = Field(description="The score; null if there are too few answers.")

    @classmethod
    def of(cls, row: Nps) -> Self:
        return cls(
            period=row.period,
            group=dict(row.group),
            answers=row.answers,
            too_few=row.too_few,
            nps=NpsFigures.of(row.result),
        )

    def score(self) -> Nps:
        """As `api.nps` has it."""
        result = None if self.nps is None else Shares(**self.nps.model_dump())
        return Nps(self.group, self.period, self.answers, result)


class NpsAnswer(BaseModel):
    """The Net Promoter Score by group and period."""

    asked: Asked = Field(description="What it is of.")
    totals: TotalsOut = Field(description="All of its comments.")
    rows: list[NpsRow] = Field(description="By period, then by group.")
    left_out: LeftOut = Field(description="What is not among the rows.")

    @classmethod
    def of(cls, asked: Asked, report: NpsReport) -> Self:
        return cls(
            asked=asked,
            totals=TotalsOut.of(report.totals),
            rows=[NpsRow.of(row) for row in report.rows],
            left_out=LeftOut(groups=report.left_out_groups, comments=report.left_out_comments),
        )


class QuoteOut(BaseModel):
    """Words of a comment."""

    model_config = ConfigDict(from_attributes=True)

    comment: int = Field(description="Its id, for `GET /v1/comments/{id}`.")
    source: str = Field(description="Where it comes from.")
    external_id: str = Field(description="The source's own id for it.")
    sentiment: str | None = Field(description="The sentiment about the theme, or the factor's polarity.")
    confidence: float = Field(description="Of the theme or factor, 0 to 1.")
    text: str = Field(description="The text, or the part of it around the first words that show the label.")
    start: int = Field(description="Where the part begins in the comment's text, in code points.")
    spans: tuple[Span, ...] = Field(description="The words that show the label, in code points of `text` here.")


class ChangeOut(BaseModel):
    """What moved since the period before, or since the stretch of the same length before."""

    model_config = ConfigDict(from_attributes=True)

    since: str | None = Field(description="The former period; null for the stretch before.")
    comments: int = Field(description="More, or fewer.")
    share: float = Field(description="The change of the share, -1 to 1.")
    low: float = Field(description="Lower end of its 95 % interval.")
    high: float = Field(description="Upper end; if 0 lies between the two, the change may be chance.")
    nps: float | None = Field(description="In points; null if either period has too few answers.")


class LabelOut(BaseModel):
    """What customers say of a theme, or a factor."""

    comments: int = Field(description="Comments that have it.")
    share: float = Field(description="Of the group's tagged comments.")
    answers: int = Field(description="Those of them with an NPS.")
    nps: NpsFigures | None = Field(description="Their score; null if there are too few answers.")
    change: ChangeOut | None = Field(description="Since the period before; null if there is none to compare with.")
    quotes: list[QuoteOut] = Field(description="The words that show it best, one of each sentiment in turn.")

    @staticmethod
    def same(figures: LabelFigures) -> dict[str, Any]:
        return {
            "comments": figures.comments,
            "share": figures.share,
            "answers": figures.answers,
            "nps": NpsFigures.of(figures.nps),
            "change": None if figures.change is None else ChangeOut.model_validate(figures.change),
            "quotes": [_quote(each) for each in figures.quotes],
        }


class ThemeOut(LabelOut):
    """A theme in a group and period."""

    theme: str = Field(description="The theme.")
    stage: str | None = Field(description="Its stage of the journey.")
    sentiment: dict[str, int] = Field(description="Comments by the sentiment about the theme.")


class FactorOut(LabelOut):
    """An emotional factor in a group and period."""

    factor: str = Field(description="The factor.")
    polarity: dict[str, int] = Field(description="Comments by polarity; one that has both counts in both.")


class _Row(BaseModel):
    period: str | None = Field(description=PERIOD)
    group: dict[str, str | None] = Field(description=GROUP)
    comments: int = Field(description="Comments of the group.")
    tagged: int = Field(description="Those with tags.")


class ThemesRow(_Row):
    """A group in a period."""

    themes: list[ThemeOut] = Field(description="Those that most comments have come first.")


class FactorsRow(_Row):
    """A group in a period."""

    factors: list[FactorOut] = Field(description="Those that most comments have come first.")


class _LabelAnswer(BaseModel):
    asked: Asked = Field(description="What it is of.")
    totals: TotalsOut = Field(description="All of its comments.")
    left_out: LeftOutLabels = Field(description="What is not among the rows.")


class ThemesAnswer(_LabelAnswer):
    """Themes by group and period."""

    rows: list[ThemesRow] = Field(description="By period, then by group.")

    @classmethod
    def of(cls, asked: Asked, report: LabelReport) -> Self:
        rows = [
            ThemesRow(
                **_row(row),
                themes=[
                    ThemeOut(theme=each.label, stage=each.stage, sentiment=dict(each.sentiment), **LabelOut.same(each))
                    for each in row.labels
                ],
            )
            for row in report.rows
        ]
        return cls(asked=asked, totals=TotalsOut.of(report.totals), left_out=_left_out(report), rows=rows)


class FactorsAnswer(_LabelAnswer):
    """Emotional factors by group and period."""

    rows: list[FactorsRow] = Field(description="By period, then by group.")

    @classmethod
    def of(cls, asked: Asked, report: LabelReport) -> Self:
        rows = [
            FactorsRow(
                **_row(row),
                factors=[
                    FactorOut(factor=each.label, polarity=dict(each.sentiment), **LabelOut.same(each))
                    for each in row.labels
                ],
            )
            for row in report.rows
        ]
        return cls(asked=asked, totals=TotalsOut.of(report.totals), left_out=_left_out(report), rows=rows)


class ComparedRun(BaseModel):
    """A run."""

    id: int = Field(description="Its id.")
    model: str = Field(description="The model, as in records.")
    taxonomy: str = Field(description="The taxonomy, as in records.")


class VersionsOut(BaseModel):
    """Texts that stood at the moment, by which runs have tagged them."""

    both: int = Field(description="Those that are compared.")
    only_a: int = Field(description="Those that only the first run has tagged.")
    only_b: int = Field(description="Those that only the second run has tagged.")
    failed_a: int = Field(description="Of both, those that the first run could not tag: they have no labels in it.")
    failed_b: int = Field(description="Of both, those that the second run could not tag.")


class FlipOut(BaseModel):
    """So many comments of a language in which a label is another in the second run."""

    model_config = ConfigDict(from_attributes=True)

    kind: Literal["sentiment", "language", "theme", "theme_sentiment", "factor", "flag"] = Field(
        description="What flips."
    )
    label: str = Field(description="The theme, the factor with its polarity, or the flag; else empty.")
    direction: str = Field(description="`gained`, `lost`, or `FROM to TO`.")
    language: str | None = Field(description="As the second run has it, else the first.")
    comments: int = Field(description="Comments in which it does.")


class ThemeOfRun(BaseModel):
    """A theme in one run."""

    rank: int | None = Field(description="Its place by comments; null if it has none.")
    comments: int = Field(description="Comments that have it.")
    answers: int = Field(description="Those of them with an NPS.")
    nps: NpsFigures | None = Field(description="Their score; null if there are too few answers.")

    @classmethod
    def of(cls, theme: ThemeInRun) -> Self:
        nps = NpsFigures.of(theme.nps)
        return cls(rank=theme.rank, comments=theme.comments, answers=theme.answers, nps=nps)


class ThemeOfRuns(BaseModel):
    """A theme in both runs."""

    theme: str = Field(description="The theme.")
    a: ThemeOfRun = Field(description="In the first run.")
    b: ThemeOfRun = Field(description="In the second run.")
    nps_change: float | None = Field(description="In points; null if either has too few answers.")

    @classmethod
    def of(cls, theme: ThemeInBoth) -> Self:
        return cls(theme=theme.theme, a=ThemeOfRun.of(theme.a), b=ThemeOfRun.of(theme.b), nps_change=theme.nps_change)


class SentimentOfRun(BaseModel):
    """The overall sentiment in one run."""

    model_config = ConfigDict(from_attributes=True)

    comments: dict[str, int] = Field(description="Comments by sentiment.")
    mean_score: float | None = Field(description="From -1 (negative) to 1 (positive).")


class TellingOut(BaseModel):
    """A comment to read, with what both runs said of it."""

    comment: int = Field(description="Its id.")
    source: str = Field(description="Where it comes from.")
    external_id: str = Field(description="The source's own id for it.")
    language: str | None = Field(description="As the second run has it, else the first.")
    kind: str = Field(description="Of the flip that it stands for.")
    label: str = Field(description="Of the flip that it stands for.")
    direction: str = Field(description="Of the flip that it stands for.")
    change: float = Field(description="The change of confidence, 0 to 1.")
    text: str = Field(description="The text that both runs read.")
    question: str | None = Field(description="The survey's question.")
    a: TaggedComment | FailedComment = Field(description="The first run's record.")
    b: TaggedComment | FailedComment = Field(description="The second run's record.")

    @classmethod
    def of(cls, telling: Telling) -> Self:
        return cls(**{name: getattr(telling, name) for name in cls.model_fields})


class ComparisonAnswer(BaseModel):
    """What two runs say differently of the same texts."""

    asked: Asked = Field(description="What it is of.")
    a: ComparedRun = Field(description="The first run.")
    b: ComparedRun = Field(description="The second run.")
    versions: VersionsOut = Field(description="Which texts are compared.")
    flips: list[FlipOut] = Field(description="By label, direction and language; the most frequent first.")
    themes: list[ThemeOfRuns] = Field(description="By their place in the second run.")
    sentiment: dict[Literal["a", "b"], SentimentOfRun] = Field(description="The overall sentiment in each run.")
    telling: list[TellingOut] = Field(description=f"At most {TELLING} comments to read first.")
    telling_method: str = Field(description="How they were chosen.")

    @classmethod
    def of(cls, asked: Asked, found: Comparison) -> Self:
        sides = [SentimentOfRun.model_validate(each) for each in (found.sentiment_a, found.sentiment_b)]
        return cls(
            asked=asked,
            a=ComparedRun(**asdict(found.a)),
            b=ComparedRun(**asdict(found.b)),
            versions=VersionsOut(**asdict(found.versions)),
            flips=[_flip(each) for each in found.flips],
            themes=[ThemeOfRuns.of(each) for each in found.themes],
            sentiment={"a": sides[0], "b": sides[1]},
            telling=[TellingOut.of(each) for each in found.telling],
            telling_method=METHOD,
        )


def _flip(flip: Flip) -> FlipOut:
    return FlipOut.model_validate(flip)


def _quote(quote: Quote) -> QuoteOut:
    return QuoteOut.model_validate(quote)


def _row(row: LabelRow) -> dict[str, Any]:
    return {"period": row.period, "group": dict(row.group), "comments": row.comments, "tagged": row.tagged}


def _left_out(report: LabelReport) -> LeftOutLabels:
    return LeftOutLabels(
        groups=report.left_out_groups, comments=report.left_out_comments, quotes=report.left_out_quotes
    )
