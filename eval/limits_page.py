"""What limits a model, as Markdown: for the terminal and for docs/model.md."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from eval.against import Difference
from eval.counting import Score
from eval.mistakes import FAR, NEAR, SHOWN

if TYPE_CHECKING:
    from eval.limits import Beside, Limits

HEADS: Final = ("sentiment", "themes", "with sentiment", "factors", "churn risk", "follow-up")


def to_markdown(found: Limits) -> str:
    """Every table, each under a sentence that says what it holds."""
    lines = [f"{found.model} on {found.comments:,} comments ({found.source})."]
    lines += ["", "Scores by kind of comment, with 95 % intervals:", "", *_group_table(found)]
    lines += [
        "",
        "Themes, the sentiment about them, and train comments that have them:",
        "",
        *_label_table(found, "themes"),
    ]
    lines += ["", "Factors, flags and the overall sentiment:", ""]
    lines += _label_table(found, "factors", "flags", "sentiment")
    if found.support:
        lines += ["", "Tags by how many train comments have them:", "", *_support_table(found)]
    lines += ["", "Wrong tags, and how far the probability was from the line:", "", *_nearness_table(found)]
    if found.beside:
        lines += ["", *_beside_tables(found.beside)]
    return "\n".join(lines) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _row(heads)
    yield f"| --- |{' ---: |' * (len(heads) - 1)}"
    yield from map(_row, rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _group_table(found: Limits) -> Iterator[str]:
    rows = [
        (f"{title}: {row.group}", f"{row.comments:,}", *(_interval(row.scores[name]) for name in SHOWN))
        for title, groups in found.groups.items()
        for row in groups
    ]
    return table(("", "comments", *HEADS), rows)


def _interval(score: Score) -> str:
    return "–" if math.isnan(score.value) else f"{score.value:.2f} ({score.low:.2f}–{score.high:.2f})"


def _label_table(found: Limits, *kinds: str) -> Iterator[str]:
    rows = [
        (
            row.label,
            f"{row.support:,}" if found.beside else "–",
            *(f"{count:,}" for count in (row.due, row.right, row.otherwise, row.missed, row.extra)),
        )
        for kind in kinds
        for row in found.labels[kind]
    ]
    return table(("", "in training", "due", "right", "other value", "missed", "extra"), rows)


def _support_table(found: Limits) -> Iterator[str]:
    rows = [
        (f"{kind}: {name}", str(labels), f"{due:,}", f"{f1:.2f}")
        for kind, classes in found.support.items()
        for name, (labels, due, f1) in classes.items()
    ]
    return table(("", "labels", "due", "F1"), rows)


def _nearness_table(found: Limits) -> Iterator[str]:
    rows = [
        (
            row.kind.replace("_", " "),
            f"{row.wrong:,}",
            _share(row.near, row.wrong),
            _share(row.far, row.wrong),
            f"{row.comments:,}",
            _share(row.worst_near, row.comments),
        )
        for row in found.nearness
    ]
    heads = ("", "wrong tags", f"within {NEAR}", f"over {FAR}", "comments with one", f"worst within {NEAR}")
    return table(heads, rows)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}".replace("%", " %") if whole else "–"


def _beside_tables(beside: Beside) -> list[str]:
    kinds = list(next(iter(beside.gain.values())))
    rows = [
        (f"{name}, {group}", *(_interval(groups[group][kind]) for kind in kinds))
        for group in beside.gain
        for name, groups in beside.scores.items()
    ]
    rows += [
        (f"both less encoder, {group}", *(with_interval(by_kind[kind]) for kind in kinds))
        for group, by_kind in beside.gain.items()
    ]
    rows.append(("weights: encoder, linear", *(_weights(beside.weights[kind]) for kind in kinds)))
    return [
        f"The encoder beside a linear model, which learned from {beside.train:,} comments, and a weighed mean of their "
        f"log-odds. For all three weights, offset and threshold were fitted on one half and counted on the other, over "
        f"{beside.cuts} ways to cut in two:",
        "",
        *table(("", *(kind.replace("_", " ") for kind in kinds)), rows),
    ]


def with_interval(row: Difference) -> str:
    return "–" if math.isnan(row.difference) else f"{row.difference:+.3f} ({row.low:+.3f} to {row.high:+.3f})"


def _weights(weights: Sequence[float]) -> str:
    return ", ".join(f"{weight:.2f}" for weight in weights)
