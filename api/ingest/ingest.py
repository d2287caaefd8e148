"""`ingest`: store comments, once each, and leave what is new to be tagged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session, contains_eager

from api.ingest.comment import NewComment
from api.ingest.treatment import Treatment, masking
from api.personal_data import Kind
from api.store.database import Store
from api.store.history import kept_fields, note_change
from api.store.models import CommentVersion, PendingVersion, Source, StoredComment, now

ORDER_LOCK: Final = 0x696E67657374
"""Of PostgreSQL: "ingest" in ASCII."""
MASK_EVERYTHING: Final = masking(frozenset(Kind))
DESCRIBED: Final = ("nps", "touchpoint", "channel", "department", "respondent")

__all__ = ["NewComment", "Outcome", "StoredAs", "ingest"]


class Outcome(StrEnum):
    """What a comment was to the store: not there, there and different in anything, or there as it is."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class StoredAs:
    """Where a comment lies: its id in the store and the version of its text that stands.

    `masked` counts what was masked in it, by kind. `outcome` is of this call alone, so it does not count when two are
    compared: the same comment again lies where it lay.
    """

    id: int
    source: str
    external_id: str
    version: int
    masked: Mapping[Kind, int] = field(default_factory=dict)
    outcome: Outcome = field(default=Outcome.NEW, compare=False)


def ingest(comments: Iterable[NewComment], *, store: Store, treat: Treatment = MASK_EVERYTHING) -> list[StoredAs]:
    """Store comments in one transaction: all are on the disk when it returns, or none.

    A comment that is there is not stored again. If its text or question differs it gets a new version, which will be
    tagged; its other fields take the values that came last. The same comment again changes nothing.

    Parameters
    ----------
    treat : what is done to each comment before it is stored; by default personal data is masked

    Returns
    -------
    one for each comment, in order

    Raises
    ------
    StoreUnavailable : if the database does not answer; nothing was stored
    """
    treated = [treat(comment) for comment in comments]
    with store.write() as session:
        take_turns(session)
        kept = _Kept(session, [each.comment for each in treated])
        put = [kept.put(each.comment) for each in treated]
        session.flush()
        if new := [{"version_id": version.id, "attempts": 0} for version in kept.new_versions]:
            session.execute(insert(PendingVersion), new)
        return [
            StoredAs(
                version.comment_id,
                each.comment.source,
                each.comment.external_id,
                version.number,
                masked=each.masked,
                outcome=outcome,
            )
            for each, (version, outcome) in zip(treated, put, strict=True)
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

    def put(self, comment: NewComment) -> tuple[CommentVersion, Outcome]:
        """The version that stands once this comment has been put in, and what it was to the store."""
        key = comment.source, comment.external_id
        standing = self._standing.get(key)
        if standing is None:
            stored = StoredComment(source=self._sources[comment.source], external_id=comment.external_id, version=0)
            stored.submitted_at = comment.submitted_at or now()
            self._session.add(stored)
            _describe(stored, comment)
        else:
            stored = standing.comment
            before = kept_fields(stored)
            described = _describe(stored, comment)
            if stored.id is not None:  # else it was added by this call, and nobody has seen what it was
                note_change(self._session, stored, before=before)
        if standing is not None and (standing.text, standing.question) == (comment.text, comment.question):
            return standing, Outcome.CHANGED if described else Outcome.UNCHANGED
        stored.version += 1
        version = CommentVersion(comment=stored, number=stored.version, text=comment.text, question=comment.question)
        self._session.add(version)
        self.new_versions.append(version)
        self._standing[key] = version
        return version, Outcome.NEW if standing is None else Outcome.CHANGED

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


def _describe(stored: StoredComment, comment: NewComment) -> bool:
    """Give a comment the values that came last; whether any is another than before."""
    values = {name: getattr(comment, name) for name in DESCRIBED}
    values |= {"submitted_at": comment.submitted_at or stored.submitted_at, "extra": dict(comment.metadata)}
    changed = [name for name, value in values.items() if getattr(stored, name) != value]
    for name in changed:
        setattr(stored, name, values[name])
    return bool(changed)
