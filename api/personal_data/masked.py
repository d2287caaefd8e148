"""A masked text, and the way between its offsets and those of the text as it came."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Self

from api.personal_data.kinds import Kind
from nlp.record import Span


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was masked: `span` is its placeholder's, in the masked text; of the value only its length is kept.

    Lengths and offsets count Unicode code points.
    """

    kind: Kind
    span: Span
    original_length: int


@dataclass(frozen=True)
class MaskedText:
    """A text without the personal data that was found in it.

    Parameters
    ----------
    text : with placeholders
    findings : in the order of the text
    """

    text: str
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, original: str, found: Sequence[tuple[Span, Kind]]) -> Self:
        """Put placeholders over these spans of the original, which are in order and do not overlap."""
        parts: list[str] = []
        findings: list[Finding] = []
        done = length = 0
        for span, kind in found:
            parts += (original[done : span.start], kind.placeholder)
            start = length + span.start - done
            length = start + len(kind.placeholder)
            findings.append(Finding(kind, Span(start, length), span.end - span.start))
            done = span.end
        return cls("".join((*parts, original[done:])), tuple(findings))

    def to_original(self, span: Span) -> Span:
        """Where a span of the masked text lay in the original; a placeholder that it touches counts as a whole.

        >>> masked = MaskedText("Ring [phone] nå", (Finding(Kind.PHONE, Span(5, 12), 8),))
        >>> masked.to_original(Span(13, 15)), masked.to_original(Span(6, 7))
        (Span(start=14, end=16), Span(start=5, end=13))
        """
        return _moved(span, self._masked, self._original)

    def to_masked(self, span: Span) -> Span:
        """Where a span of the original lies in the masked text; a value that it touches counts as a whole.

        >>> masked = MaskedText("Ring [phone] nå", (Finding(Kind.PHONE, Span(5, 12), 8),))
        >>> masked.to_masked(Span(14, 16)), masked.to_masked(Span(0, 6))
        (Span(start=13, end=15), Span(start=0, end=12))
        """
        return _moved(span, self._original, self._masked)

    @cached_property
    def _masked(self) -> list[Span]:
        return [finding.span for finding in self.findings]

    @cached_property
    def _original(self) -> list[Span]:
        grown = (finding.original_length - (finding.span.end - finding.span.start) for finding in self.findings)
        shifts = accumulate(grown, initial=0)
        return [
            Span(finding.span.start + shift, finding.span.start + shift + finding.original_length)
            for finding, shift in zip(self.findings, shifts, strict=False)
        ]


def _moved(span: Span, here: Sequence[Span], there: Sequence[Span]) -> Span:
    start = _place(span.start, here, there, upwards=False)
    return Span(start, start if span.end == span.start else _place(span.end, here, there, upwards=True))


def _place(offset: int, here: Sequence[Span], there: Sequence[Span], *, upwards: bool) -> int:
    """One offset on the other side; inside a span that was exchanged, its beginning, or its end if `upwards`."""
    last = bisect_right(here, offset, key=lambda span: span.start) - 1
    if last < 0:
        return offset
    if here[last].start < offset < here[last].end:
        return there[last].end if upwards else there[last].start
    if offset == here[last].start:
        return there[last].start
    return offset - here[last].end + there[last].end
