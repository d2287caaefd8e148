"""Numbers of payment cards."""

from __future__ import annotations

import re
from typing import Final

from stdnum import luhn

from api.personal_data.numbers import Candidate

# ISO/IEC 7812 numbers by issuer, with their lengths, as the issuers publish them.
_ISSUED = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa, Visa/Dankort
    r"|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|[689]\d)\d{11}"  # Diners Club
    r"|35(?:2[89]|[3-8]\d)\d{12}"  # JCB
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12}"  # Discover
    r"|62\d{14,17}"  # UnionPay
    r"|5019\d{12}"  # Dankort
    r"|(?:50|5[6-8]|6[37])\d{14,17}"  # Maestro
)
_SMALLEST_GROUP: Final = 3


def is_card(number: Candidate) -> bool:
    """Whether a number has an issuer's first digits and length, a right check digit, and the spacing of a card.

    Any spacing counts where the words before it speak of a card. A number that is said to be an order's is none.
    """
    if not _ISSUED.fullmatch(number.digits) or not luhn.is_valid(number.digits):
        return False
    if number.context.card:
        return number.is_whole
    return (
        min(number.lengths) >= _SMALLEST_GROUP and number.is_whole and not number.is_code and not number.context.other
    )
