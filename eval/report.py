"""Show scores: as tables on a terminal and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from eval.against import Difference, Differences
from eval.counting import LabelScore, Score
from eval.floors import Comparison, Scores
from eval.scores import GroupScores, shown
from eval.tagging import Speed

TABLES: Final = (
    "sentiment",
    "themes",
    "themes_with_sentiment",
    "factors",
    "factors_with_polarity",
    "evidence",
    "flags",
)
COLOURS: Final = {"above": "green", "at": "yellow", "below": "bold red", "not measured": "dim"}
DECIMALS: Final = 4


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that one run measured.

    Parameters
    ----------
    model, taxonomy : the artefacts that gave the tags, as `name@version`
    speed : of the tagging, on this machine as it was
    comments : by group of languages
    reviews : of the star-rated file, by group of languages; empty if there was none
    localisations, without_original : how many localised comments there are, and how many of these have no original in
        the files given
    """

    model: str
    taxonomy: str
    speed: Speed
    comments: Mapping[str, GroupScores]
    reviews: Scores
    localisations: int
    without_original: int

    @property
    def shown(self) -> dict[str, GroupScores]:
        """The groups of comments that a table or a drawing has a place for."""
        groups = shown({group: scores.comments for group, scores in self.comments.items()})
        return {group: self.comments[group] for group in groups}

    def headlines(self) -> dict[str, Scores]:
        """The scores by kind of file, group and name."""
        comments = {group: scores.headline for group, scores in self.comments.items()}
        return {"comments": comments, "reviews": self.reviews}

    def to_dict(self, floors: Sequence[Comparison] = (), against: Against | None = None) -> dict[str, Any]:
        """Plain JSON types; what could not be measured is null."""
        plain = asdict(self)
        if floors:
            plain["floors"] = [asdict(row) | {"verdict": row.verdict} for row in floors]
        if against:
            plain["against"] = asdict(against)
        as_json: dict[str, Any] = rounded(plain)
        return as_json


@dataclass(frozen=True, slots=True)
class Against:
    """All that was measured of another model on the same texts, and how far the first one is from it.

    `full_precision` says that it is the first one's own network before it was made int8.
    """

    folder: str
    evaluation: Evaluation
    differences: Differences
    full_precision: bool = False


def show(evaluation: Evaluation, floors: Sequence[Comparison], against: Against | None, console: Console) -> None:
    """Print everything."""
    console.print(f"{evaluation.model}, taxonomy {evaluation.taxonomy}", highlight=False)
    console.print(f"{_speed(evaluation.speed)} on this machine as it was", highlight=False)
    for table in tables(evaluation):
        console.print(table)
    if evaluation.without_original:
        console.print(
            f"{evaluation.without_original:,} of {evaluation.localisations:,} localised comments have no original in "
            "the files given and are not compared with it. Name its file with --originals."
        )
    if against:
        other = against.evaluation
        console.print(f"{against.folder}: {other.model}, {_speed(other.speed)}", highlight=False)
        console.print(difference_table(against))
    if floors:
        console.print(floor_table(floors))


def tables(evaluation: Evaluation) -> list[Table]:
    """Every table of a run but the comparisons."""
    found = []
    if comments := evaluation.shown:
        found.append(headline_table(comments))
        found += [label_table(kind, comments) for kind in TABLES]
        found.append(calibration_table(comments))
    if evaluation.reviews:
        found.append(review_table(evaluation.reviews))
    return found


def headline_table(comments: Mapping[str, GroupScores]) -> Table:
    """The scores with their intervals, a column per group."""
    table = _table("Scores, with 95 % intervals", "", *comments)
    table.add_row("comments", *(f"{scores.comments:,}" for scores in comments.values()))
    table.add_row("not taggable", *(f"{scores.failed:,}" for scores in comments.values()), end_section=True)
    for name in next(iter(comments.values())).headline:
        table.add_row(_named(name), *(_with_interval(scores.headline[name]) for scores in comments.values()))
    return table


def label_table(kind: str, comments: Mapping[str, GroupScores]) -> Table:
    """Each label of a kind over all comments, then its F1 in each group."""
    groups = [group for group in comments if group != "all"]
    f1 = {group: {row.label: row.f1 for row in comments[group].labels[kind]} for group in groups}
    heads = ["gold", "given", "precision", "recall", "F1", *(f"F1 {group}" for group in groups)]
    table = _table(f"{_named(kind).capitalize()}, by label", "", *heads)
    for row in comments["all"].labels[kind]:
        by_group = (_number(f1[group].get(row.label, math.nan)) for group in groups)
        table.add_row(row.label, *_cells(row), *by_group)
    return table


def calibration_table(comments: Mapping[str, GroupScores]) -> Table:
    """The expected calibration errors with their intervals, a column per group."""
    table = _table("Expected calibration error, 0 is perfect, with 95 % intervals", "", *comments)
    table.caption = "Themes, theme sentiment and factors: of those that were given."
    table.caption_justify = "left"
    for kind in next(iter(comments.values())).calibration:
        table.add_row(_named(kind), *(_with_interval(scores.calibration[kind]) for scores in comments.values()))
    return table


def review_table(reviews: Scores) -> Table:
    """The scores of the star-rated file, a column per group."""
    table = _table("Rated texts, with 95 % intervals", "", *reviews)
    names = dict.fromkeys(name for scores in reviews.values() for name in scores)
    for name in names:
        cells = (_with_interval(scores[name]) if name in scores else "" for scores in reviews.values())
        table.add_row(_named(name), *cells)
    return table


def difference_table(against: Against) -> Table:
    """Both models over all comments, and the difference in each group."""
    other = against.evaluation
    groups = [group for group in other.shown or other.reviews if group != "all"]
    heads = ["this", against.folder, "difference", *(f"difference {group}" for group in groups)]
    table = _table(f"Against {against.folder}, with 95 % intervals of the paired bootstrap", "", *heads)
    for kind, by_group in against.differences.items():
        for name, overall in by_group["all"].items():
            cells = [_signed(by_group[group][name]) if name in by_group.get(group, {}) else "" for group in groups]
            title = f"calibration error, {_named(name)}" if kind == "calibration" else _named(name)
            table.add_row(title, _number(overall.this), _number(overall.other), _signed(overall), *cells)
        table.add_section()
    return table


def floor_table(rows: Iterable[Comparison]) -> Table:
    """Each score beside its floor."""
    table = _table("Beside the linear model", "", "group", "floor", "ours", "verdict")
    for row in rows:
        verdict = f"[{COLOURS[row.verdict]}]{row.verdict}[/]"
        table.add_row(_named(row.score), row.group, _number(row.floor), _number(row.value), verdict)
    return table


def _table(title: str, *heads: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place else "left")
    return table


def _cells(row: LabelScore) -> list[str]:
    return [f"{row.gold:,}", f"{row.predicted:,}", _number(row.precision), _number(row.recall), _number(row.f1)]


def _with_interval(score: Score) -> str:
    if math.isnan(score.value):
        return "–"
    return f"{score.value:.3f} [dim]{score.low:.3f}–{score.high:.3f}[/]"


def _speed(speed: Speed) -> str:
    return f"{speed.texts:,} texts tagged in {speed.seconds:.1f} s, {speed.comments_per_second:,.0f} a second"


def _signed(row: Difference) -> str:
    if math.isnan(row.difference):
        return "–"
    return f"{row.difference:+.3f} [dim]{row.low:+.3f}–{row.high:+.3f}[/]"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _named(name: str) -> str:
    return name.replace("_", " ").replace(" f1", " F1")


def rounded(value: Any) -> Any:
    """Plain JSON types: numbers to four decimals, null where there is none."""
    if isinstance(value, Mapping):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, DECIMALS)
    return value
