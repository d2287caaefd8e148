"""What can be wrong with an action."""

from __future__ import annotations

from nlp.errors import StemmeError


class CauseActionError(StemmeError):
    """An action cannot be had or kept."""

    code, title = "cause_action_error", "The action cannot be kept"


class UnknownAction(CauseActionError):
    code, title = "unknown_action", "There is no such action"

    def __init__(self, id_: int) -> None:
        super().__init__(f"No action has the id {id_}. `GET /v1/actions` lists those that there are.")


class BadActionDays(CauseActionError):
    code, title = "bad_action_days", "The days of the action do not go together"


class TooManyActions(CauseActionError):
    code, title = "too_many_actions", "The cause has too many actions"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"A cause has at most {most} actions. Remove one that is of no use any more, then add this one."
        )
