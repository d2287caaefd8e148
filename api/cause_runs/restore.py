"""A run as it was found, out of the store: for files and the page, which `stemme topics` writes alike of a file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.cause_runs import reading
from api.cause_runs.models import CauseMember, CauseRun
from api.cause_runs.report import Cause
from api.cause_runs.runs import load_topics
from api.store.database import Store
from api.store.models import CommentVersion, Source, StoredComment
from nlp.causes.chance import Estimate
from nlp.causes.change import Change, Trend, Week
from nlp.causes.concentration import Concentration
from nlp.causes.describe import CauseReport, CauseStatistics
from nlp.causes.factors import FactorOfCause
from nlp.causes.nps_cost import NpsCost
from nlp.causes.precedence import EarlierCause
from nlp.root_causes import Causes, Feedback
from nlp.topics import Quote, TopicModel

UNKNOWN = math.nan


@dataclass(frozen=True, slots=True)
class Restored:
    """What `api.causes.writing.write_causes` writes; comments are called `SOURCE/EXTERNAL_ID`.

    Attributes
    ----------
    found : without what the report does not keep, which nothing that is written has
    feedback : the comments that are quoted
    days : the first and the last of all
    """

    found: Causes
    feedback: Sequence[Feedback]
    days: tuple[date, date] | None


def restored(store: Store, run: CauseRun) -> Restored:
    """A run with its topics and comments; those that are gone are not in it.

    Raises
    ------
    TopicsNotKept : if only its report is left
    """
    model = load_topics(store, run.id)
    quoted = {int(quote.comment_id) for topic in model.topics for quote in topic.quotes}
    zone = ZoneInfo(run.parameters.get("time_zone", "Europe/Oslo"))
    read = list(reading.read_some(store, quoted, time_zone=zone))
    with store.read() as session:
        members = _members(session, run.id)
        names = _names(session, {*(int(each.comment.id) for each in read), *_all(members.values())})
    feedback = [replace(each, comment=replace(each.comment, id=names[int(each.comment.id)])) for each in read]
    quotable = {int(each.comment.id): names[int(each.comment.id)] for each in read}
    causes = run.report["causes"]
    places = {topic.id: place for place, topic in enumerate(model.topics)}
    report = CauseReport(
        run.report["comments"],
        run.report["dated"],
        run.report["answers"],
        UNKNOWN if run.report["nps"] is None else run.report["nps"],
        tuple(_statistics(cause, places) for cause in causes),
    )
    found = Causes(
        _called(model, quotable),
        report,
        {topic.id: [names[version] for version in members.get(topic.id, ())] for topic in model.topics},
        {f"{reason} {number}": reason for reason, count in run.report["without"].items() for number in range(count)},
    )
    days = run.report["days"]
    return Restored(found, feedback, None if days is None else (_day(days[0]), _day(days[1])))


def _members(session: Session, run_id: int) -> dict[str, list[int]]:
    """The versions of each topic, in the order in which they came."""
    query = (
        select(CauseMember.topic, CauseMember.comment_version_id)
        .where(CauseMember.cause_run_id == run_id, CauseMember.assigned_at.is_(None))
        .distinct()
        .order_by(CauseMember.comment_version_id)
    )
    members: dict[str, list[int]] = {}
    for topic, version in session.execute(query):
        members.setdefault(topic, []).append(version)
    return members


def _names(session: Session, versions: set[int]) -> dict[int, str]:
    """What each version's comment is called outside."""
    query = (
        select(CommentVersion.id, Source.name, StoredComment.external_id)
        .join(StoredComment, StoredComment.id == CommentVersion.comment_id)
        .join(Source, Source.id == StoredComment.source_id)
        .where(CommentVersion.id.between(min(versions, default=0), max(versions, default=0)))
    )
    return {id_: f"{source}/{external_id}" for id_, source, external_id in session.execute(query) if id_ in versions}


def _all(lists: Iterable[Sequence[int]]) -> Iterable[int]:
    return (version for versions in lists for version in versions)


def _called(model: TopicModel, names: Mapping[int, str]) -> TopicModel:
    """The topics with quotes of comments by these names; others are left out."""
    topics = [
        replace(
            topic,
            quotes=[
                Quote(names[int(quote.comment_id)], quote.start, quote.end)
                for quote in topic.quotes
                if int(quote.comment_id) in names
            ],
        )
        for topic in model.topics
    ]
    return replace(model, topics=topics)


def _statistics(cause: Cause, places: Mapping[str, int]) -> CauseStatistics:
    change = cause["change"]
    return CauseStatistics(
        cause=cause["topic"],
        rank=cause["rank"],
        rank_rising=cause["rank_rising"],
        size=cause["size"],
        share=cause["share"],
        sentiment=_number(cause["mean_sentiment"]),
        sentiment_elsewhere=UNKNOWN,
        points_lost=None,
        points_lost_now=cause["points_lost_now"],
        points_risen=cause["points_risen"],
        nps=_cost(cause),
        growth=_estimate(cause["growth"]),
        trend=Trend(
            tuple(Week(_day(week["monday"]), week["count"], week["of"], _estimate(None)) for week in cause["weeks"]),
            UNKNOWN,
            UNKNOWN,
            () if change is None else (_change(change),),
        ),
        concentrations=tuple(
            Concentration(
                place["where"],
                place["count"],
                UNKNOWN,
                UNKNOWN,
                UNKNOWN,
                _ratio(place["lift"]),
                place["p"],
                place["q"],
            )
            for place in cause["concentration"]
        ),
        factors=tuple(
            FactorOfCause(
                each["factor"],
                each["polarity"],
                each["count"],
                UNKNOWN,
                UNKNOWN,
                math.inf if each["lift"] is None else each["lift"],
                UNKNOWN,
                each["q"],
                tuple(each["words"]),
            )
            for each in cause["factors"]
        ),
        stage=cause["stage"],
        earlier=tuple(
            EarlierCause(
                places[each["topic"]],
                each["stage"],
                each["customers"],
                UNKNOWN,
                _ratio(each["lift"]),
                0,
                0,
                UNKNOWN,
                UNKNOWN,
            )
            for each in cause["earlier_causes"]
            if each["topic"] in places
        ),
    )


def _cost(cause: Cause) -> NpsCost | None:
    nps = cause["nps"]
    if nps is None:
        return None
    plain, adjusted = _estimate(nps["points_lost_plain"]), _estimate(cause["nps_points_lost"])
    return NpsCost(nps["answers"], nps["of_cause"], nps["without"], plain, adjusted, UNKNOWN)


def _change(change: Mapping[str, Any]) -> Change:
    """The rise that is told; the shares before and after it say only that it is one."""
    day, earliest, latest = (_day(change[name]) for name in ("date", "earliest", "latest"))
    return Change(day, earliest, latest, 0.0, 1.0, _ratio(change["strength"]), UNKNOWN)


def _estimate(told: Mapping[str, float | None] | None) -> Estimate:
    if told is None:
        return Estimate(UNKNOWN, -math.inf, math.inf)
    value, low, high = told["estimate"], told["low"], told["high"]
    return Estimate(
        math.inf if value is None else value, -math.inf if low is None else low, math.inf if high is None else high
    )


def _ratio(value: float | None) -> Estimate:
    """A ratio of which only the value is kept; none is told where there is nothing to divide by."""
    return Estimate(math.inf if value is None else value, 0.0, math.inf)


def _number(value: float | None) -> float:
    return UNKNOWN if value is None else value


def _day(text: str) -> date:
    return date.fromisoformat(text)
