"""Judge a case: what is wrong with the tags that its versions got."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from eval.behaviour.form import Aspect, Expected, FlagName, Kept, Measure, Moved
from eval.behaviour.suite import Case
from nlp.record import FailedComment, Record, TaggedComment


def complaints(case: Case, records: Sequence[Record]) -> list[str]:
    """One sentence for each thing that does not hold; none if the case passes.

    Parameters
    ----------
    records : one for each version of the case, in order
    """
    tagged = [record for record in records if isinstance(record, TaggedComment)]
    if len(tagged) < len(case.versions):
        codes = [record.error.code for record in records if isinstance(record, FailedComment)]
        return [f"could not be tagged: {', '.join(codes)}"]
    match case.expect:
        case Expected():
            return _missed(case.expect, tagged[0])
        case Kept():
            return _lost(case.expect, tagged[0], tagged[1:])
        case Moved():
            return _unmoved(case.expect, tagged[0], tagged[1])


def _missed(expect: Expected, record: TaggedComment) -> list[str]:
    label = record.sentiment.label
    wrong = []
    if expect.sentiment and label not in expect.sentiment:
        wrong.append(f"sentiment is {label}, expected {' or '.join(expect.sentiment)}")
    themes, factors, flags = _themes(record), _factors(record), _raised(record)
    wrong += _differences("theme", themes, expect.themes, expect.no_themes, others=not expect.no_other_themes)
    wrong += _differences("factor", factors, expect.factors, expect.no_factors, others=not expect.no_other_factors)
    wrong += _differences("flag", flags, expect.flags, expect.no_flags, others=True)
    return wrong


def _differences(
    kind: str, found: Collection[str], due: Collection[str], barred: Collection[str], *, others: bool
) -> list[str]:
    """`due` are missing, `barred` are there, or `others` are there though they may not be."""
    missing = [tag for tag in due if not any(_is(tag, one) for one in found)]
    present = [tag for tag in barred if any(_is(tag, one) for one in found)]
    strange = [one for one in found if not others and not any(_is(tag, one) for tag in due)]
    wrong = [f"{kind} {tag} is missing (found: {_listed(found)})" for tag in missing]
    wrong += [f"{kind} {tag} should not be there" for tag in present]
    return wrong + [f"{kind} {tag} is one too many" for tag in sorted(strange)]


def _is(tag: str, found: str) -> bool:
    """Whether a tag as written in a case means a tag of a record."""
    return tag in (found, found.partition(":")[0])


def _lost(expect: Kept, first: TaggedComment, changed: Sequence[TaggedComment]) -> list[str]:
    lost = [
        f"version {number}: {'; '.join(differences)}"
        for number, record in enumerate(changed, start=2)
        if (differences := _changes(expect.keep, first, record))
    ]
    needed = len(changed) if expect.at_least is None else expect.at_least
    return lost if len(changed) - len(lost) < needed else []


def _changes(aspects: Iterable[Aspect], first: TaggedComment, changed: TaggedComment) -> list[str]:
    tags = [(aspect, ASPECTS[aspect](first), ASPECTS[aspect](changed)) for aspect in aspects]
    return [
        f"{aspect.replace('_', ' ')} {_listed(before)} became {_listed(after)}"
        for aspect, before, after in tags
        if before != after
    ]


def _listed(tags: Iterable[str]) -> str:
    return ", ".join(sorted(tags)) or "none"


def _unmoved(expect: Moved, first: TaggedComment, changed: TaggedComment) -> list[str]:
    if expect.rises:
        return _too_little(expect.rises, first, changed, by=expect.by)
    if expect.falls:
        return _too_little(expect.falls, first, changed, by=-expect.by)
    before = _differences("theme", _themes(first), expect.before, (), others=True)
    after = _differences("theme", _themes(changed), expect.after, (), others=True)
    return [*(f"before, {one}" for one in before), *(f"after, {one}" for one in after)]


def _too_little(measure: Measure, first: TaggedComment, changed: TaggedComment, *, by: float) -> list[str]:
    before, after = MEASURES[measure](first), MEASURES[measure](changed)
    moved = after - before
    if (moved >= by) if by > 0 else (moved <= by):
        return []
    return [f"{measure} went from {before:.2f} to {after:.2f}, expected to {'rise' if by > 0 else 'fall'} by {abs(by)}"]


def _themes(record: TaggedComment) -> set[str]:
    return {f"{tag.theme}:{tag.sentiment}" for tag in record.themes}


def _factors(record: TaggedComment) -> set[str]:
    return {f"{tag.factor}:{tag.polarity}" for tag in record.factors}


def _raised(record: TaggedComment) -> set[FlagName]:
    flags: dict[FlagName, bool] = {"churn_risk": record.churn_risk.flag, "follow_up": record.follow_up.flag}
    return {name for name, raised in flags.items() if raised}


ASPECTS: Final[Mapping[Aspect, Callable[[TaggedComment], set[str]]]] = {
    "sentiment": lambda record: {record.sentiment.label},
    "themes": lambda record: {tag.theme for tag in record.themes},
    "theme_sentiments": _themes,
}
MEASURES: Final[Mapping[Measure, Callable[[TaggedComment], float]]] = {
    "score": lambda record: record.sentiment.score,
    "churn_risk": lambda record: record.churn_risk.confidence,
    "follow_up": lambda record: record.follow_up.confidence,
}
