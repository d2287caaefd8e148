"""Comments out of the store, as causes are looked for in them: with the tags that are shown, corrected."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from api.corrections.shown import in_batches, shown_records
from api.store.database import Store
from api.store.models import CommentVersion, Source, StoredComment, Tagging
from api.store.search import Filters, standing
from nlp.record import Comment, TaggedComment

if TYPE_CHECKING:
    from nlp.root_causes import Feedback  # needs the extra `topics`

AT_ONCE: Final = 512
"""Comments of one read: so many lie in memory with all their tags."""
FIELDS: Final = (
    CommentVersion.id,
    CommentVersion.text,
    CommentVersion.question,
    Source.name.label("source"),
    StoredComment.nps,
    StoredComment.respondent,
    StoredComment.department,
    StoredComment.touchpoint,
    StoredComment.channel,
    StoredComment.submitted_at,
    StoredComment.extra,
)
DIMENSIONS: Final = ("source", "department", "touchpoint", "channel")
METADATA: Final = "metadata."


def newest_version(session: Session) -> int:
    """The id of the newest version; 0 in an empty store."""
    return session.scalar(select(func.max(CommentVersion.id))) or 0


def count(session: Session, filters: Filters, *, up_to: int, only: ColumnElement[bool] | None = None) -> int:
    """How many comments are tagged and let through by the filters, and by a condition on `CommentVersion`."""
    query = _tagged(session, filters, up_to, func.count(CommentVersion.id))
    return session.scalar(query if only is None else query.where(only)) or 0


def ids(session: Session, filters: Filters, *, up_to: int) -> set[str]:
    """The versions of these comments."""
    return {str(id_) for id_ in session.scalars(_tagged(session, filters, up_to, CommentVersion.id))}


def read(
    store: Store,
    filters: Filters,
    *,
    up_to: int,
    time_zone: tzinfo,
    metadata: Sequence[str] = (),
    before_each: Callable[[], None] = lambda: None,
    only: ColumnElement[bool] | None = None,
) -> Iterator[Feedback]:
    """The comments that stand, are tagged, and are let through by the filters, in the order in which they came.

    They are called by the ids of their versions. No session is open between two reads, so nothing waits for whoever
    takes them.

    Parameters
    ----------
    up_to : the id of the newest version that is read
    time_zone : in which days begin
    metadata : keys that are dimensions too, as `metadata.KEY`
    before_each : called before each read
    only : a condition on `CommentVersion`, asked at each read
    """
    after = 0
    while True:
        before_each()
        with store.read() as session:
            query = _tagged(session, filters, up_to, *FIELDS).where(CommentVersion.id > after)
            if only is not None:
                query = query.where(only)
            rows = session.execute(query.order_by(CommentVersion.id).limit(AT_ONCE)).mappings().all()
            records = shown_records(session, [row["id"] for row in rows])
        if not rows:
            return
        for row in rows:
            record = records.get(row["id"])
            if isinstance(record, TaggedComment):
                yield _feedback(row, record, time_zone, metadata)
        after = rows[-1]["id"]


def read_some(store: Store, versions: Collection[int], *, time_zone: tzinfo) -> Iterator[Feedback]:
    """These versions, as far as they stand."""
    with store.read() as session:
        for some in in_batches(versions):
            query = standing(session, Filters(), *FIELDS).where(CommentVersion.id.in_(some))
            rows = session.execute(query).mappings().all()
            records = shown_records(session, [row["id"] for row in rows])
            for row in rows:
                record = records.get(row["id"])
                if isinstance(record, TaggedComment):
                    yield _feedback(row, record, time_zone, ())


def _tagged(session: Session, filters: Filters, up_to: int, *columns: Any) -> Select[Any]:
    return standing(session, filters, *columns).where(CommentVersion.id <= up_to, Tagging.id.is_not(None))


def _feedback(row: Mapping[Any, Any], record: TaggedComment, time_zone: tzinfo, metadata: Sequence[str]) -> Feedback:
    from nlp.root_causes import Feedback  # noqa: PLC0415, it needs the extra `topics`

    known = {name: row[name] for name in DIMENSIONS}
    known |= {METADATA + key: _as_value(row["extra"].get(key)) for key in metadata}
    return Feedback(
        Comment(str(row["id"]), row["text"], row["question"]),
        record,
        day=row["submitted_at"].astimezone(time_zone).date(),
        nps=row["nps"],
        respondent=row["respondent"],
        dimensions={name: value for name, value in known.items() if value is not None},
    )


def _as_value(value: Any) -> str | None:
    """What metadata has under a key, as one value of a dimension; lists and objects are none.

    >>> _as_value(True), _as_value(7), _as_value(["a"])
    ('true', '7', None)
    """
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None
