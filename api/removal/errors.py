"""What can be wrong with a wish to remove comments. What was asked for is not repeated: it names a person."""

from __future__ import annotations

from typing import ClassVar

from nlp.errors import StemmeError


class UnknownRespondent(StemmeError):
    code, title = "unknown_respondent", "There is no comment of this respondent"
    exit_code: ClassVar[int] = 2

    def __init__(self, source: str | None) -> None:
        where = "" if source is None else " in this source"
        super().__init__(
            f"No comment{where} has this respondent, so nothing was removed. Either all are gone already, or the id is "
            "written otherwise: it has to be the same in every letter. `GET /v1/comments?respondent=…` finds what "
            "there is."
        )
