"""What is masked, and what stands in its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

Country = Literal["NO", "DK", "SE"]
COUNTRY_OF: Final[dict[str, Country]] = {"nb": "NO", "nn": "NO", "da": "DK", "sv": "SE"}


class Kind(StrEnum):
    """The kinds of personal data that are looked for; the value in brackets is what a text shows in their place."""

    EMAIL = "email"
    IBAN = "iban"
    CARD = "card"
    NATIONAL_ID = "national_id"
    ACCOUNT = "account"
    PHONE = "phone"

    @property
    def placeholder(self) -> str:
        """The same in every language, without digits or capitals.

        >>> Kind.NATIONAL_ID.placeholder
        '[national_id]'
        """
        return f"[{self.value}]"


@dataclass(frozen=True, slots=True)
class Masking:
    """Which kinds are masked. One that is left out stays in the text, and is not taken for another kind."""

    kinds: frozenset[Kind] = frozenset(Kind)
