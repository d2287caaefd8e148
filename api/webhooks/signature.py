"""Signatures as the Standard Webhooks have them: HMAC-SHA256 over the message's id, the time and the body.

References
----------
Standard Webhooks 1.0.0, "Signature scheme" and "Webhook headers",
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32


def new_secret() -> str:
    """A secret of 256 random bits, in the form in which receivers' libraries take it."""
    return PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, *, message: str, timestamp: int, body: bytes) -> str:
    """The signature of one attempt.

    Parameters
    ----------
    secret : `whsec_` and base 64
    message : the message's id, without a full stop
    timestamp : of the attempt, in seconds since 1970

    >>> key = "whsec_" + b64encode(b"0" * 32).decode()
    >>> signature(key, message="msg_1", timestamp=1_764_000_000, body=b"{}")
    'v1,zALR6xHphKmqaaV0mpMu4FXQs9lstFNzYno49EEQMQ0='
    """
    signed = b".".join((message.encode(), str(timestamp).encode(), body))
    digest = hmac.digest(b64decode(secret.removeprefix(PREFIX)), signed, "sha256")
    return f"v1,{b64encode(digest).decode()}"


def signature_headers(keys: Sequence[str], *, message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers; with several secrets, a signature by each, so that a receiver can change over."""
    signatures = (signature(each, message=message, timestamp=timestamp, body=body) for each in keys)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
