"""What can be wrong with what a report is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import ClassVar

from nlp.errors import StemmeError


class ReportError(StemmeError):
    """A report cannot be made as it was asked for."""

    code, title = "report_error", "The report cannot be made"
    exit_code: ClassVar[int] = 2


class UnknownDimension(ReportError):
    code, title = "unknown_dimension", "There is no such dimension"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        near = get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"A dimension is not known.{hint} Known: {', '.join(known)}.")


class FutureMoment(ReportError):
    code, title = "future_moment", "The moment has not come yet"

    def __init__(self, asked: datetime, at: datetime) -> None:
        super().__init__(
            f"as_of is {asked.isoformat()}, and it is {at.isoformat()} now. Name a moment that has passed, or leave "
            "as_of out."
        )


class SameRun(ReportError):
    code, title = "same_run", "The two runs are one"

    def __init__(self, id_: int) -> None:
        super().__init__(f"Both runs are {id_}. Name two runs.")


class TooManyRows(ReportError):
    code, title = "too_many_rows", "The report would be too long"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"The report has more than {most:,} rows, one for each group and period. Ask for a longer period, a "
            "smaller limit of groups, or a stretch of time (submitted_from, submitted_before)."
        )
