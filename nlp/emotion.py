"""What the factor head's output means: how the people, or the company as a person, are experienced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from nlp.calibration import sigmoid
from nlp.evidence import Words
from nlp.models.encoder import EncoderOutput
from nlp.record import FactorName, FactorTag, Polarity


class FactorDecoder:
    """Reads emotional factors off an `EncoderOutput`; keys of the mappings are `factor:polarity`."""

    def __init__(
        self,
        thresholds: Mapping[str, float],
        temperatures: Mapping[str, float] | None = None,
        offsets: Mapping[str, float] | None = None,
    ) -> None:
        self._thresholds, self._temperatures, self._offsets = thresholds, temperatures or {}, offsets or {}

    def decode(self, words: Words, output: EncoderOutput) -> tuple[FactorTag, ...]:
        """Every factor that reaches its threshold. Both polarities of one factor may hold: two people, two manners."""
        tags = []
        for label in output.labels.factors:
            column = output.labels.column[label]
            temperature, offset = self._temperatures.get(label, 1.0), self._offsets.get(label, 0.0)
            confidence = sigmoid(float(output.tags[column]), temperature, offset)
            if confidence < self._thresholds.get(label, 1.0):
                continue
            factor, _, polarity = label.partition(":")
            tags.append(
                FactorTag(
                    factor=cast(FactorName, factor),
                    polarity=cast(Polarity, polarity),
                    confidence=round(confidence, 4),
                    spans=words.evidence(output.token_weights[:, column]),
                )
            )
        return tuple(tags)
