"""What a record says, as a set of labels: what is counted, sampled and checked.

A label is called `sentiment:negative`, `theme:delivery_time` (whatever the sentiment about it),
`theme:delivery_time:negative`, `factor:sympathetic:negative` or `flag:churn_risk`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, get_args

from nlp.record import FactorName, Polarity, SentimentLabel, TaggedComment, ThemeSentiment
from nlp.taxonomy import Taxonomy

FLAGS: Final = ("churn_risk", "follow_up")


def labels_of(record: TaggedComment) -> frozenset[str]:
    """Every label of a record."""
    flags = [name for name in FLAGS if getattr(record, name).flag]
    themes = [(theme.theme, theme.sentiment) for theme in record.themes]
    factors = [(factor.factor, factor.polarity) for factor in record.factors]
    return label_set(record.sentiment.label, themes, factors, flags)


def label_set(
    sentiment: str, themes: Iterable[tuple[str, str | None]], factors: Iterable[tuple[str, str]], flags: Iterable[str]
) -> frozenset[str]:
    """The labels of what people or a model say; a theme's sentiment may be left open."""
    return frozenset(_labels(sentiment, themes, factors, flags))


def every_label(taxonomy: Taxonomy) -> list[str]:
    """All labels that there are, in the order in which a card shows them."""
    sentiments = [f"sentiment:{label}" for label in get_args(SentimentLabel)]
    themes = [
        label
        for theme in taxonomy.themes
        for label in (f"theme:{theme.id}", *(f"theme:{theme.id}:{way}" for way in get_args(ThemeSentiment)))
    ]
    factors = [f"factor:{name}:{way}" for name in get_args(FactorName) for way in get_args(Polarity)]
    return [*sentiments, *themes, *factors, *(f"flag:{name}" for name in FLAGS)]


def counts_for_rarity(label: str) -> bool:
    """Whether a label makes a comment rare: a theme, a factor or a flag; not what everybody has."""
    return label.startswith(("factor:", "flag:")) or (label.startswith("theme:") and label.count(":") == 1)


def _labels(
    sentiment: str, themes: Iterable[tuple[str, str | None]], factors: Iterable[tuple[str, str]], flags: Iterable[str]
) -> Iterator[str]:
    yield f"sentiment:{sentiment}"
    for theme, way in themes:
        yield f"theme:{theme}"
        if way is not None:
            yield f"theme:{theme}:{way}"
    yield from (f"factor:{factor}:{polarity}" for factor, polarity in factors)
    yield from (f"flag:{flag}" for flag in flags)
