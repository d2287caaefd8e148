"""What a message says: ids, tags and a link. A comment's words are in it only if the webhook asks for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from api.store.models import now

if TYPE_CHECKING:
    from api.webhooks.outbox import Claim, Raised

ALERT_RAISED: Final = "alert.raised"
TEST: Final = "webhook.test"


def alert_payload(alert: Raised, *, public_url: str | None) -> dict[str, Any]:
    """The message about an alert, as the Standard Webhooks have it: type, timestamp, data."""
    comment = alert.comment
    return {
        "type": ALERT_RAISED,
        "timestamp": alert.at.isoformat(),
        "data": {
            "alert": {
                "id": alert.id,
                "rule": alert.rule,
                "priority": alert.priority,
                "raised_at": alert.at.isoformat(),
                "link": f"{(public_url or '').rstrip('/')}/v1/alerts/{alert.id}",
            },
            "comment": {
                "id": comment.id,
                "source": alert.case.source,
                "external_id": comment.external_id,
                "version": alert.version.number,
                "nps": comment.nps,
                "touchpoint": comment.touchpoint,
                "channel": comment.channel,
                "department": comment.department,
                "submitted_at": comment.submitted_at.isoformat(),
            },
            "record": json.loads(json.dumps(alert.case.record.to_dict())),
        },
    }


def test_payload(webhook_id: int) -> dict[str, Any]:
    """A message that only shows that messages arrive."""
    return {"type": TEST, "timestamp": now().isoformat(), "data": {"webhook": {"id": webhook_id}}}


def body_of(claim: Claim) -> bytes:
    """What is sent and signed: the same bytes in each attempt."""
    payload: Mapping[str, Any] = claim.payload
    if claim.text is not None:
        data = payload["data"]
        comment = {**data["comment"], "text": claim.text, "question": claim.question}
        payload = {**payload, "data": {**data, "comment": comment}}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
