"""Drawing: from tagged comments to a sheet and its design."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

from api.accuracy.design import Design, DesignStratum, Drawn
from api.accuracy.errors import NothingToDraw
from api.accuracy.labels import counts_for_rarity
from api.accuracy.population import Population, Unit, Words
from api.accuracy.sampling import Frame, draw, stratify

FEWEST_DRAWN: Final = 30


@dataclass(frozen=True, slots=True)
class Sample:
    """A design and the words of its comments; one that was erased meanwhile has none."""

    design: Design
    words: dict[str, Words]


def draw_sample(
    population: Population, *, sample_size: int, seed: int, shown: bool, from_store: bool, moment: datetime
) -> Sample:
    """Draw comments for people to check; the same seed and comments give the same sample.

    Parameters
    ----------
    sample_size : how many; all, if there are fewer
    shown : whether people will see the model's tags; they then tend to agree with it
    moment : when it is drawn

    Raises
    ------
    NothingToDraw : if there are fewer than `FEWEST_DRAWN` tagged comments
    """
    ids: list[str] = []
    models: set[str] = set()
    taxonomies: set[str] = set()

    def seen(units: Iterator[Unit]) -> Iterator[tuple[str, frozenset[str]]]:
        for unit in units:
            ids.append(unit.id)
            models.add(unit.model)
            taxonomies.add(unit.taxonomy)
            yield unit.language, unit.labels

    frame = Frame.of(seen(population.units()))
    if len(ids) < FEWEST_DRAWN:
        raise NothingToDraw(
            f"There are {len(ids):,} tagged comments; at least {FEWEST_DRAWN} are needed. Store more, or wait "
            "until they are tagged."
        )
    rare = {label for labels in frame.labels for label in labels if counts_for_rarity(label)}
    strata = stratify(frame, tiered_by=rare, sample_size=sample_size)
    places = draw(frame, strata, sample_size=sample_size, seed=seed)
    sample = [
        Drawn(id=ids[place], stratum=int(strata.of_kind[kind]), labels=frame.labels[kind])
        for place, kind in ((int(place), int(frame.kinds[place])) for place in places)
    ]
    design = Design(
        audit=str(uuid4()),
        drawn_at=moment,
        seed=seed,
        shown=shown,
        from_store=from_store,
        models=sorted(models),
        taxonomy=" ".join(sorted(taxonomies)),
        strata=[
            DesignStratum(language=each.language, tier=each.tier, size=each.size, with_label=dict(each.with_label))
            for each in strata.strata
        ],
        sample=sample,
    )
    return Sample(design, population.words(_ids(sample)))


def _ids(sample: Sequence[Drawn]) -> list[str]:
    return [each.id for each in sample]
