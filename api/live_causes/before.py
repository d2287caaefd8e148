"""What stood before an analyst's edit of causes: kept with the edit, so that it can be undone.

It repeats customers' words as the run's report does, so they go from it too before their comments go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from api.cause_runs.forget import with_causes, without_versions
from api.cause_runs.models import CauseMember
from api.cause_runs.report import Report, versions_in
from api.corrections.shown import in_batches
from api.live_causes.models import CauseEdit, CauseUndo
from api.live_causes.queue import queue_for_causes
from api.store.models import CommentVersion
from nlp.topics import BadTopics, TopicModel


@dataclass(frozen=True, slots=True)
class Before:
    """Causes as they were before an edit.

    Attributes
    ----------
    causes : their rows of the run's report
    topics : they as a part of its topic model
    parents : by topic the parent that it had, of others that the edit gave another
    later : by topic the places that were assigned since the run: version, and where it begins
    """

    causes: Sequence[Mapping[str, Any]]
    topics: TopicModel
    parents: Mapping[str, str | None]
    later: Mapping[str, Sequence[tuple[int, int]]]

    def in_report(self, report: Report) -> Report:
        """The report with these causes as they were, where they stood by rank; others stay."""
        back = {cause["topic"] for cause in self.causes}
        others = [cause for cause in report["causes"] if cause["topic"] not in back]
        return {**report, "causes": sorted([*others, *self.causes], key=lambda cause: int(cause["rank"]))}

    def with_since(self, report: Report) -> Report:
        """The report that says of these causes again what became of them since the former run."""
        since = {cause["topic"]: cause["since"] for cause in self.causes}
        causes = [{**cause, "since": since.get(cause["topic"], cause["since"])} for cause in report["causes"]]
        return {**report, "causes": causes}


def before_edit(
    session: Session, run_id: int, report: Report, model: TopicModel, ids: Sequence[str], *, after: TopicModel
) -> Before:
    """What stands before an edit of the causes with these ids, in the transaction that stores it.

    Parameters
    ----------
    report, model : of the run, before the edit
    after : the model after it
    """
    now_under = {topic.id: topic.parent for topic in after.topics}
    parents = {
        topic.id: topic.parent
        for topic in model.topics
        if topic.id not in ids and now_under.get(topic.id, topic.parent) != topic.parent
    }
    causes = [cause for cause in report["causes"] if cause["topic"] in ids]
    return Before(causes, model.part(ids), parents, _later(session, run_id, ids))


def keep_before(session: Session, edit: CauseEdit, before: Before) -> None:
    """Keep it with the edit."""
    report: Report = {"causes": list(before.causes)}
    session.add(
        CauseUndo(
            edit_id=edit.id,
            report=report,
            # The model was loaded before the transaction: words may have gone from the report since.
            topics=with_causes(before.topics, report).to_bytes(),
            parents=dict(before.parents),
            later={topic: [list(place) for place in places] for topic, places in before.later.items()},
        )
    )


def find_before(session: Session, edit_id: int) -> Before | None:
    """What stood before an edit; None if it is not kept."""
    row = session.get(CauseUndo, edit_id)
    if row is None:
        return None
    try:
        topics = TopicModel.from_bytes(row.topics)
    except BadTopics:
        return None
    later = {topic: [(version, start) for version, start in places] for topic, places in row.later.items()}
    return Before(row.report["causes"], topics, row.parents, later)


def drop_before(session: Session, *, but_of: int) -> None:
    """Keep what stood before edits of one run only: those of others cannot be undone any more."""
    others = select(CauseEdit.id).where(CauseEdit.cause_run_id.is_distinct_from(but_of))
    session.execute(delete(CauseUndo).where(CauseUndo.edit_id.in_(others)))


def forget_before(session: Session, versions: Any) -> None:
    """Take the words of versions that are about to be removed out of it, in the removal's transaction.

    Parameters
    ----------
    versions : a statement that selects their ids
    """
    for row in session.scalars(select(CauseUndo)).all():
        try:
            said = versions_in(row.report)
            gone = {
                id_
                for ids in in_batches(said)
                for id_ in session.scalars(
                    select(CommentVersion.id).where(CommentVersion.id.in_(ids), CommentVersion.id.in_(versions))
                )
            }
            if gone:
                row.report = without_versions(row.report, gone)
                row.topics = with_causes(TopicModel.from_bytes(row.topics), row.report).to_bytes()
        except (BadTopics, KeyError, TypeError, AttributeError):
            session.delete(row)  # an erasure must not fail for what cannot be read
    session.flush()


def move_later(session: Session, run_id: int, gone: Mapping[str, str]) -> None:
    """Let places that were assigned since a run go where their topics went: they have no row in its model.

    Parameters
    ----------
    gone : by each topic that is no more the one that has taken its place
    """
    for topic, other in gone.items():
        of_topic = (CauseMember.cause_run_id == run_id, CauseMember.topic == topic, CauseMember.segment.is_(None))
        session.execute(update(CauseMember).where(*of_topic).values(topic=other))


def put_later_back(session: Session, run_id: int, topic: str, before: Before) -> None:
    """Give the places that were assigned since a run their topics of before a merge; those that have come since the
    merge are assigned anew.

    Parameters
    ----------
    topic : the one that had taken in the others
    """
    known = {place: id_ for id_, places in before.later.items() for place in places}
    back: defaultdict[str, list[int]] = defaultdict(list)
    anew: set[int] = set()
    query = select(CauseMember.id, CauseMember.comment_version_id, CauseMember.start).where(
        CauseMember.cause_run_id == run_id, CauseMember.topic == topic, CauseMember.segment.is_(None)
    )
    for id_, version_id, start in session.execute(query):
        if (version_id, start) not in known:
            anew.add(version_id)
        elif known[version_id, start] != topic:
            back[known[version_id, start]].append(id_)
    for other, ids in back.items():
        for some in in_batches(ids):
            session.execute(update(CauseMember).where(CauseMember.id.in_(some)).values(topic=other))
    queue_for_causes(session, anew)


def _later(session: Session, run_id: int, ids: Collection[str]) -> dict[str, list[tuple[int, int]]]:
    query = select(CauseMember.topic, CauseMember.comment_version_id, CauseMember.start).where(
        CauseMember.cause_run_id == run_id, CauseMember.topic.in_(ids), CauseMember.segment.is_(None)
    )
    found: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for topic, version_id, start in session.execute(query.order_by(CauseMember.id)):
        found[topic].append((version_id, start))
    return dict(found)
