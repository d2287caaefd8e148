"""`stemme demo`: the shipped sample, tagged and summed up, each figure with a customer's words for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.files.by_format import open_reader, open_writer
from api.files.columns import Column, Kind
from api.files.destination import open_output
from api.files.formats import Format, format_of
from api.files.identify import Roles, identify
from api.files.rows import Row
from api.files.source import Source
from api.files.tagging import TagsComments, tag_rows
from nlp.record import FactorTag, Flag, Language, Record, SentimentLabel, Span, TaggedComment, ThemeTag
from nlp.taxonomy import Taxonomy

SAMPLE = Path(__file__).with_name("sample") / "comments.csv"
SHORT = 110
"""Characters of a quote that is shown whole."""

_COLOUR = {"negative": "red", "neutral": "yellow", "mixed": "magenta", "positive": "green"}


@dataclass(frozen=True, slots=True)
class Quote:
    """A comment that shows a tag: the words that carry it, and how sure it is that tag and feeling are both right."""

    text: str
    spans: tuple[Span, ...]
    confidence: float
    language: Language


@dataclass(frozen=True, slots=True)
class Finding:
    """How often a label was given with one feeling about it, and the best quote for that."""

    label: str
    felt: str
    count: int
    quote: Quote


Tagged = Sequence[tuple[Row, Record]]


def tag_sample(tagger: TagsComments, *, output: str | None = None, sample: Path = SAMPLE) -> Tagged:
    """Tag the sample, and write its records where an output is named.

    Parameters
    ----------
    tagger : gives the tags
    output : a file in any of the formats, or None
    sample : CSV with the columns `id` and `text`, and `question` where it is known

    Raises
    ------
    FileError : if the output cannot be written; nothing was tagged then
    """
    source, roles = Source(sample.name, sample), Roles()
    with ExitStack() as stack:
        reader = stack.enter_context(closing(open_reader(source, Format.CSV, roles=roles)))
        rows = identify(reader.rows(), roles, None)
        if output is None:
            return _all(rows, tagger)
        format_ = format_of(output, None, option="another extension")
        stream = stack.enter_context(open_output(output, source=source))
        columns = [Column(name, Kind.TEXT) for name in reader.header or ()]
        writer = open_writer(stream, format_, id_column=roles.id_column, columns=columns, like=reader)
        tagged = _all(rows, tagger)
        writer.write(tagged)
        writer.finish()
        return tagged


def _all(rows: Iterable[Row], tagger: TagsComments) -> Tagged:
    return [pair for chunk in tag_rows(rows, tagger) for pair in chunk]


def theme_findings(tagged: Tagged) -> list[Finding]:
    """Themes by the sentiment about them; the theme that was met most comes first."""
    return _findings(
        (tag.theme, tag.sentiment, _quote(row, record, tag, felt=tag.sentiment))
        for row, record in _records(tagged)
        for tag in record.themes
    )


def factor_findings(tagged: Tagged) -> list[Finding]:
    """Emotional factors by polarity; the factor that was met most comes first."""
    return _findings(
        (tag.factor, tag.polarity, _quote(row, record, tag, felt=tag.polarity))
        for row, record in _records(tagged)
        for tag in record.factors
    )


def flag_findings(tagged: Tagged) -> list[Finding]:
    """Raised flags by the sentiment of the whole comment; the flag that was raised most comes first."""
    return _findings(
        (name, record.sentiment.label, _quote(row, record, flag, felt=record.sentiment.label))
        for row, record in _records(tagged)
        for name, flag in (("churn_risk", record.churn_risk), ("follow_up", record.follow_up))
        if flag.flag
    )


def choose_quote(quotes: Iterable[Quote], *, used: Collection[str] = ()) -> Quote:
    """The surest of the quotes that are short, show their words and were not used; failing that, of what there is.

    >>> sure, long = Quote("Rask!", (Span(0, 4),), 0.8, "nb"), Quote("Rask " * 50, (Span(0, 4),), 0.9, "nb")
    >>> choose_quote([sure, long]).text
    'Rask!'
    """
    return max(
        quotes, key=lambda q: (q.text not in used, len(q.text) <= SHORT, bool(q.spans), q.confidence, -len(q.text))
    )


def excerpt(quote: Quote) -> tuple[str, tuple[Span, ...]]:
    """The text of a quote on one line, cut around its words if it is long, and where the words are in it now."""
    text = "".join(" " if letter.isspace() else letter for letter in quote.text)
    first = min((span.start for span in quote.spans), default=0)
    start, end = 0, len(text)
    if len(text) > SHORT:
        start = _word_border(text, max(0, first - SHORT // 4))
        end = start + SHORT if start + SHORT >= len(text) else max(text.rfind(" ", start, start + SHORT), first + 1)
    before, after = "… " if start else "", " …" if end < len(text) else ""
    shift = len(before) - start
    spans = tuple(
        Span(max(span.start, start) + shift, min(span.end, end) + shift)
        for span in quote.spans
        if span.start < end and span.end > start
    )
    return f"{before}{text[start:end]}{after}", spans


def show(tagged: Tagged, console: Console, *, taxonomy: Taxonomy, model: str) -> None:
    """Print the summary."""
    records = [record for _, record in _records(tagged)]
    languages = Counter(record.language for record in records).most_common()
    console.print(f"{len(tagged)} comments, {', '.join(f'{count} {name}' for name, count in languages)}", style="bold")
    console.print(f"tagged by {model} with {taxonomy.id}\n", highlight=False)
    console.print(_sentiment_table(records, taxonomy))
    names = {label.id: label.names.en for label in (*taxonomy.themes, *taxonomy.factors, *taxonomy.flags)}
    for title, findings in (
        ("Themes, by the sentiment about each", theme_findings(tagged)),
        ("Emotional factors", factor_findings(tagged)),
        ("Flags, by the sentiment of the comment", flag_findings(tagged)),
    ):
        console.print(_table(title, findings, names, console))
    marked = "in colour" if console.is_terminal else "between *asterisks*"
    console.print(f"\nThe words that carried a tag are {marked}. The sample's comments are invented.", highlight=False)


def _sentiment_table(records: Sequence[TaggedComment], taxonomy: Taxonomy) -> Table:
    counts = Counter(record.sentiment.label for record in records)
    table = Table(title="Sentiment", title_justify="left", box=None, show_header=False)
    for label in taxonomy.sentiments:
        count = counts[label.id]  # type: ignore[index]
        share = count / max(len(records), 1)
        bar = Text("█" * round(40 * share), style=_COLOUR.get(label.id, ""))
        table.add_row(label.names.en, str(count), f"{share:.0%}", bar)
    return table


def _table(title: str, findings: list[Finding], names: dict[str, str], console: Console) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", box=None, pad_edge=False, show_header=False)
    shown = ""
    for finding in findings:
        name = "" if finding.label == shown else names.get(finding.label, finding.label)
        shown = finding.label
        felt = Text(finding.felt, style=_COLOUR.get(finding.felt, ""))
        quote = _emphasised(finding.quote, finding.felt, mark="" if console.is_terminal else "*")
        table.add_row(Text(name, style="bold"), felt, Text(str(finding.count), justify="right"), quote)
    return table


def _emphasised(quote: Quote, felt: str, *, mark: str) -> Text:
    """The quote with its words in colour, and between marks where there is no colour."""
    text, spans = excerpt(quote)
    shown, position = Text(), 0
    for span in sorted(spans, key=lambda span: span.start):
        if span.start < position:
            continue
        shown.append(text[position : span.start])
        shown.append(f"{mark}{text[span.start : span.end]}{mark}", style=f"bold {_COLOUR.get(felt, '')}")
        position = span.end
    return shown.append(text[position:]).append(f" ({quote.language})", style="dim")


def _findings(found: Iterable[tuple[str, str, Quote]]) -> list[Finding]:
    quotes: dict[tuple[str, str], list[Quote]] = {}
    totals: Counter[str] = Counter()
    for label, felt, quote in found:
        quotes.setdefault((label, felt), []).append(quote)
        totals[label] += 1
    findings: list[Finding] = []
    used: set[str] = set()
    for (label, felt), candidates in sorted(
        quotes.items(), key=lambda item: (-totals[item[0][0]], item[0][0], -len(item[1]))
    ):
        quote = choose_quote(candidates, used=used)
        used.add(quote.text)
        findings.append(Finding(label, felt, len(candidates), quote))
    return findings


def _quote(row: Row, record: TaggedComment, tag: ThemeTag | FactorTag | Flag, *, felt: SentimentLabel) -> Quote:
    # A comment that feels on the whole as it does about the tag is the clearer example.
    return Quote(row.text, tag.spans, tag.confidence * record.sentiment.probabilities[felt], record.language)


def _records(tagged: Tagged) -> Iterable[tuple[Row, TaggedComment]]:
    return ((row, record) for row, record in tagged if isinstance(record, TaggedComment))


def _word_border(text: str, position: int) -> int:
    """The start of the word after the first space from here on; 0 stays 0."""
    return text.find(" ", position) + 1 if position else 0
