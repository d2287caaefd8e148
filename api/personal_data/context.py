"""What the words before a number say that it is. Shared by all kinds of numbers; the words are Scandinavian."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

REACH: Final = 48
"""Characters before a number that are read."""

_WORD = re.compile(r"[^\W\d_]+|\d+|[!?\n]")
_STOPS: Final = frozenset("!?\n")


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words between a number and the word that says what it is: "ordrenummeret mitt er 123".
_FILLERS: Final = _set_of(
    "nr nummer nummeret nummret numret no num id er var är mitt min mit med på som det den lyder til till dk"
)
_BETWEEN_NUMBERS: Final = _set_of("og eller och samt")

_OTHER_WORDS: Final = _set_of(
    "ref refnr sak saken sag sagen art org ip kid ocr sim vin kl kr nok sek dkk eur v ver cvr ean gtin imei isbn lot "
    "kod kode koden mva moms pin puk bg pg"
)
_OTHER_STEMS: Final = tuple(
    _set_of(
        "ordre order bestil beställ faktura invoice saksn sagsn saksb ärende referan kundenr kundenum kundnr kundnum "
        "kundeid kundnumr medlem sporing spårning tracking kolli pakke paket sending sendings forsendelse försändelse "
        "artikkel artikel varenr varenum varunr varunum produkt serien modell model strekk stregk streckk orgn "
        "organisasjon organisation bedriftsn foretak företag virksomhed måler målar mätar anlegg anläggning avtalen "
        "avtalsn aftalen polise police försäkring forsikring skadenr skaden billett billet biljett booking bookn bokn "
        "reservasjon reservation ticket kvittering kvitto transaksjon transaktion versjon version firmware gavekort "
        "presentkort kupong rabatt batch beløp belopp bankgiro plusgiro postn kundekl bonus forbruk forbrug förbruk "
        "viste viser visade visar oppdater opdater uppdater "
    )
)
_ID_WORDS: Final = _set_of("f d fnr pnr cpr ssn dnr dnummer samordning")
_ID_STEMS: Final = ("fødsel", "fodsel", "personn", "persnr", "cprn", "samordningsn", "född", "født", "fødd")
_ACCOUNT_WORDS: Final = _set_of("kto reg regnr registreringsnummer")
_ACCOUNT_STEMS: Final = ("konto", "bankkonto", "lønnskonto", "lønkonto", "lönekonto", "sparekonto", "clearing")
_PHONE_WORDS: Final = _set_of("tel tlf mob nå nås sms fon ring")
_PHONE_STEMS: Final = (
    *("telef", "mobil", "ringe", "ringt", "ringa", "kontakt", "smsa", "whatsapp", "vipps", "swish", "nummer"),
    *("numret", "tlfn", "teln", "ringme", "oppring", "opring"),
)
_CARD_STEMS: Final = (
    *("kort", "visa", "master", "amex", "dankort", "bankkort", "kreditt", "kredit", "betalkort", "betalings"),
    *("betalning", "debet", "debit", "diners"),
)


@dataclass(frozen=True, slots=True)
class Context:
    """The words before a number; `nearest` is the last that is no filler, empty where a sentence or the text begins."""

    nearest: str
    words: tuple[str, ...]

    @classmethod
    def before(cls, view: str, start: int) -> Context:
        words = _WORD.findall(view[max(0, start - REACH) : start].lower())
        while words and words[-1].isdigit() and view[start - 1 : start] == "(":
            del words[-1]  # "versjon 2.1 (123)" is about one thing
        return cls(_nearest(words), tuple(words))

    @property
    def other(self) -> bool:
        """Whether the number is said to be something that is no person's: an order, an invoice, a version."""
        return self.nearest in _OTHER_WORDS or self.nearest.startswith(_OTHER_STEMS)

    @property
    def national_id(self) -> bool:
        return self.nearest in _ID_WORDS or self.nearest.startswith(_ID_STEMS)

    @property
    def account(self) -> bool:
        return self.nearest in _ACCOUNT_WORDS or self.nearest.startswith(_ACCOUNT_STEMS)

    @property
    def phone(self) -> bool:
        """Whether any word speaks of calling, since people say more than "tlf." before a number."""
        return any(word in _PHONE_WORDS or word.startswith(_PHONE_STEMS) for word in self.words)

    @property
    def card(self) -> bool:
        return any(word.startswith(_CARD_STEMS) for word in self.words)


def _nearest(words: list[str]) -> str:
    """Numbers that are joined to this one by a small word are what it is: "ordre 123 og 456"."""
    place = len(words) - 1
    while place >= 0:
        word = words[place]
        if word in _STOPS:
            return ""
        if word in _BETWEEN_NUMBERS and place and words[place - 1].isdigit():
            place -= 2
        elif word in _FILLERS:
            place -= 1
        else:
            return word
    return ""
