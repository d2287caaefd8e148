"""What is measured: one tagger's records of every text of a run, and how long they took."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from eval.scores import Pair
from nlp.labelled import LabelledComment, RatedComment
from nlp.record import Comment, Record, TaggedComment


class Tagging(Protocol):
    """Comments in, one record each out, in order."""

    @property
    def name(self) -> str: ...

    def tag(self, comments: Iterable[Comment], *, batch_size: int = 64) -> Iterator[Record]: ...


@runtime_checkable
class TaggingSurely(Tagging, Protocol):
    """A tagger that also says how sure it is of the sentiment about each theme, which a record does not carry."""

    def tag_with_theme_sentiments(
        self, comments: Iterable[Comment], *, batch_size: int = 64
    ) -> Iterator[tuple[Record, Mapping[str, float]]]: ...


def load_tagger(model: Path | None) -> Tagging:
    """The tagger in a folder, or the shipped one."""
    from nlp.tagger import Tagger  # noqa: PLC0415, `stemme --help` need not wait for the runtime

    return Tagger.load(model)


def load_full_precision(model: Path | None) -> Tagging:
    """The network of a model folder as it was trained, whatever is served from the folder; needs PyTorch.

    Raises
    ------
    BadModel : if the folder holds no such network
    """
    from nlp.tagger import Tagger  # noqa: PLC0415, as above

    return Tagger.load(model, full_precision=True)


@dataclass(frozen=True, slots=True)
class Speed:
    """How long a run's tagging took, on this machine as it was."""

    texts: int
    seconds: float
    comments_per_second: float


@dataclass(frozen=True, slots=True)
class Tagged:
    """Labelled and rated texts with their records, each list in the order of its texts.

    Parameters
    ----------
    model, taxonomy : the artefacts that gave the records, as `name@version`
    gold, predicted : the labelled comments and their records
    pairs : for each labelled comment its original's record and its own, None where it is no localisation or the
        original is not at hand
    theme_sentiments : for each labelled comment how sure the tagger was of the sentiment about each theme that it gave;
        empty where it does not say
    rated, predicted_rated : the texts with a sentiment only and their records
    speed : of everything that was tagged, originals too
    """

    model: str
    taxonomy: str
    gold: Sequence[LabelledComment]
    predicted: Sequence[Record]
    pairs: Sequence[Pair | None]
    theme_sentiments: Sequence[Mapping[str, float]]
    rated: Sequence[RatedComment]
    predicted_rated: Sequence[Record]
    speed: Speed

    def of(self, languages: Collection[str]) -> Tagged:
        """The part that is written in these languages."""
        kept = [place for place, comment in enumerate(self.gold) if comment.lang in languages]
        kept_rated = [place for place, text in enumerate(self.rated) if text.lang in languages]
        return replace(
            self,
            gold=[self.gold[place] for place in kept],
            predicted=[self.predicted[place] for place in kept],
            pairs=[self.pairs[place] for place in kept],
            theme_sentiments=[self.theme_sentiments[place] for place in kept],
            rated=[self.rated[place] for place in kept_rated],
            predicted_rated=[self.predicted_rated[place] for place in kept_rated],
        )

    @property
    def localisations(self) -> int:
        """Labelled comments that were written anew from another."""
        return sum(comment.original_id is not None for comment in self.gold)

    @property
    def without_original(self) -> int:
        """Localisations whose original is not at hand."""
        return self.localisations - sum(pair is not None for pair in self.pairs)


def tag_all(
    tagger: Tagging,
    gold: Sequence[LabelledComment],
    *,
    rated: Sequence[RatedComment] = (),
    originals: Sequence[LabelledComment] = (),
) -> Tagged:
    """Tag everything once.

    Parameters
    ----------
    tagger : what is measured
    gold : the labelled comments
    rated : texts with a sentiment only
    originals : comments that may be originals of localised ones among `gold`; tagged only where they are
    """
    wanted = {comment.original_id for comment in gold} - {comment.id for comment in gold}
    texts = [*gold, *(comment for comment in originals if comment.id in wanted)]
    start = time.perf_counter()
    answers = _answers(tagger, [*texts, *rated])
    seconds = time.perf_counter() - start
    records = [record for record, _ in answers]
    record_of = {comment.id: record for comment, record in zip(texts, records[: len(texts)], strict=True)}
    predicted = records[: len(gold)]
    named = next((record for record in records if isinstance(record, TaggedComment)), None)
    return Tagged(
        model=named.model if named else tagger.name,
        taxonomy=named.taxonomy if named else "",
        gold=gold,
        predicted=predicted,
        pairs=[
            Pair(record_of[comment.original_id], record) if comment.original_id in record_of else None
            for comment, record in zip(gold, predicted, strict=True)
        ],
        theme_sentiments=[sure for _, sure in answers[: len(gold)]],
        rated=rated,
        predicted_rated=records[len(texts) :],
        speed=Speed(len(records), seconds, len(records) / seconds),
    )


def _answers(
    tagger: Tagging, texts: Sequence[LabelledComment | RatedComment]
) -> list[tuple[Record, Mapping[str, float]]]:
    """One record a text, and how sure the sentiments about its themes are; in order, with a bar where somebody watches.

    A tagger that does not say how sure it is gives nothing of that.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        comments = (Comment(text.id, text.text, text.question) for text in texts)
        stream: Iterator[tuple[Record, Mapping[str, float]]]
        if isinstance(tagger, TaggingSurely):
            stream = tagger.tag_with_theme_sentiments(comments)
        else:
            stream = ((record, {}) for record in tagger.tag(comments))
        return list(progress.track(stream, total=len(texts), description="Tagging"))
