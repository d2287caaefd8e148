"""What the sentiment head's output means: the overall feeling of a comment."""

from __future__ import annotations

from typing import cast

from nlp.calibration import softmax
from nlp.models.encoder import EncoderOutput
from nlp.record import Sentiment, SentimentLabel


class SentimentDecoder:
    """Reads the overall sentiment off an `EncoderOutput`."""

    def __init__(self, temperature: float = 1.0) -> None:
        self._temperature = temperature

    def decode(self, output: EncoderOutput) -> Sentiment:
        """The likeliest label, with a score of P(positive) - P(negative), from -1.0 to 1.0."""
        values = softmax(output.sentiment, self._temperature)
        probabilities = {
            cast(SentimentLabel, label): round(float(value), 4)
            for label, value in zip(output.labels.sentiments, values, strict=True)
        }
        label = max(probabilities, key=lambda name: probabilities[name])
        score = round(probabilities["positive"] - probabilities["negative"], 4)
        return Sentiment(label=label, score=score, probabilities=probabilities)
