"""How far a model and people agree: shares with intervals, precision and recall, and Cohen's kappa. Pure: no store.

References
----------
Cohen (1960), A Coefficient of Agreement for Nominal Scales, Educational and Psychological Measurement 20, pages 37-46
Fleiss, Cohen & Everitt (1969), Large sample standard errors of kappa and weighted kappa, Psychological Bulletin 72,
pages 323-327, equation 13
Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference, JASA 22, pages 209-212
Kish (1965), Survey Sampling, section 8.2: labels of one comment are a cluster, and count as fewer than they are
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from api.nps import BadMinimum

MINIMUM: Final = 30
"""Unless said otherwise: on fewer no share is given. At 30 its interval is up to 35 points wide."""
FEWEST: Final = 10
"""The minimum cannot be set lower."""
ALL: Final = "all"
Z: Final = 1.959964
PRESENT, ABSENT = "present", "absent"


@dataclass(frozen=True, slots=True)
class Judged:
    """One label of one text, as a model and as a person answered it.

    Parameters
    ----------
    comment : names the text; labels of one text are not independent of each other
    kind, label : what was answered, such as `theme` and `delivery_time`; `label` is `all` where there is one question
    by_model, by_person : the answers: `present` or `absent`, or a class such as `negative`
    reviewed : whether people have decided every label of this text
    """

    model: str
    language: str
    comment: Hashable
    kind: str
    label: str
    by_model: str
    by_person: str
    reviewed: bool


@dataclass(frozen=True, slots=True)
class Share:
    """A share or a coefficient with its 95 % interval; `count` is on how many it rests."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What reviewed texts show of a label; a score is None where they are too few.

    Parameters
    ----------
    comments : reviewed texts in which the question was asked
    both, model_only, person_only, neither : how often each gave the label
    precision : of what the model gave, what people gave
    recall : of what people gave, what the model gave
    kappa : Cohen's, 1 for full agreement, 0 for that of chance
    """

    comments: int
    both: int
    model_only: int
    person_only: int
    neither: int
    precision: Share | None
    recall: Share | None
    kappa: Share | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """A row of the report: one model, one language or `all`, one kind of label, and one label or `all`.

    Parameters
    ----------
    decisions : labels that people decided and the model answered; without those that neither of them gave
    confirmed, changed : of these, those where they say the same, and the others
    share_confirmed : None where the decisions are fewer than the minimum
    """

    model: str
    language: str
    kind: str
    label: str
    decisions: int
    confirmed: int
    changed: int
    share_confirmed: Share | None
    reviewed: Reviewed


class _Group(NamedTuple):
    model: str
    language: str
    kind: str
    label: str


class _Pair(NamedTuple):
    comment: Hashable
    by_model: str
    by_person: str
    reviewed: bool


def agreement(judged: Iterable[Judged], *, minimum: int = MINIMUM) -> list[Agreement]:
    """The rows of the report, by model, language, kind and label; each under its language and under `all`.

    Where the answers are classes (sentiment, language, a theme's sentiment) `all` is the question as it was asked, and
    each class that occurs has a row: given or not. Of other kinds each label was asked, and `all` has them together.

    Raises
    ------
    BadMinimum : if it is below 10

    >>> one = Judged("m@1", "nb", 1, "flag", "churn_risk", "present", "absent", reviewed=True)
    >>> row = agreement([one])[0]
    >>> row.label, row.changed, row.reviewed.model_only, row.share_confirmed
    ('all', 1, 1, None)
    """
    if minimum < FEWEST:
        raise BadMinimum(f"The minimum is {minimum} decisions; at least {FEWEST} are needed. Ask for {FEWEST}.")
    groups: dict[_Group, list[_Pair]] = defaultdict(list)
    for each in judged:
        pair = _Pair(each.comment, each.by_model, each.by_person, each.reviewed)
        for language in (ALL, each.language):
            for label in {ALL, each.label}:
                groups[_Group(each.model, language, each.kind, label)].append(pair)
    rows = []
    for group, pairs in groups.items():
        classes = {answer for pair in pairs for answer in (pair.by_model, pair.by_person)} - {PRESENT, ABSENT}
        if not classes:
            rows.append(_given_or_not(group, pairs, minimum=minimum))
            continue
        rows.append(_classes(group, pairs, minimum=minimum))
        for label in classes:
            against_the_rest = [
                pair._replace(by_model=_given(pair.by_model == label), by_person=_given(pair.by_person == label))
                for pair in pairs
            ]
            rows.append(_given_or_not(group._replace(label=label), against_the_rest, minimum=minimum))
    return sorted(
        rows, key=lambda row: (row.model, row.language != ALL, row.language, row.kind, row.label != ALL, row.label)
    )


def _given(given: bool) -> str:
    return PRESENT if given else ABSENT


def _classes(group: _Group, pairs: Sequence[_Pair], *, minimum: int) -> Agreement:
    """A question with one answer of several: nobody gave nothing, so there is no precision and no recall."""
    alike = [(pair.comment, pair.by_model == pair.by_person) for pair in pairs]
    reviewed = [pair for pair in pairs if pair.reviewed]
    both = sum(pair.by_model == pair.by_person for pair in reviewed)
    confirmed = sum(each for _, each in alike)
    return Agreement(
        **group._asdict(),
        decisions=len(pairs),
        confirmed=confirmed,
        changed=len(pairs) - confirmed,
        share_confirmed=share(alike, minimum=minimum),
        reviewed=Reviewed(
            comments=_comments(reviewed),
            both=both,
            model_only=len(reviewed) - both,
            person_only=len(reviewed) - both,
            neither=0,
            precision=None,
            recall=None,
            kappa=_kappa(reviewed) if len(reviewed) >= minimum else None,
        ),
    )


def _given_or_not(group: _Group, pairs: Sequence[_Pair], *, minimum: int) -> Agreement:
    """A label that is given or not. Where neither gave it there was nothing to confirm."""
    given = [pair for pair in pairs if PRESENT in pair[1:3]]
    alike = [(pair.comment, pair.by_model == pair.by_person) for pair in given]
    confirmed = sum(each for _, each in alike)
    reviewed = [pair for pair in pairs if pair.reviewed]
    counts = Counter((pair.by_model == PRESENT, pair.by_person == PRESENT) for pair in reviewed)
    one_label = group.label != ALL
    enough = len(reviewed) >= minimum and len(reviewed) - counts[False, False] >= FEWEST
    return Agreement(
        **group._asdict(),
        decisions=len(given),
        confirmed=confirmed,
        changed=len(given) - confirmed,
        share_confirmed=share(alike, minimum=minimum),
        reviewed=Reviewed(
            comments=_comments(reviewed),
            both=counts[True, True],
            model_only=counts[True, False],
            person_only=counts[False, True],
            neither=counts[False, False],
            precision=share(
                [(pair.comment, pair.by_person == PRESENT) for pair in reviewed if pair.by_model == PRESENT],
                minimum=minimum,
            ),
            recall=share(
                [(pair.comment, pair.by_model == PRESENT) for pair in reviewed if pair.by_person == PRESENT],
                minimum=minimum,
            ),
            # Pooled over labels of unlike frequency kappa would count the difference between them as agreement.
            kappa=_kappa(reviewed) if one_label and enough else None,
        ),
    )


def _comments(pairs: Iterable[_Pair]) -> int:
    return len({pair.comment for pair in pairs})


def _kappa(pairs: Sequence[_Pair]) -> Share | None:
    return cohens_kappa(Counter((pair.by_model, pair.by_person) for pair in pairs))


def share(outcomes: Sequence[tuple[Hashable, bool]], *, minimum: int) -> Share | None:
    """How often something held, with Wilson's interval on as many independent outcomes as there are in effect.

    Parameters
    ----------
    outcomes : the text that each belongs to, and whether it held
    minimum : fewer outcomes give None

    >>> of_forty = share([(text, text < 30) for text in range(40)], minimum=30)
    >>> of_forty.value, round(of_forty.low, 4), round(of_forty.high, 4)
    (0.75, 0.5981, 0.8581)
    """
    count = len(outcomes)
    if count < max(minimum, 1):
        return None
    value = sum(held for _, held in outcomes) / count
    low, high = wilson(value, _in_effect(outcomes, value))
    return Share(value, low, high, count)


def wilson(value: float, count: float) -> tuple[float, float]:
    """The 95 % interval of a share among so many independent outcomes; `count` may be broken.

    >>> tuple(round(bound, 4) for bound in wilson(1.0, 30))
    (0.8865, 1.0)
    """
    spread = 1 + Z**2 / count
    middle = (value + Z**2 / (2 * count)) / spread
    half = Z * math.sqrt(value * (1 - value) / count + Z**2 / (4 * count**2)) / spread
    return max(0.0, middle - half), min(1.0, middle + half)


def _in_effect(outcomes: Sequence[tuple[Hashable, bool]], value: float) -> float:
    """The count less what outcomes of one text have in common (Kish's design effect of a ratio of cluster totals)."""
    clusters: dict[Hashable, list[bool]] = defaultdict(list)
    for text, held in outcomes:
        clusters[text].append(held)
    n_clusters, count = len(clusters), len(outcomes)
    if n_clusters == count:
        return count
    if value in {0.0, 1.0} or n_clusters == 1:
        return n_clusters  # nothing shows how alike the outcomes of a text are: each text counts once
    squares = sum((sum(held) - value * len(held)) ** 2 for held in clusters.values())
    variance = squares / count**2 * n_clusters / (n_clusters - 1)
    return min(count, value * (1 - value) / variance) if variance else count


def cohens_kappa(table: Mapping[tuple[str, str], int]) -> Share | None:
    """Cohen's kappa of two who answered the same questions; None where one answer is all that either ever gave.

    The interval is that of Fleiss, Cohen & Everitt. Where the two never differ it has no width; then the lower bound is
    what kappa is at the lower bound of the share of equal answers.

    Parameters
    ----------
    table : how often the first gave one answer and the second the other

    >>> kappa = cohens_kappa({("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15})
    >>> round(kappa.value, 4), round(kappa.low, 4), round(kappa.high, 4)
    (0.4, 0.1511, 0.6489)
    """
    count = sum(table.values())
    shares = {answers: times / count for answers, times in table.items() if times}
    labels = {label for answers in shares for label in answers}
    first = {label: sum(each for (one, _), each in shares.items() if one == label) for label in labels}
    second = {label: sum(each for (_, two), each in shares.items() if two == label) for label in labels}
    equal = sum(each for (one, two), each in shares.items() if one == two)
    by_chance = sum(first[label] * second[label] for label in labels)
    if len(labels) < 2:  # noqa: PLR2004
        return None
    kappa = (equal - by_chance) / (1 - by_chance)
    if math.isclose(equal, 1.0):
        return Share(1.0, (wilson(1.0, count)[0] - by_chance) / (1 - by_chance), 1.0, count)
    off = 1 - kappa
    agreeing = sum(
        each * (1 - (first[one] + second[one]) * off) ** 2 for (one, two), each in shares.items() if one == two
    )
    differing = sum(each * (second[one] + first[two]) ** 2 for (one, two), each in shares.items() if one != two)
    variance = (agreeing + off**2 * differing - (kappa - by_chance * off) ** 2) / (count * (1 - by_chance) ** 2)
    half = Z * math.sqrt(max(variance, 0.0))
    return Share(kappa, max(-1.0, kappa - half), min(1.0, kappa + half), count)
