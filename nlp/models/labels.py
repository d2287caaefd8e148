"""Which row of a model's output means what: the one order that training writes and decoding reads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from pydantic import BaseModel, ConfigDict

from nlp.taxonomy import Label, Taxonomy

POLARITIES = ("positive", "negative")
THEME_SENTIMENTS = ("negative", "neutral", "positive")


class LabelSpace(BaseModel):
    """The labels of a model's heads, in order.

    The tag head has one logit per entry of `tags`: themes first, then factors (`factor:polarity`), then flags. The
    sentiment of themes has a row per theme and a column per entry of `THEME_SENTIMENTS`. Token weights have a column
    per entry of `tags` and a last one for the overall sentiment.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sentiments: tuple[str, ...]
    themes: tuple[str, ...]
    factors: tuple[str, ...]
    flags: tuple[str, ...]

    @classmethod
    def of(cls, taxonomy: Taxonomy) -> LabelSpace:
        return cls(
            sentiments=_ids(taxonomy.sentiments),
            themes=_ids(taxonomy.themes),
            factors=tuple(f"{factor.id}:{polarity}" for factor in taxonomy.factors for polarity in POLARITIES),
            flags=_ids(taxonomy.flags),
        )

    @cached_property
    def tags(self) -> tuple[str, ...]:
        return (*self.themes, *self.factors, *self.flags)

    @cached_property
    def column(self) -> dict[str, int]:
        """The place of a tag among `tags`."""
        return {tag: place for place, tag in enumerate(self.tags)}


def _ids(labels: Sequence[Label]) -> tuple[str, ...]:
    return tuple(label.id for label in labels)
