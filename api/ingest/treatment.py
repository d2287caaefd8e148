"""What is done to a comment before it is stored: personal data is masked, unless the operator says otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from api.ingest.comment import NewComment
from api.personal_data import Kind, MaskedText, Masking, mask
from nlp.record import Span

CERTAIN: Final = frozenset({Kind.EMAIL, Kind.IBAN, Kind.CARD, Kind.NATIONAL_ID})
"""Kinds that a bare number shows by itself; telephones and accounts look like any other number."""


@dataclass(frozen=True, slots=True)
class Treated:
    """The comment that is stored, and how many things of each kind were masked in it."""

    comment: NewComment
    masked: Mapping[Kind, int] = field(default_factory=dict)


class Treatment(Protocol):
    """Takes a comment as it came and gives the one that is stored, tagged and shown; the other is kept nowhere.

    It has to give the same for the same comment: whether a text has changed is told from what it gives. What names the
    comment (`source`, `external_id`) and who wrote it (`respondent`) stay, since by them it is found and erased.
    """

    def __call__(self, comment: NewComment) -> Treated: ...


def as_it_came(comment: NewComment) -> Treated:
    """The treatment that changes nothing.

    >>> as_it_came(NewComment("survey", "1", "Ring meg på 99 99 99 99")).comment.text
    'Ring meg på 99 99 99 99'
    """
    return Treated(comment)


def masking(kinds: frozenset[Kind]) -> Treatment:
    """The treatment that masks these kinds of personal data in the text, the question and the metadata's strings.

    Numbers of all three countries are looked for in every text. Which language it is in is not asked: what is stored
    must not depend on a model that learns, or an archive that is sent again would change with it.

    >>> treat = masking(frozenset(Kind))
    >>> treated = treat(NewComment("survey", "1", "Ring 48 12 34 56", metadata={"ordre": "48123456"}))
    >>> treated.comment.text, treated.comment.metadata
    ('Ring [phone]', {'ordre': '48123456'})
    """
    if not kinds:
        return as_it_came
    everywhere, in_numbers = Masking(kinds), Masking(kinds & CERTAIN)

    def treat(comment: NewComment) -> Treated:
        counts: Counter[Kind] = Counter()

        def kept(masked: MaskedText) -> str:
            counts.update(finding.kind for finding in masked.findings)
            return masked.text

        def kept_value(key: str, value: str) -> str:
            return kept(_mask_value(key, value, in_numbers if value.strip().isdecimal() else everywhere))

        treated = replace(
            comment,
            text=kept(mask(comment.text, masking=everywhere)),
            question=None if comment.question is None else kept(mask(comment.question, masking=everywhere)),
            metadata=_with_strings(comment.metadata, kept_value),
        )
        return Treated(treated, dict(counts))

    return treat


def _mask_value(key: str, value: str, masking_: Masking) -> MaskedText:
    """A value's masked text, read with its key as the words before it: what stands under `ordre` is no telephone."""
    lead = f"{key}: "
    both = mask(lead + value, masking=masking_)
    found = [(both.to_original(finding.span), finding.kind) for finding in both.findings]
    begin = len(lead)
    return MaskedText.of(value, [(Span(at.start - begin, at.end - begin), k) for at, k in found if at.start >= begin])


def _with_strings(metadata: Mapping[str, Any], change: Callable[[str, str], str]) -> dict[str, Any]:
    """A copy with every string changed, at any depth; `change` gets the nearest key too."""
    copy: dict[str, Any] = {}
    left: list[tuple[str, Any, Any]] = [("", metadata, copy)]  # no recursion: JSON may be nested deeper than that goes
    while left:
        key, original, target = left.pop()
        places = original.items() if isinstance(original, Mapping) else enumerate(original)
        for place, value in places:
            name = place if isinstance(place, str) else key
            match value:
                case str():
                    target[place] = change(name, value)
                case list() | dict():
                    target[place] = {} if isinstance(value, dict) else [None] * len(value)
                    left.append((name, value, target[place]))
                case _:
                    target[place] = value
    return copy
