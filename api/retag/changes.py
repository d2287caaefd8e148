"""What differs between two records of one comment, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from nlp.record import FailedComment, Record, TaggedComment

NOT_TAGGED = "(error)"
"""In place of a sentiment, where a comment could not be tagged."""


@dataclass(frozen=True, slots=True)
class Change:
    """One tag before and after; None where it is not there. `kind` is the record's field."""

    kind: str
    label: str
    before: str | None
    after: str | None


@dataclass(slots=True)
class Changes:
    """Counts of changes over many comments, by the language that the new model finds."""

    compared: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    counts: Counter[Change] = field(default_factory=Counter)

    def add(self, before: Record, after: Record) -> None:
        """Count what differs between two records of a comment."""
        language = after.language if isinstance(after, TaggedComment) else NOT_TAGGED
        found = list(changes(before, after))
        self.compared[language] += 1
        self.changed[language] += bool(found)
        self.counts.update(found)

    def as_dict(self) -> dict[str, Any]:
        """As JSON: by language, and each change with its count, the most frequent first."""
        return {
            "compared": self.compared.total(),
            "changed": self.changed.total(),
            "languages": {
                language: {"compared": number, "changed": self.changed[language]}
                for language, number in self.compared.most_common()
            },
            "changes": [
                {"kind": each.kind, "label": each.label, "before": each.before, "after": each.after, "comments": number}
                for each, number in self.counts.most_common()
            ],
        }


def changes(before: Record, after: Record) -> Iterator[Change]:
    """Each tag that comes, goes or turns; confidences and spans are not compared.

    >>> from nlp.record import Problem
    >>> empty = FailedComment("1", Problem("empty_text", "The text is empty."))
    >>> list(changes(empty, empty))
    []
    """
    tags_before, tags_after = _tags(before), _tags(after)
    for kind, label in dict.fromkeys([*tags_before, *tags_after]):
        one, other = tags_before.get((kind, label)), tags_after.get((kind, label))
        if one != other:
            yield Change(kind, label, one, other)


def _tags(record: Record) -> dict[tuple[str, str], str]:
    if isinstance(record, FailedComment):
        return {("sentiment", ""): NOT_TAGGED}
    tags = {("sentiment", ""): str(record.sentiment.label), ("language", ""): str(record.language)}
    tags |= {("themes", theme.theme): str(theme.sentiment) for theme in record.themes}
    tags |= {("factors", factor.factor): str(factor.polarity) for factor in record.factors}
    flags = {"churn_risk": record.churn_risk, "follow_up": record.follow_up}
    return tags | {("flags", name): "raised" for name, flag in flags.items() if flag.flag}
