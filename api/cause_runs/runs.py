"""Runs of causes: which one is shown, its topics and its comments; saving one, and changing its topics.

run = current_run(store)                        # None before the first
model = load_topics(store, run.id)              # nlp.topics.TopicModel; its comments are called by version ids
run.report["causes"][0]["topic"]                # by rank; api/cause_runs/report.py says what else is in it
members(store, run.id, model.topics[0].id)      # the places in comments that speak of it
replace_topics(store, run.id, model.rename(…))  # and merge, split: what analysts do
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from sqlalchemy import ColumnElement, Table, delete, func, insert, select, text, update
from sqlalchemy.orm import Session, undefer

from api.cause_runs.errors import TopicsNotKept, UnknownCauseRun
from api.cause_runs.forget import with_causes, without_versions
from api.cause_runs.models import CauseMember, CauseRun, CauseSource
from api.cause_runs.report import Cause, Report, not_described, note_words, retold, versions_in, words_to_source
from api.corrections.shown import in_batches, shown_taggings
from api.store.database import Store
from api.store.models import CommentVersion, now
from nlp.topics import BadTopics, Segment, Topic, TopicModel

if TYPE_CHECKING:
    from nlp.root_causes import RootCauses  # needs the extra `topics`

SOURCES_LOCK: Final = 0x636175736573
"""Of PostgreSQL: "causes" in ASCII."""
ROWS_AT_ONCE: Final = 5_000
SEGMENTS_READ: Final = 2_000
"""Of a topic that analysts made: the newest, in which its words are looked for."""


def current_run(store: Store) -> CauseRun | None:
    """The run that is shown: the newest of those that are not kept aside; None before the first.

    The row is whole and belongs to no session; `topics` is not loaded with it (`load_topics`).
    """
    with store.read() as session:
        return current_run_in(session)


def current_run_in(session: Session) -> CauseRun | None:
    """`current_run`, in a session."""
    return session.scalar(select(CauseRun).where(CauseRun.shown).order_by(CauseRun.id.desc()).limit(1))


def find_run(session: Session, run_id: int) -> CauseRun:
    """The run with this id.

    Raises
    ------
    UnknownCauseRun : if there is none
    """
    run = session.get(CauseRun, run_id)
    if run is None or not run.ready:
        raise UnknownCauseRun(run_id)
    return run


def load_topics(store: Store, run_id: int) -> TopicModel:
    """The topics of a run, with which new comments can be given theirs.

    What the model calls a comment (`Segment.comment_id`, `Quote.comment_id`) is the id of a version as text:
    `str(CommentVersion.id)`. Call the segments that you hand to `assign`, or to a later run, the same. The base
    installation is enough.

    Raises
    ------
    UnknownCauseRun : if there is no such run
    TopicsNotKept : if it is so old that only its report is left, or its topics cannot be read
    """
    with store.read() as session:
        return _topics_of(_with_topics(session, run_id))


def members(store: Store, run_id: int, topic: str, *, until: int | None = None) -> Sequence[CauseMember]:
    """The places in comments that speak of a topic, those of the newest versions first, then as they stand in the text.

    A comment may have several, and may have been said anew since: `CommentVersion.number` is then not the
    `StoredComment.version` that stands. Erased comments are not there. A topic that the run does not know has none.

    Parameters
    ----------
    until : only versions with a lower id than this one's, for paging
    """
    query = select(CauseMember).where(CauseMember.cause_run_id == run_id, CauseMember.topic == topic)
    if until is not None:
        query = query.where(CauseMember.comment_version_id < until)
    with store.read() as session:
        return session.scalars(query.order_by(CauseMember.comment_version_id.desc(), CauseMember.start)).all()


def stage_run(
    store: Store,
    *,
    found: RootCauses,
    report: Report,
    parameters: Mapping[str, Any],
    tag_run_id: int,
    created_at: datetime,
    job_id: int | None = None,
    progress: Callable[[float], None] = lambda _share: None,
) -> int:
    """Put what was found into the store, part by part: writers wait for a part at most, and nobody sees the run yet.

    Of comments that were erased while causes were looked for nothing is kept. A process that dies leaves a run that is
    not ready: `discard_some`.

    Parameters
    ----------
    found : whose comments are called by the ids of their versions, as text
    report : of `make_report`
    parameters : what was asked
    tag_run_id : the tag run that was active
    created_at : when reading the comments began: those that were tagged later are not in it
    job_id : which job found it; a job keeps one run at most
    progress : called between the parts with the share that is stored

    Returns
    -------
    The run's id, for `show_run`

    Raises
    ------
    sqlalchemy.exc.IntegrityError : if the job has kept a run already, or the run was discarded meanwhile
    """
    with store.write() as session:
        keep_removals_out(session)
        said = versions_in(report)
        report = without_versions(report, said - _existing(session, said))
        run = CauseRun(
            job_id=job_id,
            tag_run_id=tag_run_id,
            created_at=created_at,
            finished_at=now(),
            shown=False,
            ready=False,
            encoder=found.model.encoder,
            parameters=dict(parameters),
            n_comments=len(found.observations.ids),
            n_segments=len(found.segments),
            report=report,
            topics=with_causes(found.model, report).to_bytes(),
        )
        session.add(run)
        session.flush()
        # From here on a removal takes its words out of this run as out of any other.
        _note_sources(session, run.id, report)
    rows = np.flatnonzero(found.model.assignment.topics >= 0)
    for first in range(0, len(rows), ROWS_AT_ONCE):
        progress(first / len(rows))
        some = list(_members(found, rows[first : first + ROWS_AT_ONCE].tolist(), run.id))
        with store.write() as session:
            keep_removals_out(session)
            there = _existing(session, {row["comment_version_id"] for row in some})
            _insert(session, CauseMember, (row for row in some if row["comment_version_id"] in there))
    return run.id


def show_run(session: Session, run_id: int, *, shown: bool) -> CauseRun:
    """Let everybody see a run that `stage_run` has stored whole; at once, in the session's transaction.

    Parameters
    ----------
    shown : whether it is to be the current run; one over a part of the comments is better kept aside
    """
    run = session.get_one(CauseRun, run_id, with_for_update=True)
    run.ready, run.shown, run.finished_at = True, shown, now()
    session.flush()
    return run


def discard_some(session: Session, which: ColumnElement[bool]) -> bool:
    """Delete some rows of runs that are not ready, the runs themselves last; whether there may be more.

    Parameters
    ----------
    which : a condition on `CauseRun`
    """
    staged = select(CauseRun.id).where(~CauseRun.ready, which)
    some = select(CauseMember.id).where(CauseMember.cause_run_id.in_(staged)).limit(ROWS_AT_ONCE)
    if session.execute(delete(CauseMember).where(CauseMember.id.in_(some)).returning(CauseMember.id)).all():
        return True
    return bool(session.execute(delete(CauseRun).where(~CauseRun.ready, which).returning(CauseRun.id)).all())


def replace_topics(store: Store, run_id: int, model: TopicModel) -> CauseRun:
    """Give a run the topics that analysts have changed: names, merges, splits.

    The places in comments follow their topics, and so do names, words, quotes, sizes and shares in the report. A topic
    that was absorbed leaves it, a new one stands at its end. Other figures of merged and split topics are those of the
    run, or null, until the next run.

    Parameters
    ----------
    model : what `load_topics` gave, changed by its `rename`, `merge` or `split`. For `split` the segments of the run
        are needed: `CauseMember.segment` is a place's row in `model.assignment`; rows that no place has had no topic,
        or their comments are gone, so restrict the assignment to those that are left first

    Raises
    ------
    UnknownCauseRun : if there is no such run
    TopicsNotKept : if only its report is left
    """
    with store.write() as session:
        return replace_topics_in(session, run_id, model)


def replace_topics_in(session: Session, run_id: int, model: TopicModel) -> CauseRun:
    """`replace_topics`, in a session that writes."""
    keep_removals_out(session)
    run = _with_topics(session, run_id)
    former = _topics_of(run)
    _move_members(session, run_id, former, model)
    replace_report(session, run, _retold(session, run, model), model)
    return run


def replace_report(session: Session, run: CauseRun, report: Report, model: TopicModel) -> None:
    """Give a run another report, in a session that writes and has kept removals out.

    Parameters
    ----------
    model : the run's topics
    """
    # What is gone already must not come back with a model that was loaded before.
    said = versions_in(report)
    report = without_versions(report, said - _existing(session, said))
    run.report, run.topics = report, with_causes(model, report).to_bytes()
    session.execute(delete(CauseSource).where(CauseSource.cause_run_id == run.id))
    _note_sources(session, run.id, report)
    session.flush()


def keep_removals_out(session: Session) -> None:
    """Let no comment be removed until the transaction ends, or wait until a removal has ended: SQLite does by itself.

    A removal takes words out of reports before its comments go; a report that is stored in between would keep them.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": SOURCES_LOCK})


def forget_versions(session: Session, versions: Any) -> None:
    """Take what comes from versions that are about to be removed out of every run, in the removal's transaction.

    Parameters
    ----------
    versions : a statement that selects their ids
    """
    keep_removals_out(session)
    sources = select(CauseSource.cause_run_id, CauseSource.comment_version_id).where(
        CauseSource.comment_version_id.in_(versions)
    )
    gone: defaultdict[int, set[int]] = defaultdict(set)
    for run_id, version_id in session.execute(sources):
        gone[run_id].add(version_id)
    for run_id, of_run in sorted(gone.items()):
        _forget(_with_topics(session, run_id), of_run)
    session.flush()


def drop_places(session: Session, *, kept: int, at_once: int = ROWS_AT_ONCE) -> bool:
    """Of runs that are old let only the report stay; some of their rows go, and whether there are more.

    Parameters
    ----------
    kept : so many newest runs stay whole, and the current one in any case
    """
    newest = session.scalars(select(CauseRun.id).order_by(CauseRun.id.desc()).limit(kept)).all()
    current = current_run_in(session)
    whole = {*newest, *([] if current is None else [current.id])}
    session.execute(update(CauseRun).where(CauseRun.id.not_in(whole), CauseRun.topics.is_not(None)).values(topics=None))
    some = select(CauseMember.id).where(CauseMember.cause_run_id.not_in(whole)).limit(at_once)
    gone = session.execute(delete(CauseMember).where(CauseMember.id.in_(some)).returning(CauseMember.id)).all()
    return bool(gone)


def _with_topics(session: Session, run_id: int) -> CauseRun:
    run = session.get(CauseRun, run_id, options=[undefer(CauseRun.topics)], populate_existing=True)
    if run is None:
        raise UnknownCauseRun(run_id)
    return run


def _topics_of(run: CauseRun) -> TopicModel:
    try:
        if run.topics is not None:
            return TopicModel.from_bytes(run.topics)
    except BadTopics:
        pass
    raise TopicsNotKept(run.id) from None


def _forget(run: CauseRun, gone: Collection[int]) -> None:
    """Take versions' words out of a run; what cannot be read is dropped whole, as an erasure must not fail for it."""
    try:
        run.report = without_versions(run.report, gone)
    except (KeyError, TypeError, AttributeError):
        run.report, run.topics = {"causes": []}, None
        return
    try:
        run.topics = with_causes(_topics_of(run), run.report).to_bytes()
    except TopicsNotKept:
        run.topics = None


def _existing(session: Session, versions: Collection[int]) -> set[int]:
    """Those of these versions that are there."""
    return {
        id_
        for ids in in_batches(versions)
        for id_ in session.scalars(select(CommentVersion.id).where(CommentVersion.id.in_(ids)))
    }


def _members(found: RootCauses, rows: Iterable[int], run_id: int) -> Iterator[dict[str, Any]]:
    topics = found.model.assignment.topics
    for row in rows:
        segment = found.segments[row]
        yield {
            "cause_run_id": run_id,
            "comment_version_id": int(segment.comment_id),
            "topic": found.model.topics[int(topics[row])].id,
            "start": segment.start,
            "end": segment.end,
            "segment": row,
            "assigned_at": None,
        }


def _note_sources(session: Session, run_id: int, report: Report) -> None:
    versions = sorted(versions_in(report))
    _insert(session, CauseSource, ({"cause_run_id": run_id, "comment_version_id": version} for version in versions))


def _insert(session: Session, model: Any, rows: Iterable[Mapping[str, Any]]) -> None:
    table = cast("Table", model.__table__)
    stream = iter(rows)
    while some := list(islice(stream, ROWS_AT_ONCE)):
        session.execute(insert(table), some)


def _move_members(session: Session, run_id: int, former: TopicModel, model: TopicModel) -> None:
    """Let places follow their topics; those that have none any more go."""
    then, now_ = (_topic_by_row(each) for each in (former, model))
    moved: defaultdict[str | None, list[int]] = defaultdict(list)
    went: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row, (before, after) in enumerate(zip(then, now_, strict=True)):
        if before is not None and after != before:
            moved[after].append(row)
            if after is not None:
                went[before][after] += 1
    of_run = CauseMember.cause_run_id == run_id
    for topic, rows in moved.items():
        for some in in_batches(rows):
            places = of_run & CauseMember.segment.in_(some)
            if topic is None:
                session.execute(delete(CauseMember).where(places))
            else:
                session.execute(update(CauseMember).where(places).values(topic=topic))
    # What was assigned later has no row in the model: it goes where most of an absorbed topic went.
    left = {topic.id for topic in model.topics}
    for topic, others in went.items():
        if topic not in left:
            later = of_run & (CauseMember.topic == topic) & CauseMember.segment.is_(None)
            session.execute(update(CauseMember).where(later).values(topic=others.most_common(1)[0][0]))


def _topic_by_row(model: TopicModel) -> list[str | None]:
    ids = [topic.id for topic in model.topics]
    return [ids[place] if place >= 0 else None for place in model.assignment.topics.tolist()]


def _retold(session: Session, run: CauseRun, model: TopicModel) -> Report:
    """The report with the topics as they are now."""
    sizes = _sizes(session, run.id)
    known: dict[str, Cause] = {cause["topic"]: cause for cause in run.report["causes"]}
    topics = {topic.id: topic for topic in model.topics}
    kept = [topics[id_] for id_ in known if id_ in topics]
    causes = []
    for rank, topic in enumerate([*kept, *(topic for id_, topic in topics.items() if id_ not in known)], start=1):
        sourced = known[topic.id]["sources"]["words"] if topic.id in known else {}
        said = _said(session, run.id, topic, words_to_source(topic) - set(sourced), model.settings.names)
        cause = retold(known[topic.id], topic, said) if topic.id in known else not_described(topic, said)
        size = sizes.get(topic.id, 0)
        causes.append({**cause, "rank": rank, "size": size, "share": size / max(run.n_comments, 1)})
    return {**run.report, "causes": causes}


def _sizes(session: Session, run_id: int) -> dict[str, int]:
    """The comments of the run itself that name each topic, as the report counts them."""
    query = (
        select(CauseMember.topic, func.count(CauseMember.comment_version_id.distinct()))
        .where(CauseMember.cause_run_id == run_id, CauseMember.assigned_at.is_(None))
        .group_by(CauseMember.topic)
    )
    return dict(session.execute(query).tuples().all())


def _said(
    session: Session, run_id: int, topic: Topic, wanted: set[str], names: Collection[str]
) -> dict[str, list[int]]:
    """In which versions new words of a topic are said."""
    said: dict[str, list[int]] = {}
    if wanted:
        passed_over = {word.lower() for name in names for word in name.split()}
        note_words(said, set(wanted), _segments(session, run_id, topic.id), passed_over)
    return said


def _segments(session: Session, run_id: int, topic: str) -> Iterator[Segment]:
    """The newest segments of a topic."""
    tagged = shown_taggings.c
    query = (
        select(CauseMember, CommentVersion.text, tagged.language)
        .join(CommentVersion, CommentVersion.id == CauseMember.comment_version_id)
        .outerjoin(shown_taggings, tagged.version_id == CauseMember.comment_version_id)
        .where(CauseMember.cause_run_id == run_id, CauseMember.topic == topic)
        .order_by(CauseMember.comment_version_id.desc())
        .limit(SEGMENTS_READ)
    )
    for member, whole, language in session.execute(query):
        words = whole[member.start : member.end]
        yield Segment(str(member.comment_version_id), member.start, member.end, words, language or "other")
