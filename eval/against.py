"""One model beside another on the same labels: every score of both, and how sure their difference is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eval.calibration import count_calibration, expected_calibration_error
from eval.counting import Counted, interval, resampled
from eval.rated import count_rated
from eval.scores import GROUPS, count_comments
from eval.tagging import Tagged


@dataclass(frozen=True, slots=True)
class Difference:
    """A score of two models, and `difference`, this one less the other, with its 95 % interval; NaN if undefined."""

    this: float
    other: float
    difference: float
    low: float
    high: float


Differences = Mapping[str, Mapping[str, Mapping[str, Difference]]]
"""By kind of score (`comments`, `calibration`, `reviews`), group of languages and name."""


def differences(this: Tagged, other: Tagged, *, seed: int = 0) -> Differences:
    """Compare two models score by score.

    Parameters
    ----------
    this, other : what each gave the same texts
    seed : of the bootstrap
    """
    found: dict[str, dict[str, dict[str, Difference]]] = {}
    for group, languages in GROUPS.items():
        ours, theirs = _counted(this.of(languages)), _counted(other.of(languages))
        for kind, scores in ours.items():
            if scores and (this.gold or kind == "reviews"):
                found.setdefault(kind, {})[group] = {
                    name: paired(counted, theirs[kind][name], seed=seed) for name, counted in scores.items()
                }
    return found


def paired(this: Counted, other: Counted, *, seed: int = 0) -> Difference:
    """The difference of one score, with the interval of a paired bootstrap.

    Each resample draws the same rows of counts for both models, so that what is hard for both cancels.

    References
    ----------
    Koehn (2004), Statistical Significance Tests for Machine Translation Evaluation, EMNLP
    """
    if len(this.counts.table) != len(other.counts.table):
        raise ValueError(f"{len(this.counts.table)} comments cannot be paired with {len(other.counts.table)}.")
    low, high = interval(resampled(this, seed=seed) - resampled(other, seed=seed))
    return Difference(this.value, other.value, this.value - other.value, low, high)


def _counted(tagged: Tagged) -> dict[str, dict[str, Counted]]:
    stems = [comment.stem for comment in tagged.gold]
    binned = count_calibration(tagged.gold, tagged.predicted, tagged.theme_sentiments)
    calibration = {head: counts.joined(stems) for head, counts in binned.items()}
    return {
        "comments": count_comments(tagged.gold, tagged.predicted, tagged.pairs),
        "calibration": {head: Counted(counts, expected_calibration_error) for head, counts in calibration.items()},
        "reviews": count_rated(tagged.rated, tagged.predicted_rated),
    }
