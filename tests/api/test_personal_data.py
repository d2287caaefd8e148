"""Masking, value by value. The numbers are made up; their check digits are right where the test's name says so."""

from __future__ import annotations

import logging
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.personal_data import Finding, Kind, MaskedText, Masking, mask, masking
from eval.masking_time import UNITS
from nlp.record import Span

FOUND = [
    # Norwegian numbers: check digits worked out from the weights in the tax administration's description
    ("nb", "Fnr 15108695088 takk", "Fnr [national_id] takk"),
    ("nb", "jeg er 151086 95088", "jeg er [national_id]"),
    ("nb", "jeg er 15.10.86-95088.", "jeg er [national_id]."),
    ("nb", "😡151086 95088😡", "😡[national_id]😡"),
    ("nb", "fødselsnummer 151086 95099", "fødselsnummer [national_id]"),  # mistyped, but named
    # Danish
    ("da", "Cpr 211062-5629", "Cpr [national_id]"),
    ("da", "jeg er 2110625629", "jeg er [national_id]"),
    ("nb", "jeg er 2110625629", "jeg er [national_id]"),
    ("da", "jeg er 211062-5620", "jeg er [national_id]"),  # no check digit
    ("nb", "cpr 211062-5620", "cpr [national_id]"),
    # Swedish
    ("sv", "jag är 880320-0016", "jag är [national_id]"),
    ("sv", "jag är 8803200016, 198803200016", "jag är [national_id], [national_id]"),
    ("sv", "19880320-0016 19880320 0016", "[national_id] [national_id]"),
    ("sv", "880320+0016", "[national_id]"),
    ("sv", "samordningsnummer 701063-2391", "samordningsnummer [national_id]"),
    ("nb", "jeg er 880320-0016", "jeg er [national_id]"),
    # telephones
    ("nb", "tlf98765432", "tlf[phone]"),
    ("nb", "ring 987 65 432!", "ring [phone]!"),
    ("nb", "98 76 54 32 / 22 33 44 55", "[phone] / [phone]"),
    ("nb", "(+47) 98765432, 004798765432", "[phone], [phone]"),
    ("nb", "(98765432)", "([phone])"),
    ("nb", "ring 4798765432", "ring [phone]"),
    ("nb", "ring meg på +49 30 901820", "ring meg på [phone]"),
    ("nb", "٩٨٧٦٥٤٣٢ er nummeret", "[phone] er nummeret"),
    ("nb", "98\u200b76\u200b54\u200b32", "[phone]"),
    ("nb", "98765432/22334455", "[phone]/[phone]"),
    ("da", "20304050 eller 20-30-40-50", "[phone] eller [phone]"),
    ("sv", "070-123 45 67, 08-123 456 78", "[phone], [phone]"),
    ("sv", "+46 (0)70-123 45 67", "[phone]"),
    ("nb", "0701234567", "[phone]"),
    (None, "98765432", "[phone]"),
    # the rest
    ("nb", "kari.n+x@post.eksempel.no.", "[email]."),
    ("nb", "skriv til kari@eksempel.no.Takk", "skriv til [email].Takk"),
    ("nb", "bjørn(at)eksempel.no", "[email]"),
    ("sv", "98765432@example.com", "[email]"),
    ("nb", "4111 1111 1111 1111", "[card]"),
    ("nb", "378282246310005", "[card]"),
    ("nb", "NO93 8601 1117 947 takk", "[iban] takk"),
    ("da", "ibandk5000400440116243", "iban[iban]"),
    ("nb", "8601.11.17947", "[account]"),
    ("nb", "kontonr 86011117947", "kontonr [account]"),
    ("da", "konto 0040 0440116243", "konto [account]"),
]
LEFT = [
    ("nb", "jeg er 151086 95099"),  # two check digits are wrong
    ("nb", "86011117947"),  # an account's check digit, and no word
    ("nb", "8601.11.17948"),
    ("nb", "1234 98 76"),
    ("sv", "org.nr 556036-0793"),  # a company's
    ("sv", "880320-0018"),
    ("sv", "881320-0016"),  # no thirteenth month
    ("da", "ordre 2110625620"),
    ("nb", "ordrenr. 45678901"),
    ("nb", "ordrenummeret mitt er: 45678901 og 45678902"),
    ("da", "CVR 20304050, CVR-nummer DK20304050"),
    ("nb", "versjon 2.13 (98765432)"),
    ("nb", "45 678 901 kr"),
    ("nb", "98765432,50"),
    ("nb", "måleren viste 45678901 kWh"),
    ("nb", "€ 45678901"),
    ("da", "25.03.2024, 20240315 og 25032024"),
    ("da", "2023-2024, 2023 2024"),
    ("da", "ring 0800-1600, 10.00-18.00 (10-16)"),
    ("nb", "3000-4000"),
    ("nb", "TT12345678NO, XY98765432, #98765432, /98765432"),
    ("nb", "192.168.100.200 og 10.20.30.40"),
    ("nb", "370725809134567812"),
    ("nb", "4111 1111 1111 1112"),
    ("nb", "NO93 8601 1117 948"),
    ("nb", "kari @ heia, @eksempel, a@b"),
    ("nb", "Kari Normann, Storgata 12 B, 0155 Oslo"),  # names and addresses are not looked for
]
# Words, marks and numbers in any order, so that Hypothesis meets what people write.
PIECES = st.sampled_from(
    [
        "98765432",
        "98 76 54 32",
        "+47",
        "0046",
        "(",
        ")",
        "-",
        ".",
        "/",
        " ",
        "  ",
        "\n",
        "ordre",
        "tlf",
        "konto",
        "151086 95088",
        "880320-0016",
        "4111 1111 1111 1111",
        "NO93 8601 1117 947",
        "kari@eksempel.no",
        "@",
        "12",
        "1234",
        "8601.11.17947",
        "kr",
        "😡",
        "[phone]",
        "[",
        "]",
        "og",
        "fnr",
        ",",
        "2023",
        "0701234567",
        "reg",
    ]
)
TEXTS = st.text() | st.lists(PIECES, max_size=30).map("".join) | st.lists(PIECES, max_size=30).map(" ".join)
LANGUAGES = st.sampled_from(["nb", "nn", "da", "sv", "other", None])


@pytest.mark.parametrize(("language", "text", "masked"), FOUND)
def test_personal_data_is_masked(language: str | None, text: str, masked: str) -> None:
    assert mask(text, language=language).text == masked


@pytest.mark.parametrize(("language", "text"), LEFT)
def test_what_is_no_personal_data_stays(language: str, text: str) -> None:
    assert mask(text, language=language).text == text


def test_a_finding_says_what_stood_there_by_kind_place_and_length() -> None:
    assert mask("😡 ring 98 76 54 32", language="nb").findings == (Finding(Kind.PHONE, Span(7, 14), 11),)


def test_nothing_of_the_value_is_kept_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        masked = mask("ring 98765432, fnr 15108695088", language="nb")
    assert not {"98765432", "15108695088"} & set(repr(masked).replace(",", " ").split())
    assert not any(digits in repr(vars(masked)) + caplog.text for digits in ("9876", "1510"))


def test_the_country_goes_before_the_language() -> None:
    assert mask("20304050", language="sv").text == "20304050"
    assert mask("20304050", language="sv", country="DK").text == "[phone]"


def test_offsets_lead_both_ways() -> None:
    original = "Ring 98 76 54 32 i dag, ikke 48123456. Sein pakke"
    masked = mask(original, language="nb")
    words = Span(original.index("Sein"), len(original))
    assert masked.text[masked.to_masked(words).start : masked.to_masked(words).end] == "Sein pakke"
    assert masked.to_original(masked.to_masked(words)) == words
    assert [masked.to_original(finding.span) for finding in masked.findings] == [Span(5, 16), Span(29, 37)]
    assert masked.to_masked(Span(0, 8)) == Span(0, 12)  # a value that is touched counts as a whole


def test_a_kind_that_is_off_stays_and_is_not_taken_for_another() -> None:
    text = "kontonr 15108695088, kari@eksempel.no"  # also a valid national number, which goes first
    without = Masking(frozenset(Kind) - {Kind.NATIONAL_ID})
    assert mask(text, language="nb").text == "kontonr [national_id], [email]"
    assert mask(text, language="nb", masking=without).text == "kontonr 15108695088, [email]"


def test_every_placeholder_is_named_after_its_kind_and_is_no_personal_data() -> None:
    text = " ".join(kind.placeholder for kind in Kind)
    assert text == "[email] [iban] [card] [national_id] [account] [phone]"
    assert mask(text, language="nb") == MaskedText(text)


@settings(max_examples=150, deadline=None)
@given(TEXTS, LANGUAGES)
def test_masking_twice_changes_nothing(text: str, language: str | None) -> None:
    once = mask(text, language=language)
    assert mask(once.text, language=language) == MaskedText(once.text)


@settings(max_examples=150, deadline=None)
@given(TEXTS, LANGUAGES)
def test_all_but_the_findings_is_the_text_as_it_was(text: str, language: str | None) -> None:
    masked = mask(text, language=language)
    rebuilt, done = [], 0
    for finding in masked.findings:
        assert masked.text[finding.span.start : finding.span.end] == finding.kind.placeholder
        original = masked.to_original(finding.span)
        assert masked.to_masked(original) == finding.span
        rebuilt += [text[done : original.start], finding.kind.placeholder]
        done = original.end
    assert "".join([*rebuilt, text[done:]]) == masked.text


def test_an_endless_chain_of_numbers_is_masked_in_a_few_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    find = masking._find
    monkeypatch.setattr(masking, "_find", lambda text, *rest, **how: looks.append(text) or find(text, *rest, **how))
    # Each number is a part of more until the one after it is masked: eight looks, then the rest goes as a whole.
    text = "98 76 54 32 98/76/54/32/" * 20 + "98 76 54 32"
    masked = mask(text, language="nb")
    assert "98" not in masked.text
    assert len(looks) <= 12
    assert mask(masked.text, language="nb").findings == ()


@pytest.mark.parametrize("unit", UNITS)
def test_work_grows_with_the_length_of_the_text(unit: str) -> None:
    def calls(length: int) -> int:
        """Functions called, Python's and C's: seconds would depend on what else the machine does."""
        count = 0

        def seen(_frame: object, event: str, _argument: object) -> None:
            nonlocal count
            count += event in {"call", "c_call"}

        text = (unit * length)[:length]
        former = sys.getprofile()
        sys.setprofile(seen)
        try:
            mask(text, language="nb")
        finally:
            sys.setprofile(former)
        return count

    mask(unit, language="nb")  # what is compiled or kept at first use
    assert calls(16_000) < 4.2 * calls(4_000) + 100  # four times as long
