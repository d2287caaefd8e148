from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nlp import segments
from nlp.language import LANGUAGES
from nlp.record import Language, Span
from nlp.segments import clauses, sentences


def sentences_of(text: str, language: Language = "nb") -> list[str]:
    return [text[span.start : span.end] for span in sentences(text, language)]


def clauses_of(text: str, language: Language = "nb") -> list[str]:
    return [text[span.start : span.end] for span in clauses(text, language)]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("nb", "Maten var god. Kelneren var sur.", ["Maten var god.", "Kelneren var sur."]),
        ("nn", "maten var god. kelnaren var sur", ["maten var god.", "kelnaren var sur"]),
        ("da", "Hvorfor svarer ingen?! Jeg har ringet!!! dag efter dag",
         ["Hvorfor svarer ingen?!", "Jeg har ringet!!!", "dag efter dag"]),
        ("sv", "Bra pris.Leveransen tog för lång tid", ["Bra pris.", "Leveransen tog för lång tid"]),
        ("nb", "svar asap.den andre pakken mangler", ["svar asap.", "den andre pakken mangler"]),
        ("da", "prisen er for høj!kommer ikke igen", ["prisen er for høj!", "kommer ikke igen"]),
        ("sv", "ALLT VAR FEL. INGEN SVARAR", ["ALLT VAR FEL.", "INGEN SVARAR"]),
        ("nb", "Hun sa «nei.» Så gikk hun", ["Hun sa «nei.»", "Så gikk hun"]),
        ("nb", "Det var rart (!) og dumt", ["Det var rart (!) og dumt"]),
        ("nb", "grei butikk... men dyr", ["grei butikk... men dyr"]),
        ("nb", "Grei butikk... Kommer igjen", ["Grei butikk...", "Kommer igjen"]),
        ("da", "Fin bil… Dårlig radio", ["Fin bil…", "Dårlig radio"]),
        ("nb", "alt gikk bra .. Takk", ["alt gikk bra ..", "Takk"]),
    ],
)  # fmt: skip
def test_sentences_end_at_marks(language, text, expected):
    assert sentences_of(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("nb", "Varene, f.eks. Sko og bl.a. jakker, kom kl. 12.30 dvs. for sent"),
        ("da", "Bukser, trøjer osv. blev sendt til nr. 4 i stedet"),
        ("sv", "Jag vill t.ex. Ha svar på mejl, samtal m.m. inom en dag"),
        ("nn", "Eg tinga m.a. to stolar og fekk t.d. ikkje faktura"),
        ("nb", "Betalte 1.200,50 kr for 3.5 kilo den 10. mai og fikk 2. sortering"),
        ("da", "Bestilt 10. Maj og sendt 3. September"),
        ("nb", "Snakket med Ø. Hansen og A.Berg i resepsjonen"),
        ("sv", "Beställde den 3. maj 2024 och den 14.5.2024 kom 12,5 meter"),
        ("nb", "F.EKS. VAR KL. 10 FOR SENT"),
        ("nb", "Snakket med A. Hansen i resepsjonen"),
        (
            "nb",
            "Se www.butikken.no/retur?id=3.4 eller https://butikken.no/en/veldig/lang/side/om.retur.html?a=b!c for mer",
        ),
        ("da", "skriv til kunde.service@butik.dk eller se butik.dk for hjælp"),
        ("sv", "(se https://butiken.se/en/mycket/lang/sida/om/retur) annars"),
    ],
)
def test_sentences_go_on_after_abbreviations_numbers_and_addresses(language, text):
    assert sentences_of(text, language) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fikk pose, eske osv. Alt var knust", ["Fikk pose, eske osv.", "Alt var knust"]),
        ("Det kostet 200 kr. Altfor dyrt", ["Det kostet 200 kr.", "Altfor dyrt"]),
        ("ble sendt den 3. den kom aldri", ["ble sendt den 3.", "den kom aldri"]),
        ("ventet til kl. 14.30. ingen kom", ["ventet til kl. 14.30.", "ingen kom"]),
        ("kjøpt i 2023. ødelagt nå", ["kjøpt i 2023.", "ødelagt nå"]),
        ("ingen hjelp for min. den kom for sent", ["ingen hjelp for min.", "den kom for sent"]),
        ("Vi måtte gå i. Det var trangt", ["Vi måtte gå i.", "Det var trangt"]),
    ],
)
def test_sentences_end_behind_numbers_and_abbreviations_that_close_one(text, expected):
    assert sentences_of(text) == expected


WHOLE = {
    "nb": """
        Timen kostet 500,- for et kvarter
        Det kostet kr. 500,- for én time
        Prisen var kr 1 299,50 inkl. mva. og frakt
        Betalte kr.500,- per stk. for lampene
        Abonnementet koster 1.299,- pr. mnd. hos dere
        Abonnementet koster 299,-/mnd. hos dere
        Abonnementet koster 299,–pr. mnd. hos dere
        Sengen til 12 900.- ble aldri levert
        Sengen til kr. 1.500.- ble aldri levert
        Gebyret er (500,-) for hver purring
        Gebyret er 500 ,- for hver purring
        Betalte 400kr. for en liten pizza
        Prisene går fra 200,- - 300,- per natt
        Timen kl.8.30 ble utsatt til kl. 9.15 dagen etter
        Åpent man.-fre. 10 - 12 hele sommeren
        Ventet ca.14 dager på svar fra avd. Oslo
        Ventet min. 14 dager på deler
        Legen kom 20 min. for sent
        Dekk, f. eks. Nordlys, sprekker
        Dekk eks. mva. blir billigere
        Feilen gjelder bl. a. Nordlys og hhv. Sørvind
        Oppdaget feil i bl.a. Ladekabelen
        Sendte mail vedr. ordrenr. 3456 flere ganger
        Ringte tlf.nr. 22 33 44 55 og art. nr. 3456 hele dagen
        Olje, filter mm. ble glemt
        Levert 01.02. i feil butikk
        Levert 3. jan. i feil butikk
        Levert i jan. 2024 i feil butikk
        Stengt iflg. Nettsiden pga. Påske
        Kjøpte nr. 3 på listen m.m. hos dere
        Kontrakten sier hhv. 3 og 4 uker
        """,
    "nn": """
        Timen kosta 500,- for eit kvarter
        Det kosta kr. 1 299,50 i fjor
        Abonnementet er 299,-/md. hos dykk
        Fekk m.a. Feil faktura
        Fekk t. d. Feil faktura
        Mat, drykk osb. var kaldt
        Heisen stod 20 min. mellom etasjane
        Stengt mtp. Vedlikehald til kl. 8.30 neste dag
        """,
    "da": """
        Timen kostede 500,- for et kvarter
        Det kostede kr. 1.299,- for én lampe
        Regningen var på 3.000.- alene
        Regningen var på kr.500 alene
        Pizzaen til max 120kr. blev kold
        Ventede min. 14 dage på dele
        Toget kom 20 min. for sent
        Maden er f. eks. Varm
        Fejlen skyldes iflg. Butikken dårlig vejr
        Prisen er excl. Moms og m.h.t. Fragt ukendt
        Der er 500 ml. i hver flaske
        Hos jer på Gl. Havnevej ved Skt. Hans kirke
        Pakken kom kl.14 eller hhv. 15 hver dag
        """,
    "sv": """
        Timmen kostade 500:- för en kvart
        Timmen kostade 500,- för en kvart
        Timmen kostade 299:-/mån. hela året
        Biljetten kostade 400kr. styck
        Priset var t. ex. Högre förra året
        Priset var tex. 500 kronor högre
        Priset var bl. a. högre än i s.k. Rean
        Olja, filter o.dyl. glömdes bort
        Stängt enl. Skylten pga. Semester
        Köpte 3 st. trasiga lampor
        Bussen kom 20 min. efter utsatt tid
        Väntade max. 2 timmar, min. 1 timme
        Öppet vard. 10-18 och lör. 10 - 14 hela året
        Ringde tfn. 070-123 45 67 flera gånger
        Huset för 1,5 milj. kronor var fuktigt
        Är f.n. Nöjd
        """,
}  # fmt: skip
CASES = [(language, line.strip()) for language, lines in WHOLE.items() for line in lines.strip().splitlines()]


@pytest.mark.parametrize(("language", "text"), CASES)
def test_amounts_and_abbreviations_part_nothing(language, text):
    assert sentences_of(text, language) == [text] == clauses_of(text, language)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("nb", "Betalte 500,-. Det var dyrt", ["Betalte 500,-.", "Det var dyrt"]),
        ("nb", "Det kostet 500,-! Altfor dyrt", ["Det kostet 500,-!", "Altfor dyrt"]),
        ("nb", "Ventet 20 min. Ingen kom", ["Ventet 20 min.", "Ingen kom"]),
        ("nb", "ventet 20 min. jeg gikk", ["ventet 20 min.", "jeg gikk"]),
        ("nb", "Hun er min eks. Hun jobber der", ["Hun er min eks.", "Hun jobber der"]),
        ("nb", "Fikk fisk o.l. Alt var godt", ["Fikk fisk o.l.", "Alt var godt"]),
        ("nb", "hentet 10.12. Ingen ringte", ["hentet 10.12.", "Ingen ringte"]),
        ("nb", "ventet til kl 14.12. noen kom", ["ventet til kl 14.12.", "noen kom"]),
        ("nb", "Snakket med Jan. 2 timer senere kom han", ["Snakket med Jan.", "2 timer senere kom han"]),
        ("nb", "Fikk osv. m. m. Alt var feil", ["Fikk osv. m. m.", "Alt var feil"]),
        ("nb", "Det kostet kr.\n500 er for mye", ["Det kostet kr.", "500 er for mye"]),
        ("da", "Vi købte 3 stk. De var i stykker", ["Vi købte 3 stk.", "De var i stykker"]),
        ("sv", "Hyllan var tom. Ingen hjälpte", ["Hyllan var tom.", "Ingen hjälpte"]),
        ("sv", "Köpte 3 st. Alla var trasiga", ["Köpte 3 st.", "Alla var trasiga"]),
        ("sv", "Det kostade 500:-. Helt ok", ["Det kostade 500:-.", "Helt ok"]),
        ("nb", "Karakter 3 :-) Bra mat", ["Karakter 3 :-)", "Bra mat"]),
    ],
)  # fmt: skip
def test_sentences_end_behind_amounts_and_short_words_that_close_one(language, text, expected):
    assert sentences_of(text, language) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- god pris\n- hurtig levering\n* sød betjening", ["- god pris", "- hurtig levering", "* sød betjening"]),
        ("1. God pris\r\n2. Dårlig service", ["1. God pris", "2. Dårlig service"]),
        ("• billig • nær • åpent", ["• billig", "• nær", "• åpent"]),
        ("Bra: 1) prisen 2) maten 3) stedet", ["Bra:", "1) prisen", "2) maten", "3) stedet"]),
        ("bra pris\n\nrask levering", ["bra pris", "rask levering"]),
        ("fint\u2028dyrt", ["fint", "dyrt"]),
        (
            "dette er en lang linje som postprogrammet har brutt av midt i\nen setning. Slutt",
            ["dette er en lang linje som postprogrammet har brutt av midt i\nen setning.", "Slutt"],
        ),
    ],
)
def test_sentences_follow_lists_and_lines(text, expected):
    assert sentences_of(text, "da") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("😡 Pakka kom for seint", ["😡 Pakka kom for seint"]),
        ("God mat 👍🏽 Dårleg vin", ["God mat 👍🏽", "Dårleg vin"]),
        ("God mat! 😀 kjem att", ["God mat! 😀", "kjem att"]),
        ("god mat 😀 og vin", ["god mat 😀 og vin"]),
        ("Fin kveld :-) Takk", ["Fin kveld :-)", "Takk"]),
    ],
)
def test_emoji_stay_with_the_words_before_them(text, expected):
    assert sentences_of(text, "nn") == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("nb", "varen er fin men leveringen var elendig", ["varen er fin", "men leveringen var elendig"]),
        ("nb", "bra men dyrt", ["bra", "men dyrt"]),
        ("nb", "Maten var god, men kald", ["Maten var god,", "men kald"]),
        ("nn", "eg fekk svar sjølv om dei hadde stengt", ["eg fekk svar", "sjølv om dei hadde stengt"]),
        ("nn", "maten var god medan vinen var sur", ["maten var god", "medan vinen var sur"]),
        ("da", "prisen er fin mens servicen er elendig", ["prisen er fin", "mens servicen er elendig"]),
        ("nb", "vi fikk hjelp likevel er jeg skuffet", ["vi fikk hjelp", "likevel er jeg skuffet"]),
        ("da", "Alt gik godt, dog er prisen høj", ["Alt gik godt,", "dog er prisen høj"]),
        ("sv", "maten var god trots att vi fick vänta", ["maten var god", "trots att vi fick vänta"]),
        ("sv", "den är fin fast den är dyr", ["den är fin", "fast den är dyr"]),
        ("sv", "DYRT MEN BRA", ["DYRT", "MEN BRA"]),
    ],
)
def test_clauses_begin_at_contrasts(language, text, expected):
    assert clauses_of(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("nb", "pakken kom ikke og jeg ringte dem", ["pakken kom ikke", "og jeg ringte dem"]),
        ("sv", "jag är nöjd och leveransen var snabb", ["jag är nöjd", "och leveransen var snabb"]),
        ("da", "den kom ikke så jeg skrev til dem", ["den kom ikke", "så jeg skrev til dem"]),
        ("nn", "dei var hyggelege og maten var god", ["dei var hyggelege", "og maten var god"]),
        ("nb", "stolen var god og fungerer fint", ["stolen var god", "og fungerer fint"]),
    ],
)
def test_clauses_begin_at_a_conjunction_with_its_own_predicate(language, text, expected):
    assert clauses_of(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("nb", "pris, kvalitet og service"),
        ("nn", "pris, god kvalitet og service"),
        ("da", "maden,vinen og servicen var god"),
        ("sv", "jag och min fru är nöjda"),
        ("nb", "du og jeg er fornøyde"),
        ("nb", "ikke bare billig men også bra"),
        ("da", "jeg synes, at varen er fin"),
        ("sv", "personen, som svarade på mejlet"),
        ("nb", "den koster 1.299,50 kroner"),
        ("nb", "fast pris hele året"),
        ("sv", "fast pris hela året"),
    ],
)
def test_lists_and_relative_clauses_stay_whole(language, text):
    assert clauses_of(text, language) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("god mat, hyggelig betjening, fin utsikt", ["god mat,", "hyggelig betjening,", "fin utsikt"]),
        ("Supert, kommer igjen", ["Supert,", "kommer igjen"]),
        ("rask levering; dårlig emballasje", ["rask levering;", "dårlig emballasje"]),
        ("rask levering - dårlig emballasje", ["rask levering -", "dårlig emballasje"]),
        ("grei butikk...litt dyr", ["grei butikk...", "litt dyr"]),
        ("pris, kvalitet og service er bra, men frakten er dyr",
         ["pris, kvalitet og service er bra,", "men frakten er dyr"]),
    ],
)  # fmt: skip
def test_clauses_begin_after_marks(text, expected):
    assert clauses_of(text) == expected


def test_another_language_is_split_at_its_marks():
    assert sentences_of("Nice shop. Too expensive though", "other") == ["Nice shop.", "Too expensive though"]
    assert clauses_of("nice staff but slow", "other") == ["nice staff", "but slow"]


def test_offsets_count_code_points():
    assert sentences("😡😡 Nei. Ja", "nb") == [Span(0, 7), Span(8, 10)]


@pytest.mark.parametrize("text", ["", "  \n\t ", "\u00a0"])
def test_nothing_to_split(text):
    assert sentences(text, "nb") == [] == clauses(text, "nb")


PIECES = (
    'men og och så jeg jag det er var . , ; - ! ? ... … ( ) « » " 10. 3,5 kl. f.eks. t.ex. osv. 1) • 😡 👍🏽 :-) bra '
    "levering.den www.a.no MEN \n \r\n \u2028 \x00 \ud800 \u200d e\u0301 中文 !!!!!!!! x@y.se"
)
COMMENT_LIKE = st.lists(st.sampled_from([*PIECES.split(" "), " "]), max_size=40).flatmap(
    lambda pieces: st.sampled_from(["", " "]).map(lambda glue: glue.join(pieces))
)
ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=200)


@settings(max_examples=300, deadline=None)
@given(text=COMMENT_LIKE | ANY_TEXT, language=st.sampled_from(LANGUAGES))
@example(text="x" * 39 + "!" * 60 + "\ud83d\x00.", language="sv")
def test_spans_are_ordered_trimmed_and_cover_every_character(text, language):
    whole, parts = sentences(text, language), clauses(text, language)
    for spans in (whole, parts):
        ends = [0, *(span.end for span in spans)]
        assert all(end <= span.start < span.end <= len(text) for end, span in zip(ends, spans, strict=False))
        assert all(text[span.start : span.end].strip() == text[span.start : span.end] for span in spans)
        covered = {position for span in spans for position in range(span.start, span.end)}
        assert all(sign.isspace() for position, sign in enumerate(text) if position not in covered)
    for part in parts:
        assert any(span.start <= part.start and part.end <= span.end for span in whole)


@pytest.mark.parametrize(
    "unit",
    [*["x", "!", "! ", "😀", "()", "a.", "men ", "og jeg er ", "a b,", "\n", "...", "1)", "www.a.no/", "x@"],
     *["1,-", "f. eks. ", "kr.5"]],
)  # fmt: skip
def test_time_grows_with_length_only(unit):
    def seconds(n_characters: int) -> float:
        text = (unit * n_characters)[:n_characters]
        started = time.process_time()
        clauses(text, "nb")
        return time.process_time() - started

    seconds(1_000)
    assert seconds(20_000) < 1 + 60 * min(seconds(1_000) for _ in range(3))


@pytest.mark.slow
def test_spacy_is_imported_only_when_used():
    code = (
        "import sys, nlp.segments; assert 'spacy' not in sys.modules; "
        "nlp.segments.sentences('a', 'nb'); assert 'spacy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_words_are_kept_from_text_to_text_and_forgotten_now_and_then(monkeypatch):
    monkeypatch.setattr(segments, "_FORGOTTEN_AFTER", 100)
    tokenizer = segments._Tokenizer("nb")
    strings = tokenizer._pipeline.vocab.strings
    first = tokenizer("Kvikksølvtermometeret knuste")
    assert "Kvikksølvtermometeret" in strings
    tokenizer("Pakka kom " * 10)
    assert "Kvikksølvtermometeret" in strings  # as few characters as this are not worth forgetting
    tokenizer("Bra")
    assert "Kvikksølvtermometeret" not in strings
    assert tokenizer("Kvikksølvtermometeret knuste") == first


def test_an_archive_of_ever_new_words_does_not_stay_in_memory(monkeypatch):
    monkeypatch.setattr(segments, "_FORGOTTEN_AFTER", 1_000)
    tokenizer = segments._Tokenizer("sv")
    before = len(tokenizer._pipeline.vocab.strings)
    for number in range(2_000):
        tokenizer(f"ord{number} och ting{number}")
    assert len(tokenizer._pipeline.vocab.strings) < before + 500
