"""What two runs say differently of the same texts: labels that flip, themes that move, and comments to read first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased, selectinload

from api.nps import MINIMUM_ANSWERS, Shares, check_minimum, shares
from api.reports.errors import SameRun
from api.reports.groups import COLUMNS, Counts, measures
from api.reports.tags import AS_RUNS_SAID
from api.reports.view import View, standing_of_pair
from api.store.database import Store
from api.store.models import CommentVersion, Source, StoredComment, Tag, Tagging, TagKind, TagRun
from api.store.records import as_record
from api.store.runs import find_run
from api.store.search import Filters, of_kind
from nlp.record import Record

TELLING: Final = 20
PER_STRATUM: Final = TELLING
"""So many are enough for twenty, whatever the others are."""
SENTIMENTS: Final = ("negative", "neutral", "mixed", "positive")
METHOD: Final = (
    "Every flip has a change of confidence: a label that came has the confidence of the second run, one that went that "
    "of the first, a raised or lowered flag the difference of the two, a sentiment about a theme the mean of the two, "
    "and an overall sentiment the total variation distance of the two distributions. Flips are put into strata by "
    "kind, label, direction and language; the strata that have most flips first, each in turn gives its comment with "
    "the largest change that has not been given, until there are twenty."
)


@dataclass(frozen=True, slots=True)
class Versions:
    """Texts that stood at the moment, by which runs have tagged them; only those that both have are compared."""

    both: int
    only_a: int
    only_b: int
    failed_a: int
    failed_b: int


@dataclass(frozen=True, slots=True)
class Flip:
    """So many comments of a language in which a label is another in the second run.

    `direction` is `gained`, `lost` or, of a sentiment, `FROM to TO`; `label` is empty for the overall sentiment and the
    language.
    """

    kind: str
    label: str
    direction: str
    language: str | None
    comments: int


@dataclass(frozen=True, slots=True)
class ThemeInRun:
    """A theme in one run: its place from the most comments down, and the NPS of those who speak about it."""

    rank: int | None
    comments: int
    answers: int
    nps: Shares | None


@dataclass(frozen=True, slots=True)
class ThemeInBoth:
    """A theme in the two runs."""

    theme: str
    a: ThemeInRun
    b: ThemeInRun

    @property
    def nps_change(self) -> float | None:
        """In points; None where either run has too few answers."""
        return None if self.a.nps is None or self.b.nps is None else self.b.nps.value - self.a.nps.value


@dataclass(frozen=True, slots=True)
class SentimentInRun:
    """Comments by overall sentiment, and the mean score, -1 to 1; None without comments."""

    comments: Mapping[str, int]
    mean_score: float | None


@dataclass(frozen=True, slots=True)
class Telling:
    """A comment to read: which flip it stands for, by how much, and what both runs said of it."""

    comment: int
    source: str
    external_id: str
    language: str | None
    kind: str
    label: str
    direction: str
    change: float
    text: str
    question: str | None
    a: Record
    b: Record


@dataclass(frozen=True, slots=True)
class RunNames:
    """A run and what was at work in it."""

    id: int
    model: str
    taxonomy: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, of the same texts."""

    a: RunNames
    b: RunNames
    versions: Versions
    flips: Sequence[Flip]
    themes: Sequence[ThemeInBoth]
    sentiment_a: SentimentInRun
    sentiment_b: SentimentInRun
    telling: Sequence[Telling]


def compare_runs(
    store: Store, view: View, a: int, b: int, filters: Filters, *, minimum: int = MINIMUM_ANSWERS
) -> Comparison:
    """What run `b` says differently from run `a`, each by itself: people's corrections are not among it.

    Parameters
    ----------
    filters : those of tags are asked of `b`
    minimum : fewer answers give no NPS

    Raises
    ------
    UnknownRun, SameRun, BadMinimum
    """
    check_minimum(minimum)
    if a == b:
        raise SameRun(a)
    with store.read() as session:
        for run_id in (a, b):
            find_run(session, run_id)
        pairs = _pairs(session, view, a, b, filters)
        flips = _flips(pairs)
        counted = _count_flips(session, flips)
        return Comparison(
            a=_names(session, a),
            b=_names(session, b),
            versions=_versions(session, view, a, b, filters),
            flips=counted,
            themes=_themes(session, pairs, minimum),
            sentiment_a=_sentiment(session, pairs, "a"),
            sentiment_b=_sentiment(session, pairs, "b"),
            telling=_telling(session, flips, counted),
        )


def _names(session: Session, run_id: int) -> RunNames:
    run = session.get_one(TagRun, run_id)
    return RunNames(run.id, run.model, run.taxonomy)


def _pairs(session: Session, view: View, a: int, b: int, filters: Filters) -> Select[Any]:
    """A row for each version that both runs have tagged; one that a run could not tag has no labels in it."""
    pair = standing_of_pair(view, a, b).filtered(session, filters)
    fields = pair.fields
    names = ("comment_id", "version_id", "nps", "probabilities_a", "probabilities_b")
    of_runs = tuple(f"{name}_{run}" for run in "ab" for name in ("tagging", "language", "sentiment", "score"))
    language = func.coalesce(fields["language_b"], fields["language_a"]).label("language")
    return (
        pair.columns(*names, *of_runs)
        .add_columns(language, literal(1).label("tagged"))
        .where(fields["tagging_a"].is_not(None), fields["tagging_b"].is_not(None))
    )


def _versions(session: Session, view: View, a: int, b: int, filters: Filters) -> Versions:
    pair = standing_of_pair(view, a, b).filtered(session, filters)
    has_a, has_b = pair.fields["tagging_a"].is_not(None), pair.fields["tagging_b"].is_not(None)
    failed = [and_(has_a, has_b, pair.fields[f"error_{run}"].is_not(None)) for run in "ab"]
    conditions = [and_(has_a, has_b), and_(has_a, ~has_b), and_(has_b, ~has_a), *failed]
    counts = pair.query.add_columns(*(func.sum(case((each, 1), else_=0)) for each in conditions))
    return Versions(*(count or 0 for count in session.execute(counts).one()))


def _flips(pairs: Select[Any]) -> Any:
    """A row for each flip: `version_id`, `comment_id`, `language`, `kind`, `label`, `direction` and `change`."""
    both = pairs.cte("pairs")
    parts = [_overall(both), _languages(both), _flags(both)]
    for kind in (TagKind.THEME, TagKind.FACTOR):
        parts += [_came(both, kind, "lost", "a", "b"), _came(both, kind, "gained", "b", "a")]
    return union_all(*parts, _theme_sentiments(both)).cte("flips")


def _row(both: Any, kind: str, label: Any, direction: Any, change: Any) -> Select[Any]:
    return select(
        both.c.version_id,
        both.c.comment_id,
        both.c.tagging_a,
        both.c.tagging_b,
        both.c.language,
        literal(kind, String).label("kind"),
        cast(label, String).label("label"),
        cast(direction, String).label("direction"),
        change.label("change"),
    )


def _from_to(a: Any, b: Any) -> ColumnElement[str]:
    return func.coalesce(a, "none").concat(" to ").concat(func.coalesce(b, "none"))


def _overall(both: Any) -> Select[Any]:
    shares_of = [
        [func.coalesce(both.c[f"probabilities_{run}"][label].as_float(), 0.0) for label in SENTIMENTS] for run in "ab"
    ]
    distance = sum((func.abs(p - q) for p, q in zip(*shares_of, strict=True)), start=literal(0.0)) / 2
    return _row(both, "sentiment", literal(""), _from_to(both.c.sentiment_a, both.c.sentiment_b), distance).where(
        both.c.sentiment_a.is_distinct_from(both.c.sentiment_b)
    )


def _languages(both: Any) -> Select[Any]:
    change = literal(0.0)  # a language comes without a confidence
    return _row(both, "language", literal(""), _from_to(both.c.language_a, both.c.language_b), change).where(
        both.c.language_a.is_distinct_from(both.c.language_b)
    )


def _flags(both: Any) -> Select[Any]:
    first, second = aliased(Tag), aliased(Tag)
    direction = case((second.raised, "gained"), else_="lost")
    return (
        _row(both, "flag", second.label, direction, func.abs(second.confidence - first.confidence))
        .join(first, and_(first.tagging_id == both.c.tagging_a, of_kind(first, TagKind.FLAG)))
        .join(
            second,
            and_(second.tagging_id == both.c.tagging_b, of_kind(second, TagKind.FLAG), second.label == first.label),
        )
        .where(first.raised != second.raised)
    )


def _came(both: Any, kind: TagKind, direction: str, has: str, lacks: str) -> Select[Any]:
    """Labels that one run has and the other lacks; each polarity of a factor is a label of its own."""
    here, there = aliased(Tag), aliased(Tag)
    is_factor = kind == TagKind.FACTOR
    label = here.label.concat(" ").concat(here.sentiment) if is_factor else here.label
    same = and_(
        there.tagging_id == both.c[f"tagging_{lacks}"],
        of_kind(there, kind),
        there.label == here.label,
        *([there.sentiment == here.sentiment] if is_factor else []),
    )
    return (
        _row(both, kind, label, literal(direction), here.confidence)
        .join(here, and_(here.tagging_id == both.c[f"tagging_{has}"], of_kind(here, kind)))
        .where(~exists().where(same))
    )


def _theme_sentiments(both: Any) -> Select[Any]:
    first, second = aliased(Tag), aliased(Tag)
    change = (first.confidence + second.confidence) / 2
    return (
        _row(both, "theme_sentiment", second.label, _from_to(first.sentiment, second.sentiment), change)
        .join(first, and_(first.tagging_id == both.c.tagging_a, of_kind(first, TagKind.THEME)))
        .join(
            second,
            and_(second.tagging_id == both.c.tagging_b, of_kind(second, TagKind.THEME), second.label == first.label),
        )
        .where(first.sentiment != second.sentiment)
    )


STRATUM: Final = ("kind", "label", "direction", "language")


def _count_flips(session: Session, flips: Any) -> list[Flip]:
    stratum = [flips.c[name] for name in STRATUM]
    counted = select(*stratum, func.count().label("comments")).group_by(*stratum)
    found = [Flip(**row) for row in session.execute(counted).mappings()]
    return sorted(found, key=lambda flip: (-flip.comments, flip.kind, flip.label, flip.direction, flip.language or ""))


def _themes(session: Session, pairs: Select[Any], minimum: int) -> list[ThemeInBoth]:
    of_run: dict[str, dict[str, Counts]] = {}
    for run in "ab":
        labelled = AS_RUNS_SAID.labelled(pairs, TagKind.THEME, tagging=f"tagging_{run}").subquery()
        counted = select(labelled.c.label, *measures(labelled, weight=labelled.c.first)).group_by(labelled.c.label)
        of_run[run] = {
            row["label"]: Counts(*(row[name] for name in COLUMNS)) for row in session.execute(counted).mappings()
        }
    ranks = {run: _ranks(counts) for run, counts in of_run.items()}

    def in_run(theme: str, run: str) -> ThemeInRun:
        counts = of_run[run].get(theme, Counts())
        nps = shares(counts.of_kind, minimum=minimum)
        return ThemeInRun(ranks[run].get(theme), counts.comments, counts.answers, nps)

    themes = sorted({*of_run["a"], *of_run["b"]}, key=lambda theme: (ranks["b"].get(theme, len(ranks["b"]) + 1), theme))
    return [ThemeInBoth(theme, in_run(theme, "a"), in_run(theme, "b")) for theme in themes]


def _ranks(counts: Mapping[str, Counts]) -> dict[str, int]:
    """Places from 1; themes with as many comments share one."""
    sizes = [each.comments for each in counts.values()]
    return {theme: 1 + sum(size > each.comments for size in sizes) for theme, each in counts.items()}


def _sentiment(session: Session, pairs: Select[Any], run: str) -> SentimentInRun:
    both = pairs.subquery("pairs")
    label, score = both.c[f"sentiment_{run}"], both.c[f"score_{run}"]
    rows = session.execute(select(label, func.count(), func.sum(score)).where(label.is_not(None)).group_by(label)).all()
    comments = {name: count for name, count, _ in rows}
    total = sum(comments.values())
    return SentimentInRun(
        {name: comments.get(name, 0) for name in SENTIMENTS}, sum(row[2] for row in rows) / total if total else None
    )


def _telling(session: Session, flips: Any, counted: Sequence[Flip]) -> list[Telling]:
    stratum = [flips.c[name] for name in STRATUM]
    largest_newest = [flips.c.change.desc(), flips.c.comment_id.desc()]
    place = func.row_number().over(partition_by=stratum, order_by=largest_newest).label("place")
    placed = select(flips, place).subquery("placed")
    first = select(placed).where(placed.c.place <= PER_STRATUM).order_by(placed.c.place)
    strata: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for row in session.execute(first).mappings():
        strata[tuple(row[name] for name in STRATUM)].append(row)
    in_order = [strata[flip.kind, flip.label, flip.direction, flip.language] for flip in counted]
    return _read(session, list(_in_turn(in_order))[:TELLING])


def _in_turn(strata: Iterable[Sequence[Any]]) -> Iterator[Any]:
    """One of each stratum in turn, each comment once; a stratum whose next one was given gives the one after it."""
    given: set[int] = set()
    rest = [iter(stratum) for stratum in strata]
    while rest:
        still = []
        for stratum in rest:
            row = next((row for row in stratum if row["comment_id"] not in given), None)
            if row is not None:
                given.add(row["comment_id"])
                still.append(stratum)
                yield row
        rest = still


def _read(session: Session, rows: Sequence[Any]) -> list[Telling]:
    ids = [row[name] for row in rows for name in ("tagging_a", "tagging_b")]
    taggings = {
        tagging.id: tagging
        for tagging in session.scalars(
            select(Tagging).where(Tagging.id.in_(ids)).options(selectinload(Tagging.tags), selectinload(Tagging.run))
        )
    }
    texts = {
        version.id: (version, comment, source)
        for version, comment, source in session.execute(
            select(CommentVersion, StoredComment, Source.name)
            .join(StoredComment, StoredComment.id == CommentVersion.comment_id)
            .join(Source, Source.id == StoredComment.source_id)
            .where(CommentVersion.id.in_([row["version_id"] for row in rows]))
        )
    }
    found = []
    for row in rows:
        version, comment, source = texts[row["version_id"]]
        found.append(
            Telling(
                comment=row["comment_id"],
                source=source,
                external_id=comment.external_id,
                **{name: row[name] for name in STRATUM},
                change=row["change"],
                text=version.text,
                question=version.question,
                a=as_record(taggings[row["tagging_a"]], id_=comment.external_id),
                b=as_record(taggings[row["tagging_b"]], id_=comment.external_id),
            )
        )
    return found
