"""What a retag would change in what readers see, without storing anything.

What people have decided is laid over both, as it is over whatever run is shown: a label that a person has corrected
does not change, whatever the new model says of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from api.corrections.shown import NO_CORRECTIONS, Corrections, corrected, corrections_of, shown_record
from api.dependencies import CommentTagger
from api.retag.changes import Changes
from api.store.database import Store
from api.store.models import CommentVersion, StoredComment, Tagging
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
    """Compare what is shown of comments with what would be shown if this tagger's tags took their place.

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
        comments = [each.comment for each in shown]
        records = tag_all(comments, tagger=tagger, batch_size=batch_size, max_text_length=max_text_length)
        for each, record in zip(shown, records, strict=True):
            after = corrected(record, each.corrections, model=tagger.name, taxonomy=tagger.taxonomy)
            found.add(each.record, after)
        progress(first + len(part), len(ids))
    return found


@dataclass(frozen=True, slots=True)
class _Shown:
    """A comment as the tagger reads it, what people have said of it, and the record that is shown."""

    comment: Comment
    corrections: Corrections
    record: Record


def _shown(session: Session, ids: Sequence[int]) -> list[_Shown]:
    corrections = corrections_of(session, ids)
    rows = session.execute(
        select(StoredComment.external_id, CommentVersion.text, CommentVersion.question, Tagging)
        .join(CommentVersion.comment)
        .join(Tagging, Tagging.version_id == CommentVersion.id)
        .where(CommentVersion.id.in_(ids), Tagging.shown)
        .order_by(CommentVersion.id)
        .options(joinedload(Tagging.run), selectinload(Tagging.tags))
    )
    found = []
    for external_id, text, question, tagging in rows:
        said = corrections.get(tagging.version_id, NO_CORRECTIONS)
        comment = Comment(external_id, text, question)
        found.append(_Shown(comment, said, shown_record(tagging, said, id_=external_id)))
    return found
