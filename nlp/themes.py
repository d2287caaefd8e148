"""What the theme head's output means: which parts of the journey a comment speaks about, and how it feels of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from nlp.calibration import sigmoid, softmax
from nlp.evidence import Words
from nlp.models.encoder import EncoderOutput
from nlp.models.labels import THEME_SENTIMENTS
from nlp.record import ThemeSentiment, ThemeTag
from nlp.taxonomy import Taxonomy


class ThemeDecoder:
    """Reads journey themes off an `EncoderOutput`.

    Parameters
    ----------
    thresholds : the least probability at which a theme is given, by theme
    temperatures : divide a theme's logit; 1.0 where a theme is not named
    offsets : are added to what that gives; 0.0 where a theme is not named
    """

    def __init__(
        self,
        thresholds: Mapping[str, float],
        temperatures: Mapping[str, float] | None = None,
        offsets: Mapping[str, float] | None = None,
        *,
        sentiment_temperature: float = 1.0,
        taxonomy: Taxonomy | None = None,
    ) -> None:
        self._thresholds, self._temperatures, self._offsets = thresholds, temperatures or {}, offsets or {}
        self._sentiment_temperature = sentiment_temperature
        self._taxonomy = taxonomy or Taxonomy.load()

    def decode(self, words: Words, output: EncoderOutput) -> tuple[ThemeTag, ...]:
        """Every theme that reaches its threshold, in the order of the journey."""
        tags = []
        for row, (theme, logit) in enumerate(zip(output.labels.themes, output.tags.tolist(), strict=False)):
            confidence = sigmoid(logit, self._temperatures.get(theme, 1.0), self._offsets.get(theme, 0.0))
            if confidence < self._thresholds.get(theme, 1.0):
                continue
            sentiment = softmax(output.theme_sentiment[row], self._sentiment_temperature).argmax()
            tags.append(
                ThemeTag(
                    theme=theme,
                    stage=self._taxonomy.theme(theme).stage,
                    sentiment=cast(ThemeSentiment, THEME_SENTIMENTS[int(sentiment)]),
                    confidence=round(confidence, 4),
                    spans=words.evidence(output.token_weights[:, row]),
                )
            )
        return tuple(tags)

    def sentiment_confidences(self, tags: Iterable[ThemeTag], output: EncoderOutput) -> dict[str, float]:
        """The probability of the sentiment that each of these themes was given, by theme; no record carries it."""
        row_of = {theme: row for row, theme in enumerate(output.labels.themes)}
        return {
            tag.theme: float(
                softmax(output.theme_sentiment[row_of[tag.theme]], self._sentiment_temperature)[
                    THEME_SENTIMENTS.index(tag.sentiment)
                ]
            )
            for tag in tags
        }
