"""Why a request is turned away. What was sent as a key is never repeated."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from api.access.scopes import Scope
from nlp.errors import StemmeError

HOW: str = "Send it as `Authorization: Bearer KEY`; `stemme keys create --scope …` makes one."


class AccessError(StemmeError):
    """The request is turned away; `challenge` is what its answer's WWW-Authenticate says (RFC 6750)."""

    code, title = "access_error", "Access is refused"
    challenge: str = 'Bearer realm="stemme"'


class MissingKey(AccessError):
    code, title = "missing_key", "There is no key"

    def __init__(self) -> None:
        super().__init__(f"The request has no key. {HOW}")


class InvalidKey(AccessError):
    code, title = "invalid_key", "The key is not valid"
    challenge = 'Bearer realm="stemme", error="invalid_token"'

    def __init__(self) -> None:
        super().__init__(f"The key is not one of this service's, or is not whole. {HOW}")


class ExpiredKey(InvalidKey):
    code, title = "expired_key", "The key has expired"

    def __init__(self, prefix: str, at: datetime) -> None:
        AccessError.__init__(self, f"Key {prefix} expired at {at:%Y-%m-%d %H:%M} UTC. Ask for a new one. {HOW}")


class RevokedKey(InvalidKey):
    code, title = "revoked_key", "The key has been revoked"

    def __init__(self, prefix: str, at: datetime) -> None:
        AccessError.__init__(self, f"Key {prefix} was revoked at {at:%Y-%m-%d %H:%M} UTC. Ask for a new one. {HOW}")


class MissingScope(AccessError):
    code, title = "missing_scope", "The key does not allow this"

    def __init__(self, prefix: str, needed: Scope, found: list[str]) -> None:
        self.challenge = f'Bearer realm="stemme", error="insufficient_scope", scope="{needed}"'
        super().__init__(
            f"Key {prefix} has the scopes {', '.join(found)}; this needs {needed}. Ask for a key with it: "
            f"stemme keys create --scope {needed}"
        )


class UnknownKey(StemmeError):
    code, title = "unknown_key", "There is no such key"
    exit_code: ClassVar[int] = 2

    def __init__(self, prefix: str) -> None:
        super().__init__(f"No key begins with {prefix!r}. `stemme keys list` shows those that there are.")
