"""Erasure at a person's request: every comment of a respondent goes, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import ColumnElement, select

from api.removal.errors import UnknownRespondent
from api.removal.models import Cause
from api.removal.remove import Extent, measure, remove
from api.store.database import Store
from api.store.models import Source, StoredComment
from api.store.wipe import wipe


@dataclass(frozen=True, slots=True)
class Erasure:
    """What went, or would go, of a respondent.

    Parameters
    ----------
    receipt : what the audit log calls this erasure, drawn by chance; None if it was a dry run
    wiped : whether the words are out of the database's files too; see `api.store.wipe`
    """

    extent: Extent
    receipt: str | None
    wiped: bool


def erase(store: Store, respondent: str, *, source: str | None = None, by: str, dry_run: bool = False) -> Erasure:
    """Remove every comment of a respondent, with all that hangs on them.

    The audit log gets counts and a receipt drawn by chance. A hash of the id, salted or keyed, would let whoever has
    the store and its key try out every customer number: it would still be personal data.

    Parameters
    ----------
    respondent : as the comments have it, in every letter
    source : only the comments of this source; without it, of all: two sources may have given one id to two people
    by : a key's prefix, or `command line: ` and the user's name
    dry_run : only say what would go

    Raises
    ------
    UnknownRespondent : if no comment has this respondent
    StoreUnavailable : if the database does not answer; nothing was removed
    """
    theirs = comments_of(respondent, source=source)
    if dry_run:
        with store.read() as session:
            return Erasure(_known(measure(session, theirs), source), None, wiped=False)
    receipt = str(uuid4())
    with store.write() as session:
        extent = remove(session, theirs, cause=Cause.ERASURE, by=by, subject=receipt)
        _known(extent, source)
    return Erasure(extent, receipt, wiped=wipe(store))


def comments_of(respondent: str, *, source: str | None = None) -> ColumnElement[bool]:
    """The condition that a comment is this respondent's."""
    theirs = StoredComment.respondent == respondent
    if source is None:
        return theirs
    return theirs & StoredComment.source_id.in_(select(Source.id).where(Source.name == source))


def _known(extent: Extent, source: str | None) -> Extent:
    if not extent.comments:
        raise UnknownRespondent(source)
    return extent
