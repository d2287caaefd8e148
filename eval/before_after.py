"""What training on a customer's labels has changed: a table, a sentence, JSON and the new model's card."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final, Literal

from rich.table import Table

from eval.against import Difference, differences
from eval.scores import GROUPS, shown
from eval.tagging import Tagged
from nlp.labelled import LabelledComment

Verdict = Literal["better", "worse", "no clear difference", "not measured"]
MEASURED: Final[Mapping[tuple[str, str], str]] = {
    ("comments", "sentiment_accuracy"): "sentiment accuracy",
    ("comments", "sentiment_macro_f1"): "sentiment macro-F1",
    ("comments", "themes_f1"): "themes F1",
    ("comments", "themes_with_sentiment_f1"): "themes with sentiment F1",
    ("comments", "factors_with_polarity_f1"): "factors with polarity F1",
    ("comments", "churn_risk_f1"): "churn risk F1",
    ("comments", "follow_up_f1"): "follow-up F1",
    ("calibration", "sentiment"): "calibration error of the sentiment",
}
LESS_IS_BETTER: Final = "calibration"
COLOURS: Final = {"better": "green", "worse": "bold red", "no clear difference": "dim", "not measured": "dim"}
DECIMALS: Final = 4


@dataclass(frozen=True, slots=True)
class Change:
    """One score before and after; `difference` is after less before, with its 95 % interval."""

    group: str
    kind: str
    score: str
    before: float
    after: float
    difference: float
    low: float
    high: float

    @property
    def name(self) -> str:
        return MEASURED[self.kind, self.score]

    @property
    def verdict(self) -> Verdict:
        """`better` or `worse` where the whole interval lies on one side of 0."""
        if math.isnan(self.low) or math.isnan(self.difference):
            return "not measured"
        if self.low <= 0 <= self.high:
            return "no clear difference"
        return "better" if (self.low > 0) != (self.kind == LESS_IS_BETTER) else "worse"


@dataclass(frozen=True, slots=True)
class Training:
    """One run of `stemme train`, as it stands in `training.json`.

    Parameters
    ----------
    base, model : `name@version` of the model that it began with and of the one that it made
    learned, rehearsed, calibrated : comments of the labelled file that gave the weights; of the project that each
        epoch held beside them; of the labelled file that gave the temperatures, 0 where those of the base are kept
    held_out : ids of the comments that before and after were measured on
    languages : of the labelled file, with the number of comments
    """

    base: str
    model: str
    day: date
    seed: int
    epochs: int
    learned: int
    rehearsed: int
    calibrated: int
    held_out: Sequence[str]
    languages: Mapping[str, int]
    changes: Sequence[Change]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; what could not be measured is null."""
        plain = asdict(self) | {"day": self.day.isoformat(), "verdict": sentence(self.changes)}
        plain["changes"] = [
            {key: _plain(value) for key, value in asdict(change).items()} | {"verdict": change.verdict}
            for change in self.changes
        ]
        return plain

    @property
    def scores(self) -> dict[str, float]:
        """For the manifest: what the new model reached, by `group.score`."""
        return {
            f"{change.group}.{change.score}": round(change.after, DECIMALS)
            for change in self.changes
            if change.kind != LESS_IS_BETTER and not math.isnan(change.after)
        }


def languages_of(comments: Sequence[LabelledComment]) -> dict[str, int]:
    """The most frequent first."""
    return dict(Counter(comment.lang for comment in comments).most_common())


def changes(before: Tagged, after: Tagged) -> list[Change]:
    """Every score of `MEASURED` over all languages, and then in each group of them that occurs."""
    found = differences(after, before)
    comments = {group: sum(comment.lang in GROUPS[group] for comment in before.gold) for group in GROUPS}
    present = [group for group in shown(comments) if comments[group]]
    return [
        _change(group, kind, score, found[kind][group][score])
        for group in sorted(present, key=lambda group: group != "all")
        for kind, score in MEASURED
    ]


def sentence(found: Sequence[Change]) -> str:
    """What a person should know first; `worse` is said of every group of languages, `better` of all together."""
    worse = [change for change in found if change.verdict == "worse"]
    better = [change for change in found if change.verdict == "better" and change.group == "all"]
    parts = []
    if worse:
        parts.append(f"Worse: {_listed(worse)}.")
    if better:
        parts.append(f"Better: {_listed(better)}.")
    if not parts:
        return "No clear difference: what changed may be luck. More labels would tell."
    if worse:
        parts.append("Weigh the one against the other before you use it.")
    else:
        parts.append("Nothing is clearly worse.")
    return " ".join(parts)


def change_table(found: Sequence[Change], *, held_out: int) -> Table:
    """The scores over all languages."""
    title = f"Before and after on {held_out:,} held-out comments; differences with 95 % intervals (paired bootstrap)"
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column()
    for head in ("before", "after", "difference"):
        table.add_column(head, justify="right")
    table.add_column()
    for change in found:
        if change.group == "all":
            verdict = f"[{COLOURS[change.verdict]}]{change.verdict}[/]"
            table.add_row(change.name, *_cells(change), verdict)
    return table


def card(training: Training) -> str:
    """README.md of the new model's folder."""
    calibration = (
        f"fitted on {training.calibrated:,} further comments" if training.calibrated else f"kept from {training.base}"
    )
    languages = ", ".join(f"{language} {count:,}" for language, count in training.languages.items())
    return "\n".join(
        [
            f"# {training.model}",
            "",
            f"Trained on {training.day.isoformat()} from {training.base} on {training.learned:,} labelled comments "
            f"(the file's languages: {languages}), beside {training.rehearsed:,} of the project's own. Thresholds and "
            f"temperatures: {calibration}. The base's card says what it was made from and where it fails; most of that "
            "holds here too.",
            "",
            f"Measured on {len(training.held_out):,} comments that it has not learned from, with 95 % intervals of the "
            "paired bootstrap:",
            "",
            *_markdown(training.changes),
            "",
            sentence(training.changes),
            "",
            "Use it with `stemme tag --model FOLDER`. `training.json` holds every number, by language too.",
            "",
        ]
    )


def _change(group: str, kind: str, score: str, found: Difference) -> Change:
    return Change(group, kind, score, found.other, found.this, found.difference, found.low, found.high)


def _listed(found: Sequence[Change]) -> str:
    return ", ".join(
        f"{change.name} {change.difference:+.3f}" + ("" if change.group == "all" else f" in {change.group}")
        for change in found
    )


def _markdown(found: Sequence[Change]) -> Iterator[str]:
    yield "| | before | after | difference | |"
    yield "| --- | --- | --- | --- | --- |"
    for change in found:
        if change.group == "all":
            yield f"| {' | '.join((change.name, *_cells(change), change.verdict))} |"


def _cells(change: Change) -> tuple[str, str, str]:
    if change.verdict == "not measured":
        return _number(change.before), _number(change.after), "–"
    interval = f"{change.low:+.3f} to {change.high:+.3f}"
    return _number(change.before), _number(change.after), f"{change.difference:+.3f} ({interval})"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, DECIMALS)
    return value
