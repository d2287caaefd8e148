"""What people have said of a comment over time."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from api.corrections.models import Correction
from api.store.errors import UnknownComment
from api.store.models import CommentVersion, StoredComment


def history(
    session: Session, comment_id: int, *, before: int | None, limit: int
) -> Sequence[tuple[Correction, int, bool]]:
    """Corrections of every version of a comment, the newest first, withdrawn ones too.

    Parameters
    ----------
    before : a correction's id; only those before it
    limit : corrections at most

    Returns
    -------
    each with the number of its version, and whether that version stands

    Raises
    ------
    UnknownComment : if there is none
    """
    comment = session.get(StoredComment, comment_id)
    if comment is None:
        raise UnknownComment(comment_id)
    query = (
        select(Correction, CommentVersion.number)
        .join(CommentVersion, CommentVersion.id == Correction.version_id)
        .where(CommentVersion.comment_id == comment_id)
        .order_by(Correction.id.desc())
        .limit(limit)
        .options(selectinload(Correction.decisions))
    )
    if before is not None:
        query = query.where(Correction.id < before)
    return [(correction, number, number == comment.version) for correction, number in session.execute(query)]
