"""Finding comments: filters on every dimension, words, and pages that stay in place while comments are added."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol, cast

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, select, text
from sqlalchemy.orm import Session, contains_eager, joinedload, selectinload

from api.corrections.shown import (
    NO_CORRECTIONS,
    Corrections,
    corrections_of,
    has_tag,
    in_batches,
    shown_language,
    shown_record,
    shown_sentiment,
    shows_tag,
)
from api.store.models import CommentVersion, Source, StoredComment, Tag, Tagging, TagKind
from nlp.record import Record

# The expression of the index: a full-text parser of PostgreSQL would take an address for one word.
SEARCHED: Final = r"to_tsvector('simple', translate(comment_versions.text, '-./@_+&?=#~\:', '             '))"


COMMON: Final = 50_000
"""Tags of a label, over all runs, from which on it is quicker to ask version after version, newest first."""

FIELDS: Final[Mapping[str, ColumnElement[Any]]] = {
    # So hidden from SQLite's planner, which would else sort all comments of a source to give the newest.
    "source": Source.name.concat(""),
    "touchpoint": StoredComment.touchpoint.expression,
    "channel": StoredComment.channel.expression,
    "department": StoredComment.department.expression,
    "respondent": StoredComment.respondent.expression,
    "nps": StoredComment.nps.expression,
    "submitted_at": StoredComment.submitted_at.expression,
    "language": shown_language(),
    "sentiment": shown_sentiment(),
}
"""What filters look at, as it stands now, corrected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a comment has to be like; what is None does not matter. Tags are those that are shown, corrected."""

    source: str | None = None
    touchpoint: str | None = None
    channel: str | None = None
    department: str | None = None
    respondent: str | None = None
    nps_min: int | None = None
    nps_max: int | None = None
    submitted_from: datetime | None = None
    submitted_before: datetime | None = None
    language: str | None = None
    sentiment: str | None = None
    theme: str | None = None
    factor: str | None = None
    flag: str | None = None
    words: str | None = None

    @property
    def name(self) -> str:
        """The same for the same filters, and for no others."""
        return repr(sorted((name, str(value)) for name, value in asdict(self).items() if value is not None))


@dataclass(frozen=True, slots=True)
class Found:
    """A comment, the version that stands, what the shown run said of it (None while it waits), and what people did."""

    comment: StoredComment
    version: CommentVersion
    tagging: Tagging | None
    corrections: Corrections = NO_CORRECTIONS

    @property
    def record(self) -> Record | None:
        """The record that is shown; None while the comment waits to be tagged."""
        if self.tagging is None:
            return None
        return shown_record(self.tagging, self.corrections, id_=self.comment.external_id)

    @property
    def revision(self) -> str:
        """Changes with the text, with the tagging that is shown, and with every correction."""
        tagging = 0 if self.tagging is None else self.tagging.id
        return f"{self.version.number}.{tagging}.{self.corrections.newest}.{self.corrections.withdrawn}"


def find(session: Session, filters: Filters, *, before_id: int | None, limit: int) -> list[Found]:
    """Comments that the filters let through, those that came last first.

    Parameters
    ----------
    before_id : the id after which the page begins. Ids are given in the order of arrival and never again, so pages
        have neither gaps nor repetitions while comments are added
    limit : comments at most
    """
    query = (
        _standing()
        .where(*conditions(session, filters, FIELDS, has_tag=partial(_shows, session)))
        .order_by(StoredComment.id.desc())
        .limit(limit)
    )
    if before_id is not None:
        query = query.where(StoredComment.id < before_id)
    return _with_corrections(session, [row.tuple() for row in session.execute(query)])


def find_one(session: Session, id_: int) -> Found | None:
    """The comment with this id."""
    row = session.execute(_standing().where(StoredComment.id == id_)).one_or_none()
    return None if row is None else _with_corrections(session, [row.tuple()])[0]


def find_versions(session: Session, ids: Collection[int]) -> list[Found]:
    """The comments of which these versions stand, in no order."""
    found: list[Found] = []
    for some in in_batches(ids):
        rows = session.execute(_standing().where(CommentVersion.id.in_(some)))
        found += _with_corrections(session, [row.tuple() for row in rows])
    return found


def _with_corrections(
    session: Session, rows: Sequence[tuple[StoredComment, CommentVersion, Tagging | None]]
) -> list[Found]:
    corrections = corrections_of(session, [version.id for _, version, _ in rows])
    return [
        Found(comment, version, tagging, corrections.get(version.id, NO_CORRECTIONS))
        for comment, version, tagging in rows
    ]


def standing(session: Session, filters: Filters, *columns: Any) -> Select[Any]:
    """These columns of the versions that stand, of the comments that the filters let through."""
    return _joined(select(*columns)).where(*conditions(session, filters, FIELDS, has_tag=partial(_shows, session)))


def _standing() -> Select[StoredComment, CommentVersion, Tagging]:
    query: Any = select(StoredComment, CommentVersion, Tagging)
    return _joined(query).options(
        contains_eager(StoredComment.source), joinedload(Tagging.run), selectinload(Tagging.tags)
    )


def _joined(query: Select[Any]) -> Select[Any]:
    return (
        query.select_from(StoredComment)
        .join(StoredComment.source)
        .join(
            CommentVersion,
            and_(CommentVersion.comment_id == StoredComment.id, CommentVersion.number == StoredComment.version),
        )
        .outerjoin(Tagging, and_(Tagging.version_id == CommentVersion.id, Tagging.shown))
    )


class HasTag(Protocol):
    """Whether a comment of a query has a theme, a factor of either polarity, or a raised flag."""

    def __call__(self, kind: TagKind, label: str) -> ColumnElement[bool]: ...


def conditions(
    session: Session, filters: Filters, fields: Mapping[str, Any], *, has_tag: HasTag
) -> Iterator[ColumnElement[bool]]:
    """What the filters ask of a query that has joined `CommentVersion` and `Tagging`.

    Parameters
    ----------
    fields : what each name of `FIELDS` is in the query
    has_tag : what a tag of the query's comments is
    """
    for name in ("source", "touchpoint", "channel", "department", "respondent", "language", "sentiment"):
        value = getattr(filters, name)
        if value is not None:
            yield fields[name] == value
    if filters.nps_min is not None:
        yield fields["nps"] >= filters.nps_min
    if filters.nps_max is not None:
        yield fields["nps"] <= filters.nps_max
    if filters.submitted_from is not None:
        yield fields["submitted_at"] >= filters.submitted_from
    if filters.submitted_before is not None:
        yield fields["submitted_at"] < filters.submitted_before
    tags = {TagKind.THEME: filters.theme, TagKind.FACTOR: filters.factor, TagKind.FLAG: filters.flag}
    for kind, label in tags.items():
        if label is not None:
            yield has_tag(kind, label)
    if filters.words is not None:
        yield _has_words(session, split_words(filters.words))


def _shows(session: Session, kind: TagKind, label: str) -> ColumnElement[bool]:
    """Whether the version that stands has a tag: of a common one each version is asked, of a rare one those that have
    it are looked up first.
    """
    some = select(Tag.id).where(Tag.kind == kind, Tag.label == label).limit(COMMON).subquery()
    if session.scalar(select(func.count()).select_from(some)) == COMMON:
        return shows_tag(kind, label)
    return has_tag(CommentVersion.id, kind, label)


def of_kind(tag: Any, kind: str) -> ColumnElement[bool]:
    """Whether a tag, which is joined by its tagging, is of this kind; or a decision, joined by its version.

    Of the two indexes of tags SQLite would else take the one of kinds, and read all themes for each comment.
    """
    return cast("ColumnElement[bool]", tag.kind.concat("") == kind)


def split_words(words: str) -> list[tuple[str, bool]]:
    """The words to search for, and whether each is the beginning of one.

    >>> split_words("Pakke* for-sein!")
    [('Pakke', True), ('for', False), ('sein', False)]
    """
    return [(match[1], bool(match[2])) for match in re.finditer(r"([^\W_]+)(\*?)", words)]


def _has_words(session: Session, words: Sequence[tuple[str, bool]]) -> ColumnElement[bool]:
    # Only letters and digits are left of what was asked, so nothing in it can be read as an operator.
    if session.get_bind().dialect.name == "sqlite":
        query = " AND ".join(f'"{word}"{"*" if begins else ""}' for word, begins in words)
        matches = text("SELECT rowid FROM comment_search WHERE comment_search MATCH :words")
        return CommentVersion.id.in_(matches.bindparams(words=query).columns(literal_column("rowid")))
    query = " & ".join(f"'{word}'{':*' if begins else ''}" for word, begins in words)
    return literal_column(SEARCHED.replace(":", r"\\:")).op("@@", is_comparison=True)(func.to_tsquery("simple", query))
