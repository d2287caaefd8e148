"""Sentences and clauses of customer comments, which lack commas, spaces and capitals as often as not.

spaCy's rule tokenizers know abbreviations, addresses and emoticons; the boundaries between tokens are ours. A clause is
what a customer says about one thing, "leveringen var elendig", as far as marks and small words show it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Final

from nlp.record import Language, Span

if TYPE_CHECKING:
    from spacy.language import Language as Pipeline


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


_BLANK: Final[Mapping[Language, str]] = {"nb": "nb", "nn": "nb", "da": "da", "sv": "sv", "other": "xx"}

# Abbreviations that spaCy lacks in one of the languages: customers mix them, and write nynorsk as well.
_MORE_ABBREVIATIONS: Final = _set_of(
    "f.eks. t.ex. t.d. bl.a. m.a. m.m. m.v. o.l. o.s.v. d.v.s. p.g.a. t.o.m. fr.o.m. f.o.m. s.k. e.l. m.fl. osv. dvs. "
    "mvh. vh. kl. nr. ca. inkl. ekskl. exkl. evt. ev. etc. iht. ift. ifm. ifbm. pga. mht. tlf. tel. jf. ang. vedr. "
    "kr. stk. mnd. md. mdr. min.kr. dr. hr. mrk. art.nr. ord.nr. tlf.nr. ordrenr. ordernr. kundenr. fakturanr. postnr. "
    "pr. iflg. enl. vha. hhv. jfr. jmf. jvf. fom. mtp. m.h.t. m.h.a. mha. m.a.p. incl. excl. ink. ex. eks. feks. tex. "
    "exv. sk. vs. avd. adm. adm.dir. spes. allm. alm. mm. mfl. mv. o.a. o.d. o.dyl. e.dyl. dyl. lign. el.lign. o.lign. "
    "osb. o.s.b. m.a.o. f.n. f.ö. f.d. iom. i.o.m. istf. i.st.f. i.f.m. henh. fhv. gl. skt. ml. tfn. mob. vard. mkr. "
    "mill. milj. mio. el.dyl."
)
# Abbreviations in spaCy's lists that are words as well, and end a sentence far more often than they are abbreviated.
_WORDS_NOT_ABBREVIATIONS: Final = _set_of(
    "man. min. max. mos. ung. kor. el. i. å. ö. tor. tors. ons. tis. tirs. fre. lør. lör. mån. sen. on. op. to. ti. "
    "no. "
    "et. eg. id. it. do. bet. bill. hum. ill. pass. rest. rep. self. sing. sup. ty. tr. vind. vær. del. dat. fig. "
    "kap. mul. mar. lat. fa. fr. pers. sa. reg. ref. temp. us. is. her. for. dem. mag. prod. sid. milj. spec. and. an. "
    "all. av. la. på. te. se. ser. gross. bygn. dir. lab. mik. ell. e. a. u. jul. jun. jan. sep. smp."
)
# After these something must follow: a capital letter does not make them the end.
_NEVER_LAST: Final = _set_of(
    "kl. nr. f.eks. t.ex. t.d. bl.a. m.a. ca. dr. hr. inkl. ekskl. exkl. tlf. tel. jf. jfr. evt. ev. iht. ift. ifm. "
    "pga. p.g.a. mht. vedr. ang. st. d. t.o.m. fr.o.m. f.o.m. s.k. såk. resp. dvs. d.v.s. art.nr. ord.nr. mr. mrs. "
    "iflg. enl. vha. hhv. jmf. jvf. fom. mtp. m.h.t. m.h.a. mha. m.a.p. incl. excl. ink. feks. tex. exv. sk. vs. avd. "
    "adm. adm.dir. m.a.o. f.n. f.ö. f.d. iom. i.o.m. istf. i.st.f. i.f.m. ifbm. henh. fhv. gl. skt. tfn. tlf.nr. "
    "ordrenr. ordernr. kundenr. fakturanr. postnr."
)
# Words on their own, short for something before a number ("min. 14 dager", "fre. 10-16"); names ("Jan", "Tor") are not.
_SHORT_BEFORE_NUMBER: Final = _set_of(
    "min max maks from mån tir tirs tis ons tors fre lør lau lör søn sön "
    "feb mar apr jun jul aug sep sept okt nov des dec"
)
# Words on their own, short for something behind a number ("20 min. for sent", "3 st. var trasiga", "kr/mån. i ett år").
_SHORT_AFTER_NUMBER: Final = _set_of("min sek tim t mån st stk kg g hg km m cm mm l dl cl jan mar jun jul sep")
_MONTHS: Final = _set_of(
    "januar februar mars marts april mai maj juni juli august september oktober november desember december "
    "januari februari augusti jan feb mar apr jun jul aug sep sept okt nov des dec"
)
_SHORT_MONTHS: Final = frozenset(month for month in _MONTHS if len(month) == 3)  # noqa: PLR2004
# What begins a sentence after a number and a full stop in lower case, where most words would follow an ordinal.
_STARTERS: Final = _set_of("jeg jag eg vi me du han hun hon ho de dei det den men så ikke ikkje inte ingen")
_LONGEST_ORDINAL: Final = 3
_DOMAINS: Final = _set_of("com no se dk net org eu fi uk io co info app shop")

_UNREADABLE = re.compile("[\x00\ud800-\udfff]")
# spaCy takes signs off the edges of a chunk one by one and reads the rest anew each time: long chunks are ours.
_LONG = 40
# Characters, after which spaCy's entries of the words in them go: some 20 MB at most, where no word comes twice.
_FORGOTTEN_AFTER = 500_000
_LONG_CHUNK = re.compile(rf"\S{{{_LONG},}}")
_ADDRESS = r"(?:https?://|www\.)\S*[^\s.,!?;:)\]\"]|[\w.+-]{1,64}@[\w-]{1,64}(?:\.\w{1,64}){1,4}"
_ADDRESSED = re.compile(_ADDRESS, re.IGNORECASE)
_PIECE = re.compile(rf"{_ADDRESS}|\d+(?:[.,:/-]\d+)*|[^\W\d_]+(?:['’-][^\W\d_]+)*|\w+|\.{{2,}}|[^\w\s]", re.IGNORECASE)
# "f. eks." as "f.eks.", "500,-", and a word with its full stop: each may be more than one token to spaCy.
_SPACED_ABBREVIATION = "|".join(
    rf"[{parts[0][0]}{parts[0][0].upper()}]{parts[0][1:]}\.[ \u00a0]?" + r"\.[ \u00a0]?".join(parts[1:]) + r"\."
    for parts in sorted((name.rstrip(".").split(".") for name in _MORE_ABBREVIATIONS), key=len, reverse=True)
    if len(parts) > 1
)
_AMOUNT_END = r"\d ?(?:[.,][-–—](?!\d)|:[-–—](?![\d()DPpO|*\\]|/\W))"
_ONE_TOKEN = re.compile(
    rf"(?<!\w)(?=[^\W\d_]{{1,4}}\.[ \u00a0])(?:{_SPACED_ABBREVIATION})"
    rf"|{_AMOUNT_END}|(?<![^\W\d_])(?P<word>[^\W\d_]+)\."
)
_TERMINATOR = re.compile(r"[.!?…‽。！？]+")
_ELLIPSIS = re.compile(r"\.{2,}|…+")
_LINE_BREAK = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_YEAR = re.compile(r"(?:19|20)\d\d")
_DAY_AND_MONTH = re.compile(r"(?:0?[1-9]|[12]\d|3[01])\.(?:0?[1-9]|1[0-2])")
_NUMBERING = re.compile(r"\d{1,2}|[^\W\d_]")
_INITIAL = re.compile(r"(?![iåö])[^\W\d_]", re.IGNORECASE)
_INNER_MARK = re.compile(r"\w[.,!?;:…]+\w|\w[!?,;…]|[!?,;…]\w|\w\.{2,}|^\d+\.$")
# Pictures, their skin tones, joiners and variants.
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b50\u200d\ufe0f]+")
_CLOSING: Final = frozenset(")]}\"'»”’›")
_BULLETS: Final = frozenset("•·▪‣●◦■□➢➤✓✔")
_LINE_MARKERS: Final = frozenset("-–—*+") | _BULLETS
_DASHES: Final = frozenset("-–—")
_WRAPPED_LINE: Final = 60
# A part of a list has fewer words than a clause.
_FEWEST_WORDS: Final = 2


@dataclass(frozen=True, slots=True)
class _Token:
    """A word, a number, an abbreviation or a mark; `lower` is its text in lower case."""

    start: int
    end: int
    text: str
    lower: str
    is_word: bool
    is_picture: bool


@dataclass(frozen=True, slots=True)
class _ClauseWords:
    """The small words of one language that open a clause, or that show that there is one.

    `contrasts` open a clause wherever they stand; `before_verb` only before a finite verb ("dog er…"); `coordinators`
    only between two predicates; `relatives` keep a clause together with what it tells about.
    """

    contrasts: frozenset[tuple[str, ...]]
    before_verb: frozenset[str]
    before_subject: frozenset[str]
    coordinators: frozenset[str]
    subjects: frozenset[str]
    verbs: frozenset[str]
    relatives: frozenset[str]


def _clause_words(
    *,
    contrasts: str,
    before_verb: str,
    before_subject: str,
    coordinators: str,
    subjects: str,
    verbs: str,
    relatives: str,
) -> _ClauseWords:
    return _ClauseWords(
        frozenset(tuple(phrase.split()) for phrase in contrasts.split(",")),
        *(_set_of(words) for words in (before_verb, before_subject, coordinators, subjects, verbs, relatives)),
    )


_CLAUSE_WORDS: Final[Mapping[Language, _ClauseWords]] = {
    "nb": _clause_words(
        contrasts="men,mens,selv om,selvom,til tross for,på tross av,fordi,ettersom,samtidig som,skjønt,imens",
        before_verb="derimot imidlertid likevel",
        before_subject="for så",
        coordinators="og eller samt så",
        subjects="jeg du han hun vi dere man de",
        verbs="er var har hadde blir ble vil ville skal skulle kan kunne må måtte bør burde får fikk går gikk "
        "kommer kom "
        "tar tok gir ga fungerer fungerte virker virket mangler manglet koster kostet anbefaler handler handlet ringte "
        "bestilte betalte ventet føler følte synes syntes liker likte smakte smaker svarte svarer sier sa står sto lå "
        "ligger håper brukte bruker kjøpte mottok skjedde skjer sendte returnerte leverte leverer opplevde "
        "opplever lovet lovte",
        relatives="at som der om",
    ),
    "nn": _clause_words(
        contrasts="men,medan,mens,sjølv om,sjølvom,trass i,til tross for,fordi,ettersom,samstundes som,samtidig som",
        before_verb="derimot likevel imidlertid",
        before_subject="for så",
        coordinators="og eller samt så",
        subjects="eg du han ho vi me de dykk ein dei",
        verbs="er var har hadde blir blei vart vert vil ville skal skulle kan kunne må måtte bør burde får fekk går "
        "gjekk "
        "kjem kom tek tok gjev gir gav fungerer fungerte verkar verka manglar mangla kostar kosta tilrår handlar "
        "handla "
        "ringde ringte bestilte betalte venta føler følte kjenner synest syntest likar likte smaka smakar svarte "
        "svarar "
        "seier sa står stod låg ligg håpar brukte brukar kjøpte mottok skjedde skjer sende leverte leverer opplevde "
        "lova lovde lovte",
        relatives="at som der om",
    ),
    "da": _clause_words(
        contrasts="men,mens,medens,selvom,selv om,på trods af,til trods for,trods,fordi,eftersom,idet,skønt",
        before_verb="dog derimod imidlertid alligevel",
        before_subject="for så",
        coordinators="og eller samt så",
        subjects="jeg du han hun vi man de",
        verbs="er var har havde bliver blev vil ville skal skulle kan kunne må måtte bør burde får fik går gik "
        "kommer kom "
        "tager tog giver gav fungerer fungerede virker virkede mangler manglede koster kostede anbefaler handler "
        "handlede ringede bestilte betalte ventede føler følte synes syntes smagte smager svarede svarer siger sagde "
        "står stod lå ligger håber brugte bruger købte modtog skete sker sendte returnerede leverede leverer oplevede "
        "lovede",
        relatives="at som der om",
    ),
    "sv": _clause_words(
        contrasts="men,medan,trots att,även om,trots,fastän,därför att,eftersom,samtidigt som",
        before_verb="dock däremot ändå",
        before_subject="fast för så",
        coordinators="och eller samt så",
        subjects="jag du han hon vi ni man de dom",
        verbs="är var har hade blir blev vill ville ska skall skulle kan kunde måste bör borde får fick går gick "
        "kommer "
        "kom tar tog ger gav fungerar fungerade verkar verkade saknas saknades kostar kostade rekommenderar handlar "
        "handlade ringde beställde betalade väntade känner kände tycker tyckte gillar gillade smakade smakar svarade "
        "svarar säger sa stod står låg ligger hoppas använde använder köpte mottog hände händer skickade levererade "
        "levererar upplevde upplever funkar funkade lovade",
        relatives="att som där om",
    ),
    "other": _clause_words(
        contrasts="but", before_verb="", before_subject="", coordinators="", subjects="", verbs="", relatives=""
    ),
}
# Subjects that may as well be something else ("og det gamle utstyret"): they open a clause only before a verb.
_NEUTRAL_SUBJECTS: Final = _set_of("det den dette denne detta denna dei alt allt der jag eg")
_ONLY: Final = _set_of("bare bara berre kun endast blott")
_ALSO: Final = _set_of("også også og även också òg au samt")


def sentences(text: str, language: Language) -> list[Span]:
    """Split a text into sentences.

    A sentence ends at `.`, `!`, `?` and their runs, also without a space behind and before a small letter; not at the
    full stop of an abbreviation, an ordinal or a date; at an ellipsis only before a capital. A line break ends it,
    unless a long line goes on in lower case; bullets, `2)` and an emoji before a capital begin a new one. Closing
    quotes and emoji stay with the sentence before them.

    Parameters
    ----------
    text : any string, also with NUL characters and lone surrogates
    language : of the text; nynorsk uses bokmål's tokenizer, `other` a neutral one

    Returns
    -------
    Spans in order that do not overlap, without white space at their edges; together they hold every other character.
    Time grows linearly with the text's length.

    >>> text = "Fikk svar asap.den andre var f.eks. treg"
    >>> [text[span.start : span.end] for span in sentences(text, "nb")]
    ['Fikk svar asap.', 'den andre var f.eks. treg']
    """
    tokens = _tokens(text, language)
    return [_span(tokens, first, end) for first, end in _sentence_ranges(text, tokens)]


def clauses(text: str, language: Language) -> list[Span]:
    """Split a text into clauses, each within one of its `sentences`.

    A clause begins after a semicolon, a dash between spaces or an ellipsis, and before a contrast ("men", "mens",
    "selv om") with or without a comma. A comma parts clauses where two or more words stand on either side, or where a
    subject, a verb or a contrast follows: single words in a row ("pris, kvalitet og service") stay one clause, and so
    does a relative clause ("som…", "at…") with what it tells about. "og" and its like part clauses where both sides
    have a predicate of their own.

    Parameters, returns: as for `sentences`.

    >>> text = "varen er fin men leveringen var elendig"
    >>> [text[span.start : span.end] for span in clauses(text, "nb")]
    ['varen er fin', 'men leveringen var elendig']
    """
    tokens = _tokens(text, language)
    words = _CLAUSE_WORDS[language]
    return [
        _span(tokens, first, end)
        for sentence_first, sentence_end in _sentence_ranges(text, tokens)
        for first, end in _clause_ranges(tokens, sentence_first, sentence_end, words)
    ]


def _span(tokens: Sequence[_Token], first: int, end: int) -> Span:
    return Span(tokens[first].start, tokens[end - 1].end)


class _Tokenizer:
    """A blank pipeline's tokenizer, which now and then forgets what it has read: spaCy would keep each word for ever.

    It does not forget after each text: making the entries of its words anew took half of the time that clauses take.
    """

    def __init__(self, name: str) -> None:
        # Imported when first used: it takes longer than loading the tagger may.
        import spacy  # noqa: PLC0415
        from spacy.symbols import ORTH  # noqa: PLC0415

        self._pipeline: Pipeline = spacy.blank(name)
        # A memory zone belongs to one thread at a time.
        self._lock = Lock()
        self._zone, self._read = ExitStack(), 0
        tokenizer = self._pipeline.tokenizer
        kept = {text: rule for text, rule in tokenizer.rules.items() if text.lower() not in _WORDS_NOT_ABBREVIATIONS}
        for abbreviation in _MORE_ABBREVIATIONS:
            for written in (abbreviation, abbreviation.capitalize(), abbreviation.upper()):
                kept[written] = [{ORTH: written}]
        tokenizer.rules = kept
        self.rules: frozenset[str] = frozenset(kept)
        self._forget()

    def __call__(self, text: str) -> list[tuple[int, int]]:
        with self._lock:
            if self._read >= _FORGOTTEN_AFTER:
                self._forget()
            self._read += len(text)
            return [
                (token.idx, token.idx + len(token)) for token in self._pipeline.tokenizer(text) if not token.is_space
            ]

    def _forget(self) -> None:
        self._zone.close()
        self._zone.enter_context(self._pipeline.memory_zone())
        self._read = 0


@lru_cache
def _tokenizer(name: str) -> _Tokenizer:
    return _Tokenizer(name)


def _tokens(text: str, language: Language) -> list[_Token]:
    tokenizer = _tokenizer(_BLANK[language])
    masked = _LONG_CHUNK.sub(lambda chunk: "x" * len(chunk.group()), _UNREADABLE.sub("\ufffd", text))
    pieces = (span for start, end in tokenizer(masked) for span in _pieces(text, start, end, tokenizer.rules))
    return [
        _Token(
            start,
            end,
            piece := text[start:end],
            piece.lower(),
            is_word=any(map(str.isalnum, piece)),
            is_picture=_is_picture(piece, tokenizer.rules),
        )
        for start, end in _joined(text, pieces)
    ]


def _pieces(text: str, start: int, end: int, rules: frozenset[str]) -> Iterator[tuple[int, int]]:
    """A token as it is, or the words and marks that spaCy left glued together ("asap.den", "10.")."""
    token = text[start:end]
    is_long = end - start >= _LONG
    glued = is_long or _INNER_MARK.search(token)
    known = not is_long and (f"{token}." in rules or (token in rules and not token[0].isdigit()))
    if not glued or known or _is_address(token):
        yield start, end
    else:
        for piece in _PIECE.finditer(text, start, end):
            yield piece.span()


def _joined(text: str, pieces: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Pieces in order, those put together that share an amount ("500,-") or an abbreviation ("f. eks.", "kr.500")."""
    wholes = [match.span() for match in _ONE_TOKEN.finditer(text) if _is_one_token(match)]
    index = start = end = 0
    for piece_start, piece_end in pieces:
        while index < len(wholes) and wholes[index][1] <= piece_start:
            index += 1
        if index < len(wholes) and wholes[index][0] < end:
            end = piece_end
            continue
        if end:
            yield start, end
        start, end = piece_start, piece_end
    if end:
        yield start, end


def _is_one_token(match: re.Match[str]) -> bool:
    """Whether a word and its full stop are an abbreviation that a number or a slash is glued to; spaCy knows others."""
    word = match["word"]
    if word is None:
        return True
    before, after = match.string[: match.start()][-1:], match.string[match.end() : match.end() + 1]
    if after.isdigit():
        return f"{word.lower()}." in _MORE_ABBREVIATIONS
    glued = before.isdigit() or (before != "" and before in "/-–—")
    return glued and (f"{word.lower()}." in _MORE_ABBREVIATIONS or word.lower() in _SHORT_AFTER_NUMBER)


def _is_address(token: str) -> bool:
    name, dot, domain = token.rpartition(".")
    return bool(_ADDRESSED.fullmatch(token)) or (bool(dot) and name.isalnum() and domain.lower() in _DOMAINS)


def _is_picture(piece: str, rules: frozenset[str]) -> bool:
    """Whether a token is an emoji, a part of one, or an emoticon that spaCy knows."""
    if piece.isascii():
        return piece in rules and any(sign in piece for sign in ":;=<^") and len(piece) > 1
    return bool(_EMOJI.fullmatch(piece))


def _sentence_ranges(text: str, tokens: Sequence[_Token]) -> list[tuple[int, int]]:
    """First and past-the-last token of each sentence."""
    starts = sorted({0, *_starts_after_marks(text, tokens), *_starts_at_lines(text, tokens)} - {len(tokens)})
    return list(zip(starts, [*starts[1:], len(tokens)], strict=True)) if tokens else []


def _starts_at_lines(text: str, tokens: Sequence[_Token]) -> Iterator[int]:
    """Tokens that begin a sentence for where they stand: after a line break, at a bullet, at "2)"."""
    line_start = tokens[0].start if tokens else 0
    n_open = 0
    for index in range(1, len(tokens)):
        before, token = tokens[index - 1], tokens[index]
        n_open = max(0, n_open + (before.text in "([{") - (before.text in ")]}"))
        gap = text[before.end : token.start]
        if _LINE_BREAK.search(gap):
            wrapped = before.end - line_start >= _WRAPPED_LINE and token.text[0].islower() and "\n\n" not in gap
            line_start = token.start
            if not (wrapped and (before.is_word or before.text == ",")):
                yield index
        elif gap and (token.text in _BULLETS or (n_open == 0 and _is_numbering(tokens, index))):
            yield index


def _is_numbering(tokens: Sequence[_Token], index: int) -> bool:
    token = tokens[index]
    return (
        index + 2 < len(tokens)
        and bool(_NUMBERING.fullmatch(token.text))
        and tokens[index + 1].text == ")"
        and tokens[index + 1].start == token.end
        and tokens[index + 2].start > tokens[index + 1].end
    )


def _starts_after_marks(text: str, tokens: Sequence[_Token]) -> Iterator[int]:
    """Tokens that begin a sentence for what stands before them: a full stop, an exclamation, an emoji."""
    index = first = 0
    while index < len(tokens):
        if index > first and _breaks(text, tokens, index):
            first = index
        end = _end_of_run(text, tokens, index)
        if _ends_sentence(text, tokens, index, end, first):
            index = first = _past_closing(text, tokens, end)
            yield index
        else:
            index = end


def _end_of_run(text: str, tokens: Sequence[_Token], index: int) -> int:
    """Past the end of a run of terminators or pictures in one line, else of the one token."""
    end = index + 1
    for belongs in (_is_terminator, _is_pictured):
        if belongs(tokens[index]):
            while end < len(tokens) and belongs(tokens[end]) and not _breaks(text, tokens, end):
                end += 1
    return end


def _is_terminator(token: _Token) -> bool:
    return bool(_TERMINATOR.fullmatch(token.text))


def _is_pictured(token: _Token) -> bool:
    return token.is_picture


def _breaks(text: str, tokens: Sequence[_Token], index: int) -> bool:
    """Whether a line ends before a token."""
    return bool(_LINE_BREAK.search(text, tokens[index - 1].end, tokens[index].start))


def _ends_sentence(text: str, tokens: Sequence[_Token], index: int, end: int, first: int) -> bool:
    """Whether the run of tokens from `index` to `end` ends the sentence that began at `first`."""
    token = tokens[index]
    if end == len(tokens) or index == first or _breaks(text, tokens, end):
        return False
    before, after = tokens[index - 1], tokens[end]
    capital = after.text[0].isupper()
    if token.is_picture:
        return capital
    if not _is_terminator(token):
        return _abbreviation_ends(token, capital)
    marks = text[token.start : tokens[end - 1].end]
    if "!" in marks or "?" in marks:
        return not (before.text == "(" and after.text == ")")
    if _ELLIPSIS.fullmatch(marks) or len(marks) > 1:
        return capital
    return _full_stop_ends(tokens, index, first, capital=capital)


def _full_stop_ends(tokens: Sequence[_Token], index: int, first: int, *, capital: bool) -> bool:
    before, token, after = tokens[index - 1 : index + 2]
    if before.text[-1].isdigit():
        return _number_ends(tokens, index, first, capital=capital)
    if after.text[0].isdigit() and _is_short_before_number(before, after):
        return False
    if before.lower in _SHORT_AFTER_NUMBER and _follows_number(tokens, index - 1, first):
        return capital or after.lower in _STARTERS or not after.is_word
    before_glued, after_glued = before.end == token.start, token.end == after.start
    # "o.l", "A. Hansen"; but "gå i." ends
    is_initial = before_glued and _INITIAL.fullmatch(before.text) is not None
    is_abbreviated = before_glued and after_glued and after.is_word and len(after.text) == 1
    return not (is_initial or is_abbreviated)


def _is_short_before_number(word: _Token, number: _Token) -> bool:
    """Whether "min. 14", "man.-fre. 10-16" or "jan. 2024" is one: of the months, one that has a year behind it."""
    last = word.lower.replace("–", "-").rpartition("-")[2]
    return last in _SHORT_BEFORE_NUMBER or (last in _SHORT_MONTHS and bool(_YEAR.fullmatch(number.text)))


def _follows_number(tokens: Sequence[_Token], index: int, first: int) -> bool:
    """Whether a word stands behind a number ("20 min", "3. jan"), or behind a slash ("kr/mån")."""
    index -= 1
    if index > first and tokens[index].text == ".":
        index -= 1
    return index >= first and (tokens[index].text == "/" or tokens[index].text.rstrip(".")[-1:].isdigit())


def _abbreviation_ends(token: _Token, capital: bool) -> bool:
    is_initial = bool(_INITIAL.fullmatch(token.text[:-1]))
    never_last = "".join(token.lower.split()) in _NEVER_LAST
    return token.is_word and token.text.endswith(".") and capital and not (is_initial or never_last)


def _number_ends(tokens: Sequence[_Token], index: int, first: int, *, capital: bool) -> bool:
    """Whether a full stop behind a number ends the sentence: not in "2. gang", "10. mai" or at the head of a list."""
    if index - 1 == first:
        return False
    number, after = tokens[index - 1].text, tokens[index + 1]
    is_time = tokens[index - 2].lower.rstrip(".") == "kl"
    is_date = bool(_DAY_AND_MONTH.fullmatch(number)) and not is_time
    if not is_date and (not number.isdigit() or len(number) > _LONGEST_ORDINAL):
        return True
    if after.lower.rstrip(".") in _MONTHS or after.text[0].isdigit():
        return False
    return capital or after.lower in _STARTERS or not after.is_word


def _past_closing(text: str, tokens: Sequence[_Token], index: int) -> int:
    """Past closing quotes and brackets without a space before them, and emoji of the same line."""
    while index < len(tokens):
        glued = tokens[index - 1].end == tokens[index].start
        closes = glued and tokens[index].text in _CLOSING
        pictures = tokens[index].is_picture and not _breaks(text, tokens, index)
        if not (closes or pictures):
            break
        index += 1
    return index


def _clause_ranges(tokens: Sequence[_Token], first: int, end: int, words: _ClauseWords) -> Iterator[tuple[int, int]]:
    """First and past-the-last token of each clause of a sentence."""
    reader = _ClauseReader(tokens[first:end], words)
    start = 0
    for index in range(1, end - first):
        if reader.opens(index, start):
            yield first + start, first + index
            start = index
    yield first + start, end


class _ClauseReader:
    """One sentence with what its rules ask again and again, counted once: where words, verbs and stops lie."""

    def __init__(self, tokens: Sequence[_Token], words: _ClauseWords) -> None:
        self.tokens, self.words = tokens, words
        self.word_at = [index for index, token in enumerate(tokens) if token.is_word]
        self.verb_at = [index for index in self.word_at if tokens[index].lower in words.verbs]
        self.comma_at = [index for index, token in enumerate(tokens) if token.text == ","]
        stops = words.coordinators | {phrase[0] for phrase in words.contrasts}
        self.stop_at = [index for index, token in enumerate(tokens) if not token.is_word or token.lower in stops]

    def opens(self, index: int, start: int) -> bool:
        """Whether a clause begins at a token, given where the last one began."""
        if not (_count(self.word_at, start, index) and _count(self.word_at, index, len(self.tokens))):
            return False
        return self._follows_mark(index, start) or self._is_opened_by_word(index, start)

    def _follows_mark(self, index: int, start: int) -> bool:
        before, token = self.tokens[index - 1], self.tokens[index]
        if not token.is_word and token.text not in _DASHES:
            # Marks and emoji stay with the words before them.
            return False
        if before.text == ",":
            return self._comma_parts(index, start)
        spaced = before.text in _DASHES and before.end < token.start
        spaced = spaced and index > 1 and self.tokens[index - 2].end < before.start
        # "kl. 10 - 12", "200,- - 300,-"
        spaced = spaced and not (token.text[0].isdigit() and self._is_number(index - 2))
        return spaced or before.text == ";" or bool(_ELLIPSIS.fullmatch(before.text))

    def _is_number(self, index: int) -> bool:
        return self.tokens[index].text[0].isdigit()

    def _comma_parts(self, index: int, start: int) -> bool:
        if self.tokens[index].lower in self.words.relatives:
            return False
        if self._contrast(index) or self._opens_with_predicate(index):
            return True
        last_comma = self._before(self.comma_at, index - 1)
        n_left = _count(self.word_at, max(start, last_comma + 1), index)
        after = index + (self.tokens[index].lower in self.words.coordinators)
        n_right = _count(self.word_at, after, self._stop_after(after))
        return n_left >= _FEWEST_WORDS and n_right >= _FEWEST_WORDS

    def _opens_with_predicate(self, index: int) -> bool:
        word = self.tokens[index].lower
        return word in self.words.verbs or (
            word in self.words.subjects | _NEUTRAL_SUBJECTS
            and _count(self.word_at, index, self._stop_after(index)) >= _FEWEST_WORDS
        )

    def _is_opened_by_word(self, index: int, start: int) -> bool:
        word = self.tokens[index].lower
        if self.tokens[index - 1].text == ",":
            return False
        if self._contrast(index):
            return not self._is_not_only_but_also(index, start)
        if word in self.words.before_verb:
            return index + 1 < len(self.tokens) and self.tokens[index + 1].lower in self.words.verbs
        if not _count(self.verb_at, start, index):
            return False
        if word in self.words.before_subject and self._subject_and_verb_follow(index):
            return True
        return word in self.words.coordinators and self._predicate_follows(index)

    def _contrast(self, index: int) -> bool:
        """Whether one of the contrasts stands here, with a word behind it."""
        lowered = [token.lower for token in self.tokens[index : index + 3]]
        n_words = next((n for n in (3, 2, 1) if tuple(lowered[:n]) in self.words.contrasts and len(lowered) >= n), 0)
        return bool(n_words and _count(self.word_at, index + n_words, len(self.tokens)))

    def _is_not_only_but_also(self, index: int, start: int) -> bool:
        """Whether "men" belongs to "ikke bare billig men også bra", which is one statement."""
        also = index + 1 < len(self.tokens) and self.tokens[index + 1].lower in _ALSO
        return also and any(token.lower in _ONLY for token in self.tokens[max(start, index - 8) : index])

    def _subject_and_verb_follow(self, index: int) -> bool:
        if index + 2 >= len(self.tokens):
            return False
        subject, verb = (token.lower for token in self.tokens[index + 1 : index + 3])
        return subject in self.words.subjects | _NEUTRAL_SUBJECTS and verb in self.words.verbs

    def _predicate_follows(self, index: int) -> bool:
        """Whether a conjunction is followed by a verb, by a subject, or by up to three words and then a verb."""
        after = index + 1
        if after == len(self.tokens):
            return False
        stop = self._stop_after(after)
        word = self.tokens[after].lower
        if word in self.words.subjects - _NEUTRAL_SUBJECTS:
            return stop - after >= _FEWEST_WORDS
        if word in self.words.relatives:
            return False
        return bool(_count(self.verb_at, after, min(stop, after + 4)))

    def _stop_after(self, index: int) -> int:
        """The next mark or conjunction behind a token, or the end."""
        position = bisect_left(self.stop_at, index + 1)
        return self.stop_at[position] if position < len(self.stop_at) else len(self.tokens)

    @staticmethod
    def _before(positions: Sequence[int], index: int) -> int:
        """The last of the positions below an index, or -1."""
        position = bisect_left(positions, index)
        return positions[position - 1] if position else -1


def _count(positions: Sequence[int], start: int, end: int) -> int:
    """How many of the sorted positions lie from `start` to before `end`."""
    return bisect_left(positions, end) - bisect_left(positions, start)
