"""Cursors: where a page ended, in a form that callers hand back unread."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Protocol

from nlp.errors import StemmeError


class Named(Protocol):
    """Filters: their name is the same for the same filters, and for no others."""

    @property
    def name(self) -> str: ...


class BadCursor(StemmeError):
    code, title = "bad_cursor", "The cursor cannot be used"

    def __init__(self, found: str) -> None:
        super().__init__(f"The cursor {found}. Send `next` of the page before, with the filters of that page.")


def cursor_after(id_: int, filters: Named) -> str:
    """The cursor of the page that begins after this comment, or line.

    >>> from api.store.search import Filters
    >>> id_before(cursor_after(17, Filters(nps_min=9)), Filters(nps_min=9))
    17
    """
    return urlsafe_b64encode(json.dumps([id_, _mark(filters)]).encode()).decode().rstrip("=")


def id_before(cursor: str, filters: Named) -> int:
    """The id after which a cursor's page begins.

    Raises
    ------
    BadCursor : if it is none of ours, or of other filters
    """
    try:
        id_, mark = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError):
        raise BadCursor("is not whole") from None
    if type(id_) is not int or not 0 < id_ < 2**63:
        raise BadCursor("is not whole")
    if mark != _mark(filters):
        raise BadCursor("belongs to other filters")
    return id_


def _mark(filters: Named) -> str:
    return sha256(filters.name.encode()).hexdigest()[:16]
