"""Finding causes and their comments in a run, for those who read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from api.cause_actions.schemas import ActionOut
from api.cause_actions.verdicts import NO_ACTIONS, actions_of_causes
from api.cause_runs.errors import NoCauses, UnknownCause
from api.cause_runs.models import CauseMember, CauseRun
from api.cause_runs.report import Cause
from api.cause_runs.runs import current_run_in, find_run
from api.cause_runs.schemas import (
    CauseBrief,
    CauseComment,
    CauseCommentPage,
    CauseList,
    CauseOut,
    CauseQuote,
    CauseRunList,
    CauseRunOut,
    ReaderLanguage,
    SpanOut,
)
from api.comment_schemas import CommentOut
from api.cursor import cursor_after, id_before
from api.live_causes.schemas import CauseDriftOut
from api.reports.quotes import excerpt
from api.store.models import CommentVersion, Source, StoredComment
from api.store.search import find_versions
from nlp.record import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseFilters:
    """What a cause has to be like; what is None does not matter."""

    theme: str | None = None
    sentiment: str | None = None
    rising: bool = False

    def lets_through(self, cause: Cause) -> bool:
        return (
            self.theme in (None, cause["theme"])
            and self.sentiment in (None, cause["sentiment"])
            and not (self.rising and cause["rank_rising"] is None)
        )


@dataclass(frozen=True, slots=True)
class OfCause:
    """Whose comments a page has, for its cursor."""

    run_id: int
    topic: str

    @property
    def name(self) -> str:
        return f"{self.run_id} {self.topic}"


def run_named(session: Session, run_id: int | None) -> CauseRun:
    """The run with this id; the current one if none is named.

    Raises
    ------
    UnknownCauseRun : if there is no such run
    NoCauses : if none is named and there is no current one
    """
    run = current_run_in(session) if run_id is None else find_run(session, run_id)
    if run is None:
        raise NoCauses
    return run


def list_causes(
    session: Session,
    run_id: int | None,
    filters: CauseFilters,
    *,
    language: ReaderLanguage,
    limit: int,
    drift: Callable[[Session], CauseDriftOut | None],
) -> CauseList:
    """Causes of a run by rank; those that have risen, if they alone are asked for, by their own rank.

    Parameters
    ----------
    drift : how far what came since is from the current run
    """
    run = run_named(session, run_id)
    found = [cause for cause in run.report["causes"] if filters.lets_through(cause)]
    if filters.rising:
        found.sort(key=lambda cause: int(cause["rank_rising"]))
    shown = found[:limit]
    done = actions_of_causes(session, [cause["topic"] for cause in shown])
    causes = [CauseBrief.of(cause, language, done.get(cause["topic"], NO_ACTIONS)) for cause in shown]
    head = _told(session, run)
    return CauseList(run=head, drift=drift(session) if head.current else None, total=len(found), causes=causes)


def one_cause(
    session: Session, run_id: int | None, topic: str, *, language: ReaderLanguage, actions: list[ActionOut]
) -> CauseOut:
    """A cause with all that is known of it.

    Parameters
    ----------
    actions : what was done about it, with what came of it

    Raises
    ------
    UnknownCause : if the run has no such cause
    """
    run = run_named(session, run_id)
    cause = cause_of(run, topic)
    later = select(func.count(CauseMember.comment_version_id.distinct())).where(
        CauseMember.cause_run_id == run.id, CauseMember.topic == topic, CauseMember.assigned_at.is_not(None)
    )
    return CauseOut.whole(
        cause,
        language,
        run_id=run.id,
        quotes=_quotes(session, cause),
        assigned_later=session.scalar(later) or 0,
        done=actions_of_causes(session, [topic]).get(topic, NO_ACTIONS),
        actions=actions,
    )


def cause_of(run: CauseRun, topic: str) -> Cause:
    """A cause of a run's report.

    Raises
    ------
    UnknownCause : if it has none with this id
    """
    causes: dict[str, Cause] = {cause["topic"]: cause for cause in run.report["causes"]}
    if topic not in causes:
        raise UnknownCause(topic, run.id, causes)
    return causes[topic]


def comments_of(
    session: Session, run_id: int | None, topic: str, *, cursor: str | None, limit: int
) -> CauseCommentPage:
    """The comments that name a cause, as they stand, those that came last first.

    Raises
    ------
    UnknownCause : if the run has no such cause
    BadCursor : if the cursor is of another run or cause
    """
    run = run_named(session, run_id)
    cause_of(run, topic)
    whose = OfCause(run.id, topic)
    before = None if cursor is None else id_before(cursor, whose)
    of_cause = (CauseMember.cause_run_id == run.id, CauseMember.topic == topic)
    query = (
        select(CauseMember.comment_version_id)
        .distinct()
        .join(CommentVersion, CommentVersion.id == CauseMember.comment_version_id)
        .join(
            StoredComment,
            and_(StoredComment.id == CommentVersion.comment_id, StoredComment.version == CommentVersion.number),
        )
        .where(*of_cause)
        .order_by(CauseMember.comment_version_id.desc())
        .limit(limit + 1)
    )
    if before is not None:
        query = query.where(CauseMember.comment_version_id < before)
    versions = session.scalars(query).all()
    page = versions[:limit]
    places: defaultdict[int, list[CauseMember]] = defaultdict(list)
    members = select(CauseMember).where(*of_cause, CauseMember.comment_version_id.in_(page))
    for member in session.scalars(members.order_by(CauseMember.start)):
        places[member.comment_version_id].append(member)
    found = {each.version.id: each for each in find_versions(session, page)}
    comments = [
        CauseComment(
            comment=CommentOut.of(found[version]),
            spans=[SpanOut(start=each.start, end=each.end) for each in places[version]],
            assigned_at=places[version][0].assigned_at,
        )
        for version in page
    ]
    more = len(versions) > limit
    return CauseCommentPage(run=run.id, comments=comments, next=cursor_after(page[-1], whose) if more else None)


def list_cause_runs(session: Session, *, limit: int) -> CauseRunList:
    """Runs, the newest first."""
    runs = session.scalars(select(CauseRun).where(CauseRun.ready).order_by(CauseRun.id.desc()).limit(limit)).all()
    current = current_run_in(session)
    whole = _whole(session, [run.id for run in runs])
    current_id = None if current is None else current.id
    return CauseRunList(
        runs=[CauseRunOut.of(run, whole=run.id in whole, current=current_id) for run in runs],
    )


def _told(session: Session, run: CauseRun) -> CauseRunOut:
    current = current_run_in(session)
    whole = run.id in _whole(session, [run.id])
    return CauseRunOut.of(run, whole=whole, current=None if current is None else current.id)


def _whole(session: Session, run_ids: Sequence[int]) -> set[int]:
    return set(session.scalars(select(CauseRun.id).where(CauseRun.id.in_(run_ids), CauseRun.topics.is_not(None))))


def _quotes(session: Session, cause: Cause) -> list[CauseQuote]:
    """The quotes whose texts still stand, in their order."""
    query = (
        select(CommentVersion, StoredComment, Source.name)
        .join(
            StoredComment,
            and_(StoredComment.id == CommentVersion.comment_id, StoredComment.version == CommentVersion.number),
        )
        .join(Source, Source.id == StoredComment.source_id)
        .where(CommentVersion.id.in_([quote["version"] for quote in cause["quotes"]]))
    )
    found = {version.id: (version, comment, source) for version, comment, source in session.execute(query)}
    return [
        _quote(*found[quote["version"]], Span(quote["start"], quote["end"]))
        for quote in cause["quotes"]
        if quote["version"] in found
    ]


def _quote(version: CommentVersion, comment: StoredComment, source: str, words: Span) -> CauseQuote:
    text, start, spans = excerpt(version.text, [words])
    return CauseQuote(
        comment=comment.id,
        source=source,
        external_id=comment.external_id,
        submitted_at=comment.submitted_at,
        text=text,
        start=start,
        spans=[SpanOut(start=span.start, end=span.end) for span in spans],
    )
