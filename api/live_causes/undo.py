"""Undoing what an analyst did to a cause: names and places stand again as they did before.

The latest edit of a cause can be undone, and then the one before it. Edits of other causes stay. An undo is an edit,
listed like the others, and kept by later runs as if the edit had not been. Once a run has found causes anew, what stood
before an edit is gone; a name and a split can still be taken back, as nothing of it is needed for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.cause_runs.errors import NoCauses, UnknownCause
from api.live_causes.before import Before, find_before
from api.live_causes.edits import Changed, Editor, causes_of, edit_causes, left_by
from api.live_causes.errors import UndoConflict, UnknownEdit
from api.live_causes.models import CauseEdit, EditKind
from api.live_causes.topics import current_topics
from api.store.database import Store
from nlp.topics import TopicModel

INSTEAD: Final[Mapping[EditKind, str]] = {
    EditKind.RENAME: "Give the cause another name",
    EditKind.MERGE: "Part the cause with a split",
    EditKind.SPLIT: "Merge the parts",
}


def undo(store: Store, edit_id: int, *, editor: Editor) -> CauseEdit:
    """Let causes be as they were before an edit; what was done about them stands again where it stood.

    Figures of causes that were merged or split are unknown until the job `cause_figures` has made them anew. Comments
    that were given a merged cause since are assigned anew.

    Raises
    ------
    UnknownEdit : if there is none
    UndoConflict : if it is undone already, is an undo itself, is a merge of a former run, or a later edit has changed
        the same cause; if the present run has not kept it; or if what stood before is not kept, as the edit is of an
        earlier version
    """
    with store.read() as session:
        edit, _ = _undoable(session, edit_id)

    def change(model: TopicModel, run_id: int) -> Changed:
        with store.read() as session:
            before = _undoable(session, edit_id)[1]
            if before is None:
                return _without_what_stood_before(session, edit, model, run_id)
        left = left_by(edit)
        restored = model.put_back(before.topics, instead_of=left, parents=before.parents)
        ids = {topic.id for topic in before.topics.topics}
        renamed = edit.kind == EditKind.RENAME
        return Changed(
            restored,
            {"edit": edit.id, "kind": edit.kind, **_topics_of(edit)},
            of=tuple(left),
            touched=frozenset() if renamed else frozenset(ids | left),
            gone=dict.fromkeys(left - ids, edit.topic),
            undoes=edit,
            back=before,
        )

    try:
        return edit_causes(store, edit.topic, EditKind.UNDO, editor, change)
    except UnknownCause as error:
        raise UndoConflict(f"The cause of edit {edit_id} is no more, so nothing is to be undone. {error}") from error


def _without_what_stood_before(session: Session, edit: CauseEdit, model: TopicModel, run_id: int) -> Changed:
    """A name or a split of a former run, taken back in the topics as the present run has found them.

    Raises
    ------
    UndoConflict : if the run has not kept it
    """
    named = _names_before(session, edit)
    detail = {"edit": edit.id, "kind": edit.kind, **_topics_of(edit)}
    if edit.kind == EditKind.RENAME:
        label, given = edit.detail["label"], model.topic(edit.topic).given_label
        if any(given.get(reader) != name for reader, name in label.items()):
            raise _not_kept(edit, run_id)
        restored = model.unname(edit.topic, list(label))
        return Changed(restored.rename(edit.topic, named), detail, of=(edit.topic,), undoes=edit)
    # The run leaves parts as they are; one that began anew may have found a cause that happens to have a part's id.
    kept = model.pinned.intersection(topic.id for topic in model.topics)
    others = [part["topic"] for part in edit.detail["parts"] if part["topic"] in kept - {edit.topic}]
    if edit.topic not in kept or not others:
        raise _not_kept(edit, run_id)
    return Changed(
        model.merge(edit.topic, others),
        detail,
        of=(edit.topic, *others),
        touched=frozenset((edit.topic, *others)),
        gone=dict.fromkeys(others, edit.topic),
        undoes=edit,
    )


def _not_kept(edit: CauseEdit, run_id: int) -> UndoConflict:
    return UndoConflict(f"Run {run_id} has not kept edit {edit.id} ({edit.kind}), so there is nothing to undo.")


def _names_before(session: Session, edit: CauseEdit) -> dict[str, str]:
    """The names that analysts had given the cause before, for the readers of a rename."""
    earlier = session.scalars(
        select(CauseEdit)
        .where(CauseEdit.topic == edit.topic, CauseEdit.kind == EditKind.RENAME, CauseEdit.id < edit.id)
        .order_by(CauseEdit.id)
    ).all()
    undone = undone_by(session, [each.id for each in earlier])
    names = {reader: name for each in earlier if each.id not in undone for reader, name in each.detail["label"].items()}
    return {reader: names[reader] for reader in edit.detail.get("label", ()) if reader in names}


def _topics_of(edit: CauseEdit) -> dict[str, Any]:
    """Which topics an edit was about; not what it named them, as names of before are customers' words."""
    return {name: edit.detail[name] for name in ("with", "parts") if name in edit.detail}


def undone_by(session: Session, edit_ids: Iterable[int]) -> dict[int, int]:
    """By edit, of those that are undone, the edit that did it."""
    query = select(CauseEdit.undoes, CauseEdit.id).where(CauseEdit.undoes.in_(list(edit_ids)))
    return {edit: by for edit, by in session.execute(query) if edit is not None}


def _undoable(session: Session, edit_id: int) -> tuple[CauseEdit, Before | None]:
    """The edit and what stood before it; None if it is of a former run, and can be undone without."""
    edit = session.get(CauseEdit, edit_id)
    if edit is None:
        raise UnknownEdit(edit_id)
    if edit.undoes is not None:
        raise UndoConflict(
            f"Edit {edit_id} is itself the undo of edit {edit.undoes}. To have that again, do again what it did."
        )
    done = session.scalar(select(CauseEdit).where(CauseEdit.undoes == edit_id))
    if done is not None:
        raise UndoConflict(f"Edit {edit_id} is undone already, by edit {done.id} at {done.at:%Y-%m-%d %H:%M} UTC.")
    topics = current_topics(session)
    if topics is None:
        raise NoCauses
    kind = EditKind(edit.kind)
    of_former_run = edit.cause_run_id != topics.run_id
    if of_former_run and kind is EditKind.MERGE:
        raise UndoConflict(
            f"Edit {edit_id} was made before run {topics.run_id} found causes anew, and that run has kept it: what "
            f"stood before is no longer known. {INSTEAD[kind]} instead."
        )
    later = _later_edit(session, edit)
    if later is not None:
        raise UndoConflict(
            f"Edit {later.id} ({later.kind}) has changed the same cause since edit {edit_id}. Undo that one first: "
            f"`DELETE /v1/causes/edits/{later.id}`, or `stemme causes undo {later.id}`."
        )
    before = None if of_former_run else find_before(session, edit_id)
    if before is None and not of_former_run:
        raise UndoConflict(
            f"What stood before edit {edit_id} is not kept: it was made with an earlier version. {INSTEAD[kind]} "
            "instead."
        )
    return edit, before


def _later_edit(session: Session, edit: CauseEdit) -> CauseEdit | None:
    """The newest edit since that has changed one of the same causes and is not undone."""
    since = session.scalars(select(CauseEdit).where(CauseEdit.id > edit.id)).all()
    taken_back = {each.undoes for each in since}
    about = causes_of(edit)
    return max(
        (each for each in since if each.undoes is None and each.id not in taken_back and about & causes_of(each)),
        key=lambda each: each.id,
        default=None,
    )
