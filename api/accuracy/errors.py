"""What can be wrong with a sample, or with the sheet that people have filled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from api.files.errors import OutputExists
from nlp.errors import StemmeError

SHOWN_PROBLEMS = 10


class AuditError(StemmeError):
    """The audit cannot go on."""

    code, title = "audit_error", "The audit cannot go on"
    exit_code: ClassVar[int] = 2


class NothingToDraw(AuditError):
    code, title = "nothing_to_draw", "There is no tagged comment to draw from"


class BadRecords(AuditError):
    code, title = "bad_records", "The records cannot be read"


class UnknownDesign(AuditError):
    code, title = "unknown_design", "The sheet's design is not found"


class BadAnswers(AuditError):
    code, title = "bad_answers", "The sheet has answers that cannot be read"

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        more = f" … and {len(problems) - SHOWN_PROBLEMS:,} more" if len(problems) > SHOWN_PROBLEMS else ""
        shown = "\n- ".join(problems[:SHOWN_PROBLEMS])
        super().__init__(
            f"{name} cannot be read as it is; nothing was stored. Mend this and read it again:\n- {shown}{more}"
        )


class TooFewAnswers(AuditError):
    code, title = "too_few_answers", "Too few comments have been checked"

    def __init__(self, checked: int, needed: int, drawn: int) -> None:
        super().__init__(
            f"{checked:,} of {drawn:,} comments have been checked; below {needed} no figure says anything. Check more "
            "(an x in the column `checked`), and read the sheet again."
        )


class NoCard(AuditError):
    code, title = "no_accuracy_card", "There is no accuracy card yet"

    def __init__(self) -> None:
        super().__init__(
            "Nobody has checked a sample yet. `stemme audit draw -o sample.xlsx` draws one, and `stemme audit read` "
            "makes the card out of the answers."
        )


def answers_there(path: Path) -> OutputExists:
    """The error that keeps a sheet, or its design, from being written over."""
    return OutputExists(f"{path} is there already, perhaps with people's answers. Name another, or move it away.")
