"""What a retag would change, without storing anything."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from api.dependencies import CommentTagger
from api.retag.changes import Changes
from api.store.database import Store
from api.store.models import CommentVersion, StoredComment, Tagging
from api.store.records import as_record
from api.store.search import Filters, standing
from api.tag_all import tag_all
from nlp.record import Comment, Record

AT_ONCE: Final = 256


def dry_run(
    store: Store,
    tagger: CommentTagger,
    filters: Filters,
    *,
    sample: int | None,
    batch_size: int,
    max_text_length: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Changes:
    """Compare what is shown of comments with what this tagger says of them.

    Parameters
    ----------
    sample : comments at most, drawn at random, the same ones each time; None for all that the filters let through.
        Those that wait to be tagged are left out: nothing is shown of them
    progress : told how many of how many are done
    """
    with store.read() as session:
        ids = list(session.scalars(standing(session, filters, CommentVersion.id).where(Tagging.id.is_not(None))))
    if sample is not None and len(ids) > sample:
        ids = sorted(random.Random(0).sample(ids, sample))  # noqa: S311, it keeps no secret
    found = Changes()
    for first in range(0, len(ids), AT_ONCE):
        part = ids[first : first + AT_ONCE]
        with store.read() as session:
            shown = _shown(session, part)
        comments = [comment for comment, _ in shown]
        records = tag_all(comments, tagger=tagger, batch_size=batch_size, max_text_length=max_text_length)
        for (_, before), after in zip(shown, records, strict=True):
            found.add(before, after)
        progress(first + len(part), len(ids))
    return found


def _shown(session: Session, ids: Sequence[int]) -> list[tuple[Comment, Record]]:
    """Each comment as the tagger reads it, with its record."""
    rows = session.execute(
        select(StoredComment.external_id, CommentVersion.text, CommentVersion.question, Tagging)
        .join(CommentVersion.comment)
        .join(Tagging, Tagging.version_id == CommentVersion.id)
        .where(CommentVersion.id.in_(ids), Tagging.shown)
        .order_by(CommentVersion.id)
        .options(joinedload(Tagging.run), selectinload(Tagging.tags))
    )
    return [
        (Comment(external_id, text, question), as_record(tagging, id_=external_id))
        for external_id, text, question, tagging in rows
    ]
