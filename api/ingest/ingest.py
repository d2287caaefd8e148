"""`ingest`: store comments, once each, and leave what is new to be tagged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session, contains_eager

from api.ingest.treatment import TextTreatment, as_it_came
from api.store.database import Store
from api.store.models import CommentVersion, PendingVersion, Source, StoredComment, now

ORDER_LOCK: Final = 0x696E67657374
"""Of PostgreSQL: "ingest" in ASCII."""


@dataclass(frozen=True, slots=True)
class NewComment:
    """A comment to be stored; `source` and `external_id` name it for ever, the rest may change.

    `text` holds no NUL and no half of a surrogate pair, `submitted_at` has a zone, and `metadata` is JSON.
    """

    source: str
    external_id: str
    text: str
    question: str | None = None
    nps: int | None = None
    touchpoint: str | None = None
    channel: str | None = None
    department: str | None = None
    respondent: str | None = None
    submitted_at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredAs:
    """Where a comment lies: its id in the store and the version of its text that stands."""

    id: int
    source: str
    external_id: str
    version: int


def ingest(comments: Iterable[NewComment], *, store: Store, treat: TextTreatment = as_it_came) -> list[StoredAs]:
    """Store comments in one transaction: all are on the disk when it returns, or none.

    A comment that is there is not stored again. If its text or question differs it gets a new version, which will be
    tagged; its other fields take the values that came last. The same comment again changes nothing.

    Parameters
    ----------
    treat : what is done to each text before it is stored

    Returns
    -------
    one for each comment, in order

    Raises
    ------
    StoreUnavailable : if the database does not answer; nothing was stored
    """
    treated = [replace(comment, text=treat(comment.text)) for comment in comments]
    with store.write() as session:
        take_turns(session)
        kept = _Kept(session, treated)
        versions = [kept.put(comment) for comment in treated]
        session.flush()
        if new := [{"version_id": version.id, "attempts": 0} for version in kept.new_versions]:
            session.execute(insert(PendingVersion), new)
        return [
            StoredAs(version.comment_id, comment.source, comment.external_id, version.number)
            for comment, version in zip(treated, versions, strict=True)
        ]


def take_turns(session: Session) -> None:
    """Let one transaction at a time add comments, as SQLite does by itself.

    Ids are then committed in order, so that a reader who has seen one has seen all before it; and two requests with
    the same new comment do not both add it.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ORDER_LOCK})


class _Kept:
    """The comments of a call that the store has, and those that it gets."""

    def __init__(self, session: Session, comments: Sequence[NewComment]) -> None:
        self._session = session
        self._sources = self._known_or_new_sources({comment.source for comment in comments})
        self._standing = self._known(comments)
        self.new_versions: list[CommentVersion] = []

    def put(self, comment: NewComment) -> CommentVersion:
        """The version that stands once this comment has been put in."""
        key = comment.source, comment.external_id
        standing = self._standing.get(key)
        if standing is None:
            stored = StoredComment(source=self._sources[comment.source], external_id=comment.external_id, version=0)
            stored.submitted_at = comment.submitted_at or now()
            self._session.add(stored)
        else:
            stored = standing.comment
        _describe(stored, comment)
        if standing is not None and (standing.text, standing.question) == (comment.text, comment.question):
            return standing
        stored.version += 1
        version = CommentVersion(comment=stored, number=stored.version, text=comment.text, question=comment.question)
        self._session.add(version)
        self.new_versions.append(version)
        self._standing[key] = version
        return version

    def _known_or_new_sources(self, names: set[str]) -> dict[str, Source]:
        known = {source.name: source for source in self._session.scalars(select(Source).where(Source.name.in_(names)))}
        new = {name: Source(name=name) for name in sorted(names - set(known))}
        self._session.add_all(new.values())
        self._session.flush()
        return known | new

    def _known(self, comments: Sequence[NewComment]) -> dict[tuple[str, str], CommentVersion]:
        known: dict[tuple[str, str], CommentVersion] = {}
        for name, source in self._sources.items():
            ids = [comment.external_id for comment in comments if comment.source == name]
            standing = (
                select(CommentVersion)
                .join(CommentVersion.comment)
                .where(StoredComment.source_id == source.id, StoredComment.external_id.in_(ids))
                .where(CommentVersion.number == StoredComment.version)
                .options(contains_eager(CommentVersion.comment))
            )
            known |= {(name, each.comment.external_id): each for each in self._session.scalars(standing)}
        return known


def _describe(stored: StoredComment, comment: NewComment) -> None:
    stored.nps = comment.nps
    stored.touchpoint, stored.channel, stored.department = comment.touchpoint, comment.channel, comment.department
    stored.respondent = comment.respondent
    stored.submitted_at = comment.submitted_at or stored.submitted_at
    stored.extra = dict(comment.metadata)
