"""What callers of /v1/causes and /v1/cause-runs get."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, Field

from api.cause_actions.schemas import ActionOut, LatestVerdictOut
from api.cause_actions.verdicts import ActionsOfCause
from api.cause_runs.models import CauseRun
from api.cause_runs.report import Cause
from api.comment_schemas import CommentOut
from api.live_causes.schemas import CauseDriftOut
from nlp.record import FactorName, Polarity

Day = date  # a field is called `date`
ReaderLanguage = Literal["en", "nb", "nn", "da", "sv"]
BRIEF: Final = (
    *("rank", "topic", "theme", "stage", "sentiment", "size", "share", "nps_points_lost", "points_lost_now", "change"),
    *("growth", "rank_rising", "points_risen", "since"),
)
WHOLE: Final = (*("parent", "words", "mean_sentiment", "nps", "weeks", "concentration", "factors", "earlier_causes"),)


class EstimateOut(BaseModel):
    """An estimate with its 95 % interval."""

    estimate: float | None = Field(description="The value; null if it is infinite.")
    low: float | None = Field(description="Where the interval begins; null if the data set no bound.")
    high: float | None = Field(description="Where it ends; null if the data set no bound.")


class CauseChange(BaseModel):
    """When its share rose."""

    date: Day = Field(description="The day.")
    strength: float | None = Field(description="The share after over the share before; null if there was none before.")
    earliest: Day = Field(description="The first day on which it may have been.")
    latest: Day = Field(description="The last day on which it may have been.")


class SinceOut(BaseModel):
    """What became of it since the former run."""

    what: Literal["new", "growing", "steady", "fading"] = Field(
        description="`growing` and `fading` are said where the interval of `ratio` leaves 1 out."
    )
    former: str | None = Field(description="The id that it had then; null of a new one.")
    overlap: float = Field(description="How much of its comments the two share, 0 to 1 (Jaccard).")
    ratio: EstimateOut | None = Field(
        description="Its share of the comments that came since, over its share then; null if none came."
    )


class CauseNps(BaseModel):
    """NPS with it and without it."""

    answers: int = Field(description="Answers of those who name it.")
    of_cause: float = Field(description="Their NPS.")
    without: float = Field(description="Everybody else's.")
    points_lost_plain: EstimateOut | None = Field(
        description="By how much everybody else's NPS lies above all; it blames a cause for what comes along with it."
    )


class WeekOut(BaseModel):
    """A week."""

    monday: Day = Field(description="Its first day.")
    count: int = Field(description="Comments that name the cause.")
    of: int = Field(description="All comments.")


class PlaceOut(BaseModel):
    """Where it is named more than elsewhere."""

    dimension: str = Field(description="Such as `department`; of two at once `department + touchpoint`.")
    value: str = Field(description="The value, or both.")
    lift: float | None = Field(description="How many times as often as elsewhere; null if never elsewhere.")
    p: float = Field(description="Of at least so many by chance.")
    q: float = Field(description="The same, corrected for all tests.")
    count: int = Field(description="Comments there that name it.")


class CauseFactor(BaseModel):
    """How people are experienced where it is named."""

    factor: FactorName = Field(description="The factor.")
    polarity: Polarity = Field(description="Experienced so, or as the opposite.")
    count: int = Field(description="Comments that name the cause and show the factor.")
    lift: float | None = Field(description="Over what comments of like feeling and length would give.")
    q: float = Field(description="Of so many by chance, corrected for all tests.")
    words: list[str] = Field(description="Customers' words for it that are typical here.")


class EarlierOut(BaseModel):
    """A cause at an earlier stage of the journey that the same customers name."""

    topic: str = Field(description="Its id.")
    stage: str = Field(description="Its stage.")
    customers: int = Field(description="Customers who name both.")
    lift: float | None = Field(description="Over what chance would give.")


class SpanOut(BaseModel):
    """Code points of a text."""

    start: int = Field(description="The first.")
    end: int = Field(description="The one after the last.")


class CauseQuote(BaseModel):
    """A customer's words, as they stand in the store now."""

    comment: int = Field(description="The comment's id in the store.")
    source: str = Field(description="Where it comes from.")
    external_id: str = Field(description="The source's own id for it.")
    submitted_at: datetime = Field(description="When it was written, in UTC.")
    text: str = Field(description="The text around the words, cut if it is long.")
    start: int = Field(description="Where `text` begins in the comment's text, in code points.")
    spans: list[SpanOut] = Field(description="Where the words are, in `text`.")


class CauseBrief(BaseModel):
    """A cause with its main figures."""

    rank: int = Field(description="From 1, by what it costs now.")
    topic: str = Field(description="Its id: the same from run to run.", examples=["t-3f0a9b61c2de"])
    label: str = Field(description="Its name, in customers' words or an analyst's.")
    label_language: str = Field(description="The language that the name is written in.")
    theme: str | None = Field(description="The theme of most of it; null for what the taxonomy lacks.")
    stage: str | None = Field(description="Of the journey.")
    sentiment: str | None = Field(description="Of most of it.")
    size: int = Field(description="Comments that name it.")
    share: float = Field(description="Of all comments of the run.")
    nps_points_lost: EstimateOut | None = Field(
        description="NPS points that it costs, all other causes and places held alike; null with too few answers."
    )
    points_lost_now: float | None = Field(description="The same at its present share, by which it is ranked.")
    change: CauseChange | None = Field(
        description="When its share rose, of several rises the clearest; null if it did not."
    )
    growth: EstimateOut | None = Field(description="Its share in the last four weeks over the share before.")
    rank_rising: int | None = Field(description="From 1 among those that have risen; null of the others.")
    points_risen: float | None = Field(description="NPS points that came with its rise.")
    since: SinceOut | None = Field(description="Against the former run; null in the first.")
    pending: bool = Field(
        description="Whether analysts have merged or split it, and its figures are null until a job has made them anew."
    )

    action_count: int = Field(description="How many actions are kept on it: `GET /v1/causes/{topic}/actions`.")
    latest_verdict: LatestVerdictOut | None = Field(
        description="What came of the action that began last, as it was last computed: when an action is added or "
        "changed, after a run, and hourly as comments come; null without actions, and until it is computed."
    )

    @classmethod
    def of(cls, cause: Cause, language: ReaderLanguage, done: ActionsOfCause) -> Self:
        return cls(**_named(cause, language), **{name: cause[name] for name in BRIEF}, **_done(done))


class CauseOut(CauseBrief):
    """A cause with all that is known of it."""

    run: int = Field(description="The run that found it.")
    parent: str | None = Field(description="The larger cause that it is a special case of.")
    words: dict[str, list[str]] = Field(description="By language, the words that set it apart, the heaviest first.")
    mean_sentiment: float | None = Field(description="Of its comments, -1 to 1.")
    nps: CauseNps | None = Field(description="Null with fewer than ten answers.")
    weeks: list[WeekOut] = Field(description="Of the run's time, the first and the last perhaps in part.")
    concentration: list[PlaceOut] = Field(description="Where it is named more than elsewhere.")
    factors: list[CauseFactor] = Field(description="How people are experienced where it is named.")
    earlier_causes: list[EarlierOut] = Field(description="What the same customers name of earlier stages.")
    quotes: list[CauseQuote] = Field(description="Typical words, unlike each other; those of erased comments are gone.")
    assigned_later: int = Field(description="Comments that came after the run and were found to name it.")
    actions: list[ActionOut] = Field(
        description="What was done about it, the newest first, at most 50, each with its effect as of now in the "
        "current run; `GET /v1/causes/{topic}/actions` has all."
    )

    @classmethod
    def whole(
        cls,
        cause: Cause,
        language: ReaderLanguage,
        *,
        run_id: int,
        quotes: list[CauseQuote],
        assigned_later: int,
        done: ActionsOfCause,
        actions: list[ActionOut],
    ) -> Self:
        return cls(
            **_named(cause, language),
            **{name: cause[name] for name in (*BRIEF, *WHOLE)},
            run=run_id,
            quotes=quotes,
            assigned_later=assigned_later,
            actions=actions,
            **_done(done),
        )


class CauseRunOut(BaseModel):
    """A run: when causes were looked for, in what, and how many were found."""

    id: int = Field(description="Its id.")
    current: bool = Field(description="Whether it is the one that `GET /v1/causes` shows unless another is named.")
    shown: bool = Field(description="Whether it was meant to be; others are kept aside, and asked for by their ids.")
    whole: bool = Field(description="False of an old run: its comments are not kept, only its report is.")
    job: int | None = Field(description="The job that found it.")
    created_at: datetime = Field(description="When reading the comments began, in UTC.")
    finished_at: datetime = Field(description="When it was stored.")
    tag_run: int = Field(description="The tag run that was active: see `GET /v1/runs`.")
    encoder: str = Field(description="The model that embedded the clauses, as `name@version`.")
    parameters: dict[str, Any] = Field(description="What was asked.")
    comments: int = Field(description="Comments that it read.")
    clauses: int = Field(description="Clauses in them.")
    causes: int = Field(description="Causes in them.")
    answers: int = Field(description="Answers to the NPS question.")
    nps: float | None = Field(description="Their NPS; null without any.")
    without: dict[str, int] = Field(
        description="Comments that have neither a cause nor a theme, by reason: `too_short`, `no_opinion`, `new`."
    )
    gone: list[str] = Field(description="Ids of the former run's causes that are no longer there.")

    @classmethod
    def of(cls, run: CauseRun, *, whole: bool, current: int | None) -> Self:
        report: Mapping[str, Any] = run.report
        return cls(
            id=run.id,
            current=run.id == current,
            shown=run.shown,
            whole=whole,
            job=run.job_id,
            created_at=run.created_at,
            finished_at=run.finished_at,
            tag_run=run.tag_run_id,
            encoder=run.encoder,
            parameters=run.parameters,
            comments=run.n_comments,
            clauses=run.n_segments,
            causes=len(report["causes"]),
            answers=report.get("answers", 0),
            nps=report.get("nps"),
            without=report.get("without", {}),
            gone=report.get("gone", []),
        )


class CauseList(BaseModel):
    """Causes of a run, by rank."""

    run: CauseRunOut = Field(description="The run.")
    drift: CauseDriftOut | None = Field(
        description="How far what came since is from the run, and when causes are found anew, as in `GET "
        "/v1/causes/drift`; null of a run that is not the current one."
    )
    total: int = Field(description="Causes that the filters let through.")
    causes: list[CauseBrief] = Field(description="At most `limit` of them.")


class CauseRunList(BaseModel):
    """Runs, the newest first."""

    runs: list[CauseRunOut] = Field(description="At most `limit`.")


class CauseComment(BaseModel):
    """A comment that names a cause."""

    comment: CommentOut = Field(description="As `GET /v1/comments` gives it.")
    spans: list[SpanOut] = Field(description="The places in its text that name the cause.")
    assigned_at: datetime | None = Field(description="When it was found to, if it came after the run; else null.")


class CauseCommentPage(BaseModel):
    """A page of comments that name a cause, those that came last first."""

    run: int = Field(description="The run. Name it to go on with its pages when there is a newer one.")
    comments: list[CauseComment] = Field(description="At most `limit`. A comment that was said anew is not among them.")
    next: str | None = Field(description="The `cursor` of the page that follows; null on the last.")


def _named(cause: Cause, language: ReaderLanguage) -> dict[str, Any]:
    return {
        "label": cause["label"][language],
        "label_language": cause["label_language"].get(language, language),
        "pending": cause.get("pending", False),
    }


def _done(done: ActionsOfCause) -> dict[str, Any]:
    return {"action_count": done.count, "latest_verdict": LatestVerdictOut.of(done.latest)}
