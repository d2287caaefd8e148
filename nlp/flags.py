"""What the flag head's output means: whether somebody should act on this comment."""

from __future__ import annotations

from collections.abc import Mapping

from nlp.calibration import sigmoid
from nlp.evidence import Words
from nlp.models.encoder import EncoderOutput
from nlp.record import Flag


class FlagDecoder:
    """Reads follow-up flags off an `EncoderOutput`."""

    def __init__(
        self,
        thresholds: Mapping[str, float],
        temperatures: Mapping[str, float] | None = None,
        offsets: Mapping[str, float] | None = None,
    ) -> None:
        self._thresholds, self._temperatures, self._offsets = thresholds, temperatures or {}, offsets or {}

    def decode(self, name: str, words: Words, output: EncoderOutput) -> Flag:
        """The flag called `name`; `confidence` is the probability that it should be raised, raised or not."""
        column = output.labels.column[name]
        temperature, offset = self._temperatures.get(name, 1.0), self._offsets.get(name, 0.0)
        confidence = sigmoid(float(output.tags[column]), temperature, offset)
        raised = confidence >= self._thresholds.get(name, 1.0)
        spans = words.evidence(output.token_weights[:, column]) if raised else ()
        return Flag(flag=raised, confidence=round(confidence, 4), spans=spans)
