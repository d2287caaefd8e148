"""What a run did, in figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from api.files.rows import Row
from nlp.record import FailedComment, Record


@dataclass(slots=True)
class ErrorCount:
    """How many rows had an error of one code, and the line of the first."""

    count: int
    first_line: int


@dataclass(slots=True)
class Summary:
    """Rows, tagged rows and errors by code, counted as the run goes; `seconds` is from the first row to the last."""

    rows: int = 0
    tagged: int = 0
    errors: dict[str, ErrorCount] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, tagged: Iterable[tuple[Row, Record]]) -> None:
        for row, record in tagged:
            self.rows += 1
            if not isinstance(record, FailedComment):
                self.tagged += 1
            elif record.error.code in self.errors:
                self.errors[record.error.code].count += 1
            else:
                self.errors[record.error.code] = ErrorCount(1, row.line)

    def __str__(self) -> str:
        """For people, one line and one more for each code.

        >>> print(Summary(rows=3, tagged=2, errors={"missing_text": ErrorCount(1, first_line=2)}, seconds=0.5))
        3 lines: 2 tagged, 1 with an error; 0.5 s, 6 comments/s
          missing_text: 1, the first on line 2
        """
        failed = self.rows - self.tagged
        speed = f", {self.rows / self.seconds:,.0f} comments/s" if self.seconds else ""
        lines = f"{self.rows:,} line" if self.rows == 1 else f"{self.rows:,} lines"
        head = f"{lines}: {self.tagged:,} tagged, {failed:,} with an error; {self.seconds:,.1f} s{speed}"
        errors = (f"  {code}: {e.count:,}, the first on line {e.first_line:,}" for code, e in self.errors.items())
        return "\n".join([head, *errors])
