"""Digits that may be one number, with what stands around them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

from api.personal_data.context import Context

FEWEST_DIGITS: Final = 8
MOST_DIGITS: Final = 19
MOST_GROUPS: Final = 7

_CLUSTER = re.compile(r"\d(?:[ .\-/()+]{0,3}\d)*")
_GROUP = re.compile(r"\d+")
_OPENING = re.compile(r"\(?\+?$")
_TIGHT: Final = frozenset("-.+")
# What follows an amount or a reading.
_UNIT = re.compile(
    r" ?(?:,-|:-|[%€$£°]|(?:kr|kroner|kronor|nok|sek|dkk|eur|euro|usd|kwh|mwh|wh|kw|km|mil|meter|kg|gram|m2|m3|kvm|stk|"
    r"gb|mb|tb|mbit|poeng|point|poäng|timer|timar|timmar|dager|dagar|dage|år|ganger|gange|gånger|m²|m³)\b)",
    re.IGNORECASE,
)
_DECIMALS = re.compile(r",\d{1,3}(?!\d)")


@dataclass(frozen=True, slots=True)
class Group:
    """Digits without anything between them."""

    start: int
    end: int


@dataclass(frozen=True, repr=False)  # its digits must not get into a log
class Candidate:
    """Groups of digits that are read as one number.

    Parameters
    ----------
    view : the whole text
    start, end : of the number, with the plus or the parenthesis that belongs to it
    digits : all of them
    lengths : of the groups
    separators : between the groups, one fewer
    before, after : what joins it to digits beside it, None where there are none; `neighbours` are their lengths
    context : the words before it
    """

    view: str
    start: int
    end: int
    digits: str
    lengths: tuple[int, ...]
    separators: tuple[str, ...]
    before: str | None
    after: str | None
    neighbours: tuple[int, int]
    context: Context

    @property
    def written(self) -> str:
        return self.view[self.start : self.end]

    @property
    def is_whole(self) -> bool:
        """Whether nothing joins it to digits beside it but a space or a dash with spaces."""
        return not {self.before, self.after} & _TIGHT

    @cached_property
    def stands_alone(self) -> bool:
        """Whether it is a number of its own, as far as the digits beside it show: `12 34 56 78` is no part of more."""
        in_pairs = len(self.lengths) > 1 and set(self.lengths) == {2}
        for joint, neighbour in zip((self.before, self.after), self.neighbours, strict=True):
            alike = joint in self.separators and not (in_pairs and neighbour != 2)  # noqa: PLR2004, a pair
            if joint is not None and (joint in _TIGHT or alike):
                return False
        return True

    @cached_property
    def is_code(self) -> bool:
        """Whether letters or signs make it a part of something longer: `TT123NO`, `/123`, `#123`, `123_4`."""
        left, right = self.view[max(0, self.start - 2) : self.start], self.view[self.end : self.end + 2]
        if left and (left[-1] in "#=_\\&@" or _is_capital(left[-1])):
            return True
        if len(left) > 1 and (
            (left[-1] == "-" and left[0].isalnum())
            or (left[-1] == "," and left[0].isdigit())
            or (left[-1] == "/" and not left[0].isdigit())
        ):
            return True
        if right and (right[0] in "_@=" or _is_capital(right[0])):
            return True
        return len(right) > 1 and right[0] == "-" and _is_capital(right[1])

    @cached_property
    def is_quantity(self) -> bool:
        """Whether it is an amount or a reading: a unit or decimals follow, or a sign of a currency goes before."""
        currency = self.view[max(0, self.start - 2) : self.start].strip()[-1:] in {"€", "$", "£"}
        return currency or bool(_UNIT.match(self.view, self.end)) or bool(_DECIMALS.match(self.view, self.end))


def clusters(view: str) -> Iterator[tuple[Group, ...]]:
    """Runs of digits with at most three spaces, dots, dashes, slashes, parentheses or pluses between two."""
    for cluster in _CLUSTER.finditer(view):
        yield tuple(Group(*group.span()) for group in _GROUP.finditer(view, cluster.start(), cluster.end()))


def candidates_at(view: str, groups: tuple[Group, ...], first: int) -> list[Candidate]:
    """What may be one number and begins with the group `first`; the longest comes first."""
    found: list[Candidate] = []
    length = 0
    context: Context | None = None
    start = groups[first].start - len(_opening(view, groups, first))
    for last in range(first, min(len(groups), first + MOST_GROUPS)):
        length += groups[last].end - groups[last].start
        if length > MOST_DIGITS:
            break
        if length >= FEWEST_DIGITS:
            context = context or Context.before(view, groups[first].start)
            found.append(_candidate(view, groups, (first, last), start, context))
    return found[::-1]


def _candidate(view: str, groups: tuple[Group, ...], place: tuple[int, int], start: int, context: Context) -> Candidate:
    first, last = place
    taken, end = groups[first : last + 1], groups[last].end
    separators = tuple(view[a.end : b.start] for a, b in pairwise(taken))
    if "(" in view[start : taken[0].start] and ")" not in "".join(separators):
        start += 1  # the parenthesis is around the number, not in it
    before = view[groups[first - 1].end : start] if first else None
    following = groups[last + 1] if last + 1 < len(groups) else None
    after = None
    if following:
        after = view[end : following.start - len(_opening(view, groups, last + 1))]
    return Candidate(
        view=view,
        start=start,
        end=end,
        digits="".join(view[group.start : group.end] for group in taken),
        lengths=tuple(group.end - group.start for group in taken),
        separators=separators,
        before=before,
        after=after,
        neighbours=(_length(groups[first - 1]) if first else 0, _length(following) if following else 0),
        context=context,
    )


def _opening(view: str, groups: tuple[Group, ...], place: int) -> str:
    """The plus or the parenthesis before a group; between two groups only after a space or a sign of its own."""
    floor = groups[place - 1].end if place else 0
    found = _OPENING.search(view[max(floor, groups[place].start - 2) : groups[place].start])
    return found.group() if found else ""


def _is_capital(letter: str) -> bool:
    """Or a letter of a script without small ones."""
    return letter.isalpha() and not letter.islower()


def _length(group: Group) -> int:
    return group.end - group.start
