"""What analysts do to causes: other names, merges, splits. At once in the current run, and kept by every later one.

Each is one transaction: topics, places in comments, report, what was done about the causes, a row of `cause_edits`, a
line of the audit log. A name changes no figure. After a merge or a split the figures of the topics that it touched are
unknown (null) until the job `cause_figures`, which is asked for in the same transaction, has made them anew; a wrong
one is never shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from api.access.keys import Caller
from api.cause_actions.moves import Moved, follow_merge, follow_split, follow_undo
from api.cause_runs.errors import NoCauses, UnknownCause
from api.cause_runs.models import CauseMember, CauseRun
from api.cause_runs.runs import find_run, keep_removals_out, load_topics, members, replace_topics_in
from api.corrections.shown import in_batches, shown_records
from api.live_causes.before import Before, before_edit, keep_before, move_later, put_later_back
from api.live_causes.figures import ask_for_figures, without_figures
from api.live_causes.models import CauseEdit, EditKind
from api.live_causes.topics import CurrentTopics, current_topics
from api.store.audit import note
from api.store.database import Store
from api.store.models import CommentVersion
from nlp.record import Comment, Span, TaggedComment
from nlp.topic_segments import Reader, SegmentBatch, segments_at
from nlp.topics import BadTopicEdit, Quote, TopicModel, WrongEmbeddings

MOST_TRIES: Final = 20
"""How often an edit begins anew because somebody else's came first."""
DONE: Final = {EditKind.RENAME: "renamed", EditKind.MERGE: "merged", EditKind.SPLIT: "split", EditKind.UNDO: "restored"}


@dataclass(frozen=True, slots=True)
class Editor:
    """Who edits, and why.

    Parameters
    ----------
    by : the person; the key may be a program's
    """

    caller: Caller
    by: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a comment that speaks of a cause; `comment` is the comment's id in the store."""

    comment: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Changed:
    """The topics after an edit.

    Attributes
    ----------
    model : after it
    detail : for `cause_edits`
    touched : topics whose figures are others now
    of : the topics that it is about, as they were called before
    later : the topic of each place that was assigned since the run, by the place's id, where that is another now
    gone : by each topic that is no more the one that has taken its place
    undoes, back : the edit that this one takes back, and what stood before that; no `back` if that is of a former run
    """

    model: TopicModel
    detail: Mapping[str, Any]
    of: Sequence[str]
    touched: frozenset[str] = frozenset()
    later: Mapping[int, str] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)
    undoes: CauseEdit | None = None
    back: Before | None = None


def rename(store: Store, topic: str, label: Mapping[str, str], *, editor: Editor) -> CauseEdit:
    """Give a cause a name, for readers of some languages or of all.

    Raises
    ------
    NoCauses, UnknownCause : if there is none
    BadTopicEdit : if no name is given, one is empty, or a reader's language is not known
    """
    if not label:
        raise BadTopicEdit("No name is given. Give one for a reader's language: nb, nn, da, sv or en.")
    names = {reader: text.strip() for reader, text in label.items()}

    def change(model: TopicModel, _: int) -> Changed:
        return Changed(model.rename(topic, label), {"label": names}, of=(topic,))

    return edit_causes(store, topic, EditKind.RENAME, editor, change)


def merge(store: Store, topic: str, absorbed: Sequence[str], *, editor: Editor) -> CauseEdit:
    """Let a cause take in others; it keeps its id and its name, and what was done about them stands at it from now on.

    Raises
    ------
    NoCauses, UnknownCause : if there is none
    UnknownTopic : if one that is to be taken in is not there
    BadTopicEdit : if there is none to take in, or one is named twice
    """

    def change(model: TopicModel, _: int) -> Changed:
        ids = (topic, *absorbed)
        return Changed(
            model.merge(topic, absorbed),
            {"with": list(absorbed)},
            of=ids,
            touched=frozenset(ids),
            gone=dict.fromkeys(absorbed, topic),
        )

    return edit_causes(store, topic, EditKind.MERGE, editor, change)


def split(store: Store, topic: str, parts: Sequence[Sequence[Place]], *, reader: Any, editor: Editor) -> CauseEdit:
    """Part a cause; its other places go to the part that they are nearest to. The largest part keeps the id, and what
    was done about the cause stays with it.

    Parameters
    ----------
    parts : some places of each
    reader : the tagger whose embeddings the causes were found with

    Raises
    ------
    NoCauses, UnknownCause : if there is none
    BadTopicEdit : if there are fewer than two parts, or a place is none of the cause's or is named twice
    WrongEmbeddings : if the reader is another model than the one that the causes were found with
    MissingExtra : if what describes the parts is not installed
    """

    def change(model: TopicModel, run_id: int) -> Changed:
        if reader.name != model.encoder:
            raise WrongEmbeddings(
                f"The causes were found with {model.encoder}, and {reader.name} is at work, which cannot compare their "
                "clauses. Find causes anew, then split."
            )
        own = members(store, run_id, topic)
        quotes = _quotes(store, own, parts)
        batch = _read(store, own, reader)
        at = {(int(segment.comment_id), segment.start): row for row, segment in enumerate(batch.segments)}
        by_row = {at[place]: each for each in own if (place := (each.comment_version_id, each.start)) in at}
        rows = [by_row[row].segment for row in range(len(batch.segments))]
        parted, topic_of = model.split_alone(topic, batch.segments, batch.embeddings, rows=rows, parts=quotes)
        later = {by_row[row].id: id_ for row, id_ in enumerate(topic_of) if by_row[row].segment is None}
        ids = list(dict.fromkeys([topic, *topic_of]))
        detail = {"parts": [{"topic": id_, "places": list(topic_of).count(id_)} for id_ in ids]}
        return Changed(parted, detail, of=(topic,), touched=frozenset(ids), later=later)

    return edit_causes(store, topic, EditKind.SPLIT, editor, change)


def list_edits(
    session: Session, *, topic: str | None = None, before_id: int | None = None, limit: int
) -> Sequence[CauseEdit]:
    """What analysts did, the newest first.

    Parameters
    ----------
    topic : only what changed this cause, took it away or made it, and what undid that
    before_id : only older ones than this
    """
    query = select(CauseEdit).order_by(CauseEdit.id.desc())
    if before_id is not None:
        query = query.where(CauseEdit.id < before_id)
    if topic is None:
        return session.scalars(query.limit(limit)).all()
    return [edit for edit in session.scalars(query) if topic in causes_of(edit)][:limit]  # people do not edit so often


def causes_of(edit: CauseEdit) -> frozenset[str]:
    """The causes that an edit is about: those that it changed, took away and made."""
    return frozenset({edit.topic, *edit.detail.get("with", ())}) | left_by(edit)


def left_by(edit: CauseEdit) -> frozenset[str]:
    """The causes that an edit has left of those that it changed."""
    return frozenset({edit.topic, *(part["topic"] for part in edit.detail.get("parts", ()))})


def edit_causes(
    store: Store, topic: str, kind: EditKind, editor: Editor, change: Callable[[TopicModel, int], Changed]
) -> CauseEdit:
    """Change topics of the current run, and keep what stood before.

    Parameters
    ----------
    topic : the cause that the edit is about
    change : given the topics and the run's id, the topics after it; called again where somebody else's edit came first

    Raises
    ------
    NoCauses, UnknownCause : if there is none
    BadTopicEdit : if others edit all the time; and what `change` raises
    """
    for _ in range(MOST_TRIES):
        with store.read() as session:
            topics = current_topics(session)
        if topics is None:
            raise NoCauses
        model = load_topics(store, topics.run_id)
        known = [each.id for each in model.topics]
        if topic not in known:
            raise UnknownCause(topic, topics.run_id, known)
        # Outside the transaction, as a split reads the topic's clauses anew and others want to write meanwhile.
        changed = change(model, topics.run_id)
        with store.write() as session:
            keep_removals_out(session)
            if current_topics(session, to_edit=True) == topics:
                return _store(session, topics, model, topic=topic, kind=kind, editor=editor, changed=changed)
    raise BadTopicEdit("Others are editing the causes at the same time. Look at them again, then edit.")


def _store(
    session: Session,
    topics: CurrentTopics,
    model: TopicModel,
    *,
    topic: str,
    kind: EditKind,
    editor: Editor,
    changed: Changed,
) -> CauseEdit:
    """Store an edit.

    Parameters
    ----------
    model : the topics before it
    """
    before = None
    if changed.undoes is None:
        report = find_run(session, topics.run_id).report
        before = before_edit(session, topics.run_id, report, model, changed.of, after=changed.model)
    run = _replace(session, topics.run_id, topic, changed)
    edit = CauseEdit(
        cause_run_id=run.id,
        key=editor.caller.prefix,
        key_name=editor.caller.name,
        by=editor.by,
        why=editor.why,
        kind=kind,
        topic=topic,
        detail=dict(changed.detail),
        undoes=None if changed.undoes is None else changed.undoes.id,
    )
    session.add(edit)
    session.flush()
    if before is not None:
        keep_before(session, edit, before)
    moved = _follow(session, edit, changed.gone, by=editor.caller.prefix)
    if moved:
        edit.detail = {**edit.detail, "actions": [each.as_json() for each in moved]}
    if changed.touched:
        report = without_figures(run.report, changed.touched)
        run.report = report if changed.back is None else changed.back.with_since(report)
        ask_for_figures(session, run.id, by=editor.caller.prefix)
    session.flush()
    _note(session, edit, by=editor.caller.prefix)
    return edit


def _replace(session: Session, run_id: int, topic: str, changed: Changed) -> CauseRun:
    """Give the run the topics of after an edit, with all places in comments and the causes in its report."""
    back = changed.back
    if back is not None and changed.touched:
        run = find_run(session, run_id)
        run.report = back.in_report(run.report)
        session.flush()
    run = replace_topics_in(session, run_id, changed.model)
    for id_, of_topic in changed.later.items():
        session.execute(update(CauseMember).where(CauseMember.id == id_).values(topic=of_topic))
    move_later(session, run_id, changed.gone)
    if back is not None and changed.undoes is not None and changed.undoes.kind == EditKind.MERGE:
        put_later_back(session, run_id, topic, back)
    return run


def _note(session: Session, edit: CauseEdit, *, by: str) -> None:
    """A line in the audit log, without the names."""
    detail = {name: value for name, value in edit.detail.items() if name not in ("label", "edit")}
    if "label" in edit.detail:
        detail["readers"] = sorted(edit.detail["label"])
    if edit.undoes is not None:
        detail["undoes"] = edit.undoes
    detail = {"edit": edit.id, "run": edit.cause_run_id, **detail}
    note(session, by=by, action=f"cause.{DONE[EditKind(edit.kind)]}", subject=f"cause {edit.topic}", detail=detail)


def _follow(session: Session, edit: CauseEdit, gone: Mapping[str, str], *, by: str) -> list[Moved]:
    if edit.undoes is not None:
        return follow_undo(session, edit.undoes, gone, undo_id=edit.id, by=by)
    if edit.kind == EditKind.MERGE:
        return follow_merge(session, edit.topic, edit.detail["with"], edit_id=edit.id, by=by)
    if edit.kind == EditKind.SPLIT:
        return follow_split(session, edit.topic, edit_id=edit.id, by=by)
    return []


def _quotes(store: Store, own: Sequence[CauseMember], parts: Sequence[Sequence[Place]]) -> list[list[Quote]]:
    """The places by the ids of their versions, as the topics call them.

    Raises
    ------
    BadTopicEdit : if one is none of the topic's
    """
    comment_of = _comments_of(store, {each.comment_version_id for each in own})
    version_at = {(comment_of[each.comment_version_id], each.start): each for each in own}
    quotes: list[list[Quote]] = []
    for number, part in enumerate(parts):
        quotes.append([])
        for place in part:
            member = version_at.get((place.comment, place.start))
            if member is None or member.end != place.end:
                raise BadTopicEdit(
                    f"Part {number} names {place.start} to {place.end} of comment {place.comment}, which is none of "
                    "the cause's places. `GET /v1/causes/{topic}/comments` lists them."
                )
            quotes[-1].append(Quote(str(member.comment_version_id), member.start, member.end))
    return quotes


def _comments_of(store: Store, version_ids: set[int]) -> dict[int, int]:
    with store.read() as session:
        return {
            version_id: comment_id
            for ids in in_batches(version_ids)
            for version_id, comment_id in session.execute(
                select(CommentVersion.id, CommentVersion.comment_id).where(CommentVersion.id.in_(ids))
            ).tuples()
        }


def _read(store: Store, own: Sequence[CauseMember], reader: Reader) -> SegmentBatch:
    """The topic's clauses with their embeddings."""
    by_version: dict[int, list[CauseMember]] = {}
    for each in own:
        by_version.setdefault(each.comment_version_id, []).append(each)
    pieces = []
    with store.read() as session:
        for ids in in_batches(by_version):
            columns = select(CommentVersion.id, CommentVersion.text, CommentVersion.question)
            records = shown_records(session, ids)
            for id_, text, question in session.execute(columns.where(CommentVersion.id.in_(ids))):
                record = records.get(id_)
                if isinstance(record, TaggedComment):
                    comment = Comment(str(id_), text, question)
                    pieces += [(comment, record, Span(each.start, each.end)) for each in by_version[id_]]
    return segments_at(pieces, reader)
