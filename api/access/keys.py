"""API keys: made once, shown once, kept as a hash.

A key reads `stemme_PREFIX_SECRET`. The prefix finds the row and may be shown; the secret has 256 random bits, so that
a plain SHA-256 of it gives nothing to guess at, and needs no salt or slow hash as a password would.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from sqlalchemy import exists, select, update

from api.access.errors import ExpiredKey, InvalidKey, RevokedKey, UnknownKey
from api.access.scopes import Scope
from api.store.audit import note
from api.store.database import Store
from api.store.models import ApiKey, now

LEAD: Final = "stemme"
PREFIX_BYTES: Final = 5
SECRET_BYTES: Final = 32
LAST_USED_STEP: Final = timedelta(minutes=1)
"""A use is noted at most this often, so that reading does not mean writing."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a request comes from: a key's prefix, scopes and name."""

    prefix: str
    scopes: frozenset[str]
    name: str = ""


def create_key(store: Store, *, scopes: Collection[Scope], name: str, expires_at: datetime | None, by: str) -> str:
    """Make a key; what is returned is shown to nobody again.

    Parameters
    ----------
    by : who makes it, for the audit log
    """
    prefix, secret = secrets.token_hex(PREFIX_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    names = sorted(scopes)
    with store.write() as session:
        session.add(ApiKey(prefix=prefix, hash=_hash(secret), name=name, scopes=names, expires_at=expires_at))
        expires = None if expires_at is None else expires_at.isoformat()
        note(session, by=by, action="key.created", subject=prefix, detail={"scopes": names, "expires_at": expires})
    return f"{LEAD}_{prefix}_{secret}"


def list_keys(store: Store) -> Sequence[ApiKey]:
    """Every key that was ever made, oldest first."""
    with store.read() as session:
        return session.scalars(select(ApiKey).order_by(ApiKey.id)).all()


def revoke_key(store: Store, prefix: str, *, by: str) -> None:
    """End a key at once; one that is revoked stays so.

    Raises
    ------
    UnknownKey : if there is none
    """
    with store.write() as session:
        key = session.scalar(select(ApiKey).where(ApiKey.prefix == prefix))
        if key is None:
            raise UnknownKey(prefix)
        if key.revoked_at is None:
            key.revoked_at = now()
            note(session, by=by, action="key.revoked", subject=prefix)


def has_usable_key(store: Store) -> bool:
    """Whether anybody could get in."""
    usable = ApiKey.revoked_at.is_(None) & (ApiKey.expires_at.is_(None) | (ApiKey.expires_at > now()))
    with store.read() as session:
        return bool(session.scalar(select(exists().where(usable))))


def authenticate(store: Store, key: str) -> Caller:
    """Whose key this is.

    Raises
    ------
    InvalidKey : if it is nobody's. Only who holds the whole key is told that it has expired or was revoked
    """
    prefix, secret = _split(key)
    with store.read() as session:
        found = session.scalar(select(ApiKey).where(ApiKey.prefix == prefix))
    # Compared in any case, so that the time taken does not tell which prefixes there are.
    fits = compare_digest(_hash(secret), found.hash if found else "")
    if found is None or not fits:
        raise InvalidKey
    moment = now()
    if found.revoked_at is not None:
        raise RevokedKey(prefix, found.revoked_at)
    if found.expires_at is not None and found.expires_at <= moment:
        raise ExpiredKey(prefix, found.expires_at)
    if found.last_used_at is None or moment - found.last_used_at >= LAST_USED_STEP:
        with store.write() as session:
            session.execute(update(ApiKey).where(ApiKey.id == found.id).values(last_used_at=moment))
    return Caller(prefix, frozenset(found.scopes), found.name)


def _split(key: str) -> tuple[str, str]:
    lead, _, rest = key.partition("_")
    prefix, _, secret = rest.partition("_")
    if lead != LEAD or not prefix.isascii() or not prefix.isalnum() or not secret or len(key) > 128:  # noqa: PLR2004
        raise InvalidKey
    return prefix, secret


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
