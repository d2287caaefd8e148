"""What can be wrong with alerts, their rules and what is asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import ClassVar

from nlp.errors import StemmeError


class AlertError(StemmeError):
    code, title = "alert_error", "The alerts cannot do this"
    exit_code: ClassVar[int] = 2


class UnknownAlert(AlertError):
    code, title = "unknown_alert", "There is no such alert"

    def __init__(self, id_: int) -> None:
        super().__init__(f"No alert has the id {id_}. `GET /v1/alerts` lists those that there are.")


class AlertConflict(AlertError):
    code, title = "alert_conflict", "Somebody changed the alert meanwhile"

    def __init__(
        self, id_: int, *, sent: int, found: int, state: str, owner: str | None, actor: str | None, at: datetime
    ) -> None:
        now = f"{state}, {f'owned by {owner}' if owner else 'without an owner'}"
        who = f"; changed by {actor} at {at:%Y-%m-%d %H:%M:%S} UTC" if actor else ""
        super().__init__(
            f"Alert {id_} has revision {found}, and the change was made of revision {sent}. It is now {now}{who}. "
            f"Nothing was changed. Read it again, and send revision {found} if the change is still wanted."
        )


class OwnerNeeded(AlertError):
    code, title = "owner_needed", "Someone has to own the alert"

    def __init__(self, state: str) -> None:
        super().__init__(f"An alert that is {state} has an owner. Send `owner`: who looks after the customer.")


class OwnerNotAllowed(AlertError):
    code, title = "owner_not_allowed", "A new alert has no owner"

    def __init__(self) -> None:
        super().__init__('An alert that is new has no owner. Send `"state": "taken"` with the owner, or leave it out.')


class UnknownRule(AlertError):
    code, title = "unknown_rule", "There is no such alert rule"

    def __init__(self, known: Sequence[str], *, name: str | None = None) -> None:
        near = get_close_matches(name or "", known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"There is no alert rule of this name.{hint} Known: {', '.join(known)}.")


class RuleExists(AlertError):
    code, title = "rule_exists", "There is an alert rule of this name"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is a rule {name!r} already. Choose another name, change the rule that there is "
            f"(`PATCH /v1/alert-rules/{name}`, or `stemme alerts rules add --replace`), or remove it first."
        )


class BadRule(AlertError):
    """A file of rules cannot be used; nothing of it was added."""

    code, title = "bad_rule", "The alert rule is not valid"
