"""Comments with personal data made up for measuring: valid numbers, many spellings, and what only looks like them."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import phonenumbers
from stdnum import luhn
from stdnum.dk import cpr
from stdnum.iso7064 import mod_97_10
from stdnum.no import fodselsnummer, kontonr, orgnr

from api.personal_data import Kind
from nlp.record import Span

FRAMES: Final = Path(__file__).with_name("personal_data.toml")
LANGUAGES: Final = ("nb", "nn", "da", "sv")
_COUNTRY: Final = {"nb": "NO", "nn": "NO", "da": "DK", "sv": "SE"}
_COORDINATION: Final = 60
_LAST_HUNDRED: Final = 1925
"""Born so long ago that their short number has a plus."""
_FIRST_BIRTH, _LAST_BIRTH = date(1915, 1, 1), date(2009, 12, 31)

Make = Callable[[random.Random, str], str]


@dataclass(frozen=True, slots=True)
class Case:
    """A comment; `value` is where its personal data stands, None in a hard negative; `kind` names either."""

    text: str
    language: str
    kind: str
    value: Span | None


def positives(*, each: int, seed: int) -> Iterator[Case]:
    """`each` comments of every kind in every language, each with one value."""
    for kind, make in VALUES.items():
        for language in LANGUAGES:
            rng = random.Random(f"{seed} {kind} {language}")
            frames = _frames()[kind][language]
            for number in range(each):
                usable = frames["without"] if number % 2 and frames["without"] else frames["with_word"]
                yield _placed(make(rng, language), rng.choice(usable), rng, language=language, kind=kind)


def negatives(*, each: int, seed: int) -> Iterator[Case]:
    """`each` comments of every look-alike in every language, none with personal data."""
    for kind, make in LOOK_ALIKES.items():
        for language in LANGUAGES:
            rng = random.Random(f"{seed} {kind} {language}")
            for _ in range(each):
                frame = rng.choice(_frames()["not"][kind][language])
                case = _placed(make(rng, language), frame, rng, language=language, kind=kind)
                yield Case(case.text, language, kind, None)


def _placed(value: str, frame: str, rng: random.Random, *, language: str, kind: str) -> Case:
    """The frame with the value in it: in running text, in parentheses, before a mark, by an emoji, without a space."""
    head, _, tail = frame.partition("{}")
    place = rng.random()
    if place < 0.10:  # noqa: PLR2004
        head, tail = head + "(", ")" + tail
    elif place < 0.20:  # noqa: PLR2004
        head, tail = head + "📞", tail + " 😡"
    elif place < 0.30:  # noqa: PLR2004
        head, tail = "👎" + head, rng.choice(("!", "...", ",", "\n")) + tail
    elif place < 0.38 and kind in {Kind.PHONE, Kind.NATIONAL_ID, Kind.ACCOUNT, Kind.CARD}:  # noqa: PLR2004
        head = head.rstrip() if head.rstrip()[-1:].islower() else head
    head = rng.choice(("", "", "", "Hei! ", "Veldig skuffet. ", "10/10\n")) + head
    text = head + value + tail
    return Case(text, language, kind, Span(len(head), len(head) + len(value)))


@cache
def _frames() -> Mapping[str, Any]:
    return tomllib.loads(FRAMES.read_text(encoding="utf-8"))


def _digits(rng: random.Random, count: int, *, first: str = "0123456789") -> str:
    return rng.choice(first) + "".join(rng.choices("0123456789", k=count - 1))


def _birth(rng: random.Random) -> date:
    return _FIRST_BIRTH + timedelta(days=rng.randrange((_LAST_BIRTH - _FIRST_BIRTH).days))


def _until(valid: Callable[[str], bool], make: Callable[[], str]) -> str:
    while not valid(value := make()):
        pass
    return value


def norwegian_id(rng: random.Random) -> str:
    """Eleven digits with right check digits; every fifth is a D-number."""

    def make() -> str:
        born = _birth(rng)
        day = born.day + (40 if rng.random() < 0.2 else 0)  # noqa: PLR2004
        head = f"{day:02}{born:%m%y}{_digits(rng, 3)}"
        head += fodselsnummer.calc_check_digit1(head)
        return head + fodselsnummer.calc_check_digit2(head)

    return _until(fodselsnummer.is_valid, make)


def danish_id(rng: random.Random) -> str:
    """Ten digits; two of five have no right check digit, as those given out since 2007 may have none."""
    checked = rng.random() < 0.6  # noqa: PLR2004
    return _until(
        lambda value: cpr.is_valid(value) and (cpr.checksum(value) == 0) == checked,
        lambda: f"{_birth(rng):%d%m%y}{_digits(rng, 4)}",
    )


def swedish_id(rng: random.Random) -> tuple[str, str]:
    """The century, and ten digits with a right check digit; every fifth is a coordination number."""
    born = _birth(rng)
    day = born.day + (_COORDINATION if rng.random() < 0.2 else 0)  # noqa: PLR2004
    head = f"{born:%y%m}{day:02}{_digits(rng, 3)}"
    return f"{born.year // 100}", head + luhn.calc_check_digit(head)


def _national_id(rng: random.Random, language: str) -> str:
    if language in ("nb", "nn"):
        n = norwegian_id(rng)
        return rng.choice(
            (
                n,
                n,
                f"{n[:6]} {n[6:]}",
                f"{n[:6]} {n[6:]}",
                f"{n[:6]}-{n[6:]}",
                f"{n[:6]} {n[6:9]} {n[9:]}",
                f"{n[:2]}.{n[2:4]}.{n[4:6]} {n[6:]}",
                f"{n[:2]} {n[2:4]} {n[4:6]} {n[6:]}",
                f"{n[:6]}\xa0{n[6:]}",
            )
        )
    if language == "da":
        n = danish_id(rng)
        return rng.choice((n, f"{n[:6]}-{n[6:]}", f"{n[:6]}-{n[6:]}", f"{n[:6]} {n[6:]}", f"{n[:6]}–{n[6:]}"))
    century, n = swedish_id(rng)
    day, last = n[:6], n[6:]
    if int(century + n[:2]) <= _LAST_HUNDRED:
        return rng.choice((f"{day}+{last}", f"{century}{n}", f"{century}{day}-{last}"))
    return rng.choice(
        (
            n,
            f"{day}-{last}",
            f"{day}-{last}",
            f"{day} {last}",
            f"{century}{n}",
            f"{century}{day}-{last}",
            f"{century}{day} {last}",
            f"{century}{day[:2]}-{day[2:4]}-{day[4:]}-{last}",
        )
    )


def _phone(rng: random.Random, language: str) -> str:
    country = _COUNTRY[language]
    code = {"NO": "47", "DK": "45", "SE": "46"}[country]
    national = _until(
        lambda value: phonenumbers.is_valid_number(phonenumbers.parse(value, country)),
        lambda: (
            rng.choice(("070", "072", "073", "076", "079")) + _digits(rng, 7)
            if country == "SE" and rng.random() < 0.7  # noqa: PLR2004
            else rng.choice(("08", "031", "040", "018")) + _digits(rng, 6, first="123456789")
            if country == "SE"
            else _digits(rng, 8, first="4949235679" if country == "NO" else "23456789")
        ),
    )
    abroad = national.removeprefix("0")
    spaced = _spaced(national, country, rng)
    return rng.choice(
        (
            national,
            national,
            spaced,
            spaced,
            spaced,
            f"+{code}{abroad}",
            f"+{code} {_spaced(abroad, country, rng)}",
            f"00{code}{abroad}",
            f"(+{code}) {abroad}",
        )
    )


def _spaced(n: str, country: str, rng: random.Random) -> str:
    if country == "SE":
        code = 2 if n.startswith(("08", "8")) or not n.startswith("0") else 3
        head, rest = n[:code], n[code:]
        parts = [rest[:3], *(rest[i : i + 2] for i in range(3, len(rest), 2))]
        parts = parts if len(parts[-1]) > 1 else [rest[:2], *(rest[i : i + 2] for i in range(2, len(rest), 2))]
        if not n.startswith("0"):
            return rng.choice((f"{head}-{rest}", " ".join((head, *parts))))
        return rng.choice((f"{head}-{rest}", f"{head}-{' '.join(parts)}", " ".join((head, *parts)), f"{head}/{rest}"))
    pairs = (n[:2], n[2:4], n[4:6], n[6:])
    return rng.choice(
        (
            " ".join(pairs),
            " ".join(pairs),
            " ".join(pairs),
            f"{n[:2]} {n[2:5]} {n[5:]}",
            f"{n[:3]} {n[3:5]} {n[5:]}",
            f"{n[:4]} {n[4:]}",
            ".".join(pairs),
            "-".join(pairs),
        )
    )


def _email(rng: random.Random, language: str) -> str:
    ending = {"nb": "no", "nn": "no", "da": "dk", "sv": "se"}[language]
    first = rng.choice(
        ("kari", "ola.normann", "mette", "anna_l", "bjørn.aas", "p-e.lund", "sven+butikk", "K.Berg", "i")
    )
    name = first + rng.choice(("", "", str(rng.randrange(1950, 2005)), str(rng.randrange(100))))
    domain = rng.choice((f"eksempel.{ending}", "example.com", f"post.eksempel.{ending}", "mail-boks.net", "e.info"))
    address = f"{name}@{domain}"
    return rng.choice(
        (
            address,
            address,
            address,
            address.upper(),
            address.replace("@", " @ "),
            f"{name}(at){domain}",
            f"{name} krøllalfa {domain}",
            f"{name}@{domain.replace('.', ',')}",
        )
    )


def _card(rng: random.Random, _: str) -> str:
    prefix, length = rng.choice(
        (
            ("4", 16),
            ("4571", 16),
            ("5019", 16),
            ("51", 16),
            ("54", 16),
            ("2223", 16),
            ("37", 15),
            ("36", 14),
            ("3530", 16),
        )
    )
    head = prefix + _digits(rng, length - len(prefix) - 1)
    n = head + luhn.calc_check_digit(head)
    sizes = {16: (4, 4, 4, 4), 15: (4, 6, 5), 14: (4, 6, 4)}[length]
    parts, place = [], 0
    for size in sizes:
        parts.append(n[place : place + size])
        place += size
    return rng.choice(
        (n, n, " ".join(parts), " ".join(parts), " ".join(parts), "-".join(parts), "  ".join(parts), f"{n[:6]} {n[6:]}")
    )


def _iban(rng: random.Random, language: str) -> str:
    country = rng.choice((_COUNTRY[language], _COUNTRY[language], "NO", "DK", "SE", "DE", "FI"))
    bban = _bban(rng, country)
    n = country + f"{98 - mod_97_10.checksum(bban + country + '00'):02}" + bban
    four = " ".join(n[i : i + 4] for i in range(0, len(n), 4))
    return rng.choice((n, four, four, n.lower(), four.replace(" ", "\xa0"), four.replace(" ", "-"), f"{n[:2]} {n[2:]}"))


def _bban(rng: random.Random, country: str) -> str:
    if country == "NO":
        return norwegian_account(rng)
    return _digits(rng, {"DK": 14, "SE": 20, "DE": 18, "FI": 14}[country])


def norwegian_account(rng: random.Random) -> str:
    """Eleven digits with a right check digit."""
    return _until(kontonr.is_valid, lambda: _digits(rng, 11, first="123456789"))


def _account(rng: random.Random, language: str) -> str:
    if language in ("nb", "nn"):
        n = norwegian_account(rng)
        return rng.choice((n, f"{n[:4]}.{n[4:6]}.{n[6:]}", f"{n[:4]} {n[4:6]} {n[6:]}"))
    branch = _digits(rng, 4, first="123456789")
    if language == "da":
        n = _digits(rng, rng.choice((7, 10)))
        return rng.choice((f"{branch} {n}", f"{branch}-{n}", f"{branch}{n}"))
    n = _digits(rng, 7, first="123456789")
    return rng.choice((f"{branch}-{n}", f"{branch} {n}", f"{branch} {n[:3]} {n[3:5]} {n[5:]}", f"{branch}{n}"))


VALUES: Final[Mapping[Kind, Make]] = {
    Kind.NATIONAL_ID: _national_id,
    Kind.PHONE: _phone,
    Kind.EMAIL: _email,
    Kind.CARD: _card,
    Kind.IBAN: _iban,
    Kind.ACCOUNT: _account,
}


def _order(rng: random.Random, _: str) -> str:
    n = _digits(rng, rng.choice((6, 7, 8, 8, 9, 10, 11, 12)), first="123456789")
    return rng.choice((n, n, f"W{n}", f"{n[:4]}-{n[4:]}", f"#{n}"))


def _bare_order(rng: random.Random, _: str) -> str:
    return _digits(rng, rng.choice((6, 7, 8, 9, 10, 11, 12)), first="123456789")


def _tracking(rng: random.Random, language: str) -> str:
    country = _COUNTRY[language]
    return rng.choice(
        (
            f"{rng.choice('CLRU')}{rng.choice('ABCDE')}{_digits(rng, 9)}{country}",
            f"3707{_digits(rng, 14)}",
            f"00{_digits(rng, 18, first='3')}",
            f"{_digits(rng, 4)}{_digits(rng, 7)}{country}{_digits(rng, 1)}",
            f"JJD{_digits(rng, 16)}",
        )
    )


def _amount(rng: random.Random, language: str) -> str:
    n = rng.randrange(100, 99_999_999)
    spaced = f"{n:,}".replace(",", rng.choice((" ", "\xa0", ".")))
    currency = {"nb": "kr", "nn": "kr", "da": "kr.", "sv": "kronor"}[language]
    code = {"NO": "NOK", "DK": "DKK", "SE": "SEK"}[_COUNTRY[language]]
    return rng.choice(
        (
            f"{spaced} {currency}",
            f"{n} {currency}",
            f"kr {spaced}",
            f"{spaced},-",
            f"{n},50",
            f"{code} {n}",
            f"{spaced}:-",
            f"{rng.randrange(10, 99) * 100}-{rng.randrange(10, 99) * 100} {currency}",
        )
    )


def _date(rng: random.Random, _: str) -> str:
    day = date(2015, 1, 1) + timedelta(days=rng.randrange(4_000))
    later = day + timedelta(days=rng.randrange(1, 30))
    return rng.choice(
        (
            f"{day:%d.%m.%Y}",
            f"{day:%Y-%m-%d}",
            f"{day:%d/%m-%Y}",
            f"{day:%d%m%y}",
            f"{day:%Y%m%d}",
            f"{day:%d.%m.%y}-{later:%d.%m.%y}",
            f"{day:%d.%m}-{later:%d.%m}",
            f"{day:%Y}-{day.year + 1}",
            f"{day:%d-%m-%Y} kl. {rng.randrange(8, 20)}.{rng.randrange(10, 59)}",
        )
    )


def _postcode(rng: random.Random, language: str) -> str:
    town = {"nb": "Hamar", "nn": "Førde", "da": "Viborg", "sv": "Umeå"}[language]
    four, five = _digits(rng, 4), _digits(rng, 5, first="123456789")
    code = rng.choice((f"{five[:3]} {five[3:]}", f"SE-{five[:3]} {five[3:]}", five)) if language == "sv" else four
    return rng.choice((f"{code} {town}", f"Storgata {rng.randrange(1, 199)}, {code} {town}"))


def _hours(rng: random.Random, _: str) -> str:
    a, b, c, d = rng.randrange(6, 11), rng.randrange(14, 23), rng.randrange(9, 12), rng.randrange(13, 19)
    return rng.choice(
        (
            f"{a:02}-{b}",
            f"{a:02}.00-{b}.00",
            f"{a:02}:00 - {b}:30",
            f"{a:02}00-{b}00",
            f"kl {a}-{b}, {c}-{d}",
            f"{a:02}-{b} ({c:02}-{d})",
            f"{a:02}.00-{b}.00 ({c:02}.00-{d}.00)",
            "24/7 365",
        )
    )


def _model(rng: random.Random, _: str) -> str:
    n = _digits(rng, 4, first="123456789")
    return rng.choice(
        (
            f"Samsung QE{n[:2]}Q{n[2:]}0T",
            f"iPhone {n[:2]} Pro 256",
            f"WH-{n}XM{n[0]}",
            f"Bosch WAN{n}{n[::-1]}",
            f"EAN 70{_digits(rng, 11)}",
            f"RTX {n} 16GB",
            f"varenr. {_digits(rng, 8)}",
            f"EW{n[0]}F{n}C",
        )
    )


def _plate(rng: random.Random, language: str) -> str:
    two = "".join(rng.choices("ABDEHJKLNPRSTVXZ", k=2))
    if language == "sv":
        return f"{two}K {_digits(rng, 3)}"
    n = _digits(rng, 5, first="123456789")
    return rng.choice((f"{two} {n}", f"{two}{n}", f"{two} {n[:2]} {n[2:]}"))


def _meter(rng: random.Random, _: str) -> str:
    n = rng.randrange(10_000, 99_999_999)
    return rng.choice(
        (f"{n} kWh", f"{n:,} kWh".replace(",", " "), f"{n:08}", f"{n},{rng.randrange(10)} kWh", f"{n}kWh")
    )


def _organisation(rng: random.Random, language: str) -> str:
    if language in ("nb", "nn"):
        n = _until(orgnr.is_valid, lambda: _digits(rng, 9, first="89"))
        return rng.choice((n, f"{n[:3]} {n[3:6]} {n[6:]}", f"NO {n} MVA"))
    if language == "da":
        n = _digits(rng, 8, first="123456789")
        return rng.choice((n, f"DK{n}", f"{n[:2]} {n[2:4]} {n[4:6]} {n[6:]}"))
    head = f"55{_digits(rng, 1)}{rng.randrange(2, 9)}{_digits(rng, 2)}{_digits(rng, 3)}"
    head = head[:2] + str(rng.randrange(2, 9)) + head[3:]
    n = head + luhn.calc_check_digit(head)
    return rng.choice((f"{n[:6]}-{n[6:]}", n, f"SE{n}01"))


def _address(rng: random.Random, _: str) -> str:
    return ".".join(
        str(part)
        for part in rng.choice(((192, 168), (10, rng.randrange(255)), (rng.randrange(1, 223), rng.randrange(255))))
    ) + "".join(f".{rng.randrange(256)}" for _ in range(2))


def _version(rng: random.Random, _: str) -> str:
    parts = [str(rng.randrange(1, 40)) for _ in range(rng.choice((2, 3, 4)))]
    return rng.choice((".".join(parts), "v" + ".".join(parts), f"{parts[0]}.{parts[1]} ({_digits(rng, 8)})"))


def _invoice(rng: random.Random, _: str) -> str:
    return _digits(rng, rng.choice((7, 8, 8, 9, 10, 12, 14, 16)), first="123456789")


LOOK_ALIKES: Final[Mapping[str, Make]] = {
    "order_number": _order,
    "order_number_without_a_word": _bare_order,
    "tracking_number": _tracking,
    "amount": _amount,
    "date": _date,
    "postcode": _postcode,
    "opening_hours": _hours,
    "model_name": _model,
    "car_plate": _plate,
    "meter_reading": _meter,
    "organisation_number": _organisation,
    "ip_address": _address,
    "version": _version,
    "invoice_number": _invoice,
}
