"""Measure topics beside default BERTopic on the same embeddings: `python -m eval.topic_quality LABELS --segments DIR`.

Everything is found in the clauses of all files together; scores against themes count the comments of the files that
`--scored` names only, so that a file that the tagger was trained on may lend its clauses without lending its labels.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from eval.program import run_program
from eval.topic_input import segments_in
from eval.topic_scores import TopicScores, scored
from nlp.clustering.incidents import Circumstances
from nlp.clustering.model import eligibility
from nlp.clustering.words import Lemmatizer, class_tf_idf, terms_of, top_terms, words_in
from nlp.errors import require
from nlp.labelled import LabelledComment, labelled_comments
from nlp.topic_segments import SegmentBatch
from nlp.topics import REASONS, Reason, TopicSettings, comments_without_topic, find_topics

N_WORDS: Final = 10
FIRST_DAY: Final = date(2026, 1, 1)
N_DAYS: Final = 365
N_DEPARTMENTS: Final = 12


@dataclass(frozen=True, slots=True)
class Found:
    """Topics of the segments and their words, at most ten a topic; and comments with neither topic nor theme, and why.

    `without` holds those that have a clause; None where a way gives no reasons.
    """

    topics: np.ndarray
    words: Sequence[Sequence[str]]
    without: Mapping[str, Reason] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One way to find topics: `seconds` of this machine's clock, `cpu_seconds` of all its cores together.

    `without` is the share of all comments that have neither topic nor theme, by reason; None where a way gives none.
    """

    name: str
    scores: TopicScores
    seconds: float
    cpu_seconds: float
    without: Mapping[Reason, float] | None


def stemme(batch: SegmentBatch, seed: int, settings: TopicSettings | None = None) -> Found:
    """Ours; the words of a topic are those of the language that most of it is written in."""
    model = find_topics(batch.segments, batch.embeddings, settings=settings, seed=seed)
    return Found(
        model.assignment.topics,
        [_main_words(topic.words, topic.label_language["en"]) for topic in model.topics],
        comments_without_topic(batch.segments, model.assignment),
    )


def stemme_with_incidents(batch: SegmentBatch, seed: int) -> Found:
    """Our topics and the search for incidents: for what it costs, as days and departments are drawn by lot."""
    random = np.random.default_rng(seed)
    comments = list(dict.fromkeys(segment.comment_id for segment in batch.segments))
    days = random.integers(0, N_DAYS, len(comments)).tolist()
    departments = random.integers(0, N_DEPARTMENTS, len(comments)).tolist()
    circumstances = Circumstances(
        {comment: FIRST_DAY + timedelta(days=day) for comment, day in zip(comments, days, strict=True)},
        {"department": {comment: f"D{number}" for comment, number in zip(comments, departments, strict=True)}},
    )
    model = find_topics(batch.segments, batch.embeddings, circumstances=circumstances, seed=seed)
    return Found(
        model.assignment.topics, [_main_words(topic.words, topic.label_language["en"]) for topic in model.topics]
    )


def stemme_in_bertopic(batch: SegmentBatch, seed: int) -> Found:
    """Our topics inside the frame, with its words."""
    from nlp.bertopic_frame import frame_of  # noqa: PLC0415, what it costs to import is measured with it

    frame = frame_of(batch, find=partial(find_topics, seed=seed))
    return _of_frame(frame, frame.topics_)


def bertopic(batch: SegmentBatch, seed: int) -> Found:
    """BERTopic as it comes (UMAP, HDBSCAN, c-TF-IDF of words), given the embeddings, and UMAP a seed."""
    library = require("bertopic", extra="topics-eval")
    umap = require("umap", extra="topics-eval")
    # BERTopic's own defaults; it gives UMAP no seed.
    reducer = umap.UMAP(
        n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", low_memory=False, random_state=seed
    )
    model = library.BERTopic(language="multilingual", umap_model=reducer)
    topics, _ = model.fit_transform([segment.text for segment in batch.segments], batch.embeddings)
    return _of_frame(model, topics)


def _of_frame(model: Any, topics: Sequence[int]) -> Found:
    named = sorted(set(topics) - {-1})
    return Found(np.array(topics), [[word for word, _ in model.get_topic(topic)[:N_WORDS] if word] for topic in named])


def _plain(batch: SegmentBatch, clusters: Callable[[np.ndarray], np.ndarray]) -> Found:
    """Any clusterer with our words."""
    topics = np.asarray(clusters(batch.embeddings))
    lemmatize = Lemmatizer()
    words = []
    by_topic: dict[int, dict[str, int]] = {int(topic): {} for topic in sorted(set(topics.tolist()) - {-1})}
    for segment, topic in zip(batch.segments, topics.tolist(), strict=True):
        if topic >= 0:
            for term in terms_of(segment.text, segment.language, lemmatize, ()):
                by_topic[topic][term] = by_topic[topic].get(term, 0) + 1
    counts = list(by_topic.values())
    words = [top_terms(weights, of, N_WORDS) for weights, of in zip(class_tf_idf(counts), counts, strict=True)]
    return Found(topics, words)


def k_means(batch: SegmentBatch, seed: int) -> Found:
    """As many groups as BERTopic finds at this size, without themes."""
    cluster = require("sklearn.cluster", extra="topics")
    return _plain(batch, lambda rows: cluster.KMeans(200, n_init=1, random_state=seed).fit_predict(rows))


def pca_fast_hdbscan(batch: SegmentBatch, seed: int) -> Found:
    """fast_hdbscan in 15 principal components."""
    reduce = require("sklearn.decomposition", extra="topics").PCA(15, random_state=seed)
    clusterer = require("fast_hdbscan", extra="topics-eval").HDBSCAN(min_cluster_size=10)
    return _plain(batch, lambda rows: clusterer.fit_predict(reduce.fit_transform(rows)))


def evoc(batch: SegmentBatch, seed: int) -> Found:
    """EVoC on the embeddings as they are."""
    clusterer = require("evoc", extra="topics-eval").EVoC(base_min_cluster_size=10, random_state=seed)
    return _plain(batch, clusterer.fit_predict)


WAYS: Final[dict[str, Callable[[SegmentBatch, int], Found]]] = {
    "stemme": stemme,
    "stemme with incidents": stemme_with_incidents,
    "stemme in BERTopic": stemme_in_bertopic,
    "BERTopic": bertopic,
    "k-means 200": k_means,
    "PCA + fast_hdbscan": pca_fast_hdbscan,
    "EVoC": evoc,
}
COMPARED: Final = tuple(name for name in WAYS if name != "stemme with incidents")
"""Those whose quality is compared: real comments have no drawn days."""


def measure(
    name: str,
    find: Callable[[SegmentBatch, int], Found],
    batch: SegmentBatch,
    gold: Sequence[LabelledComment],
    seed: int,
    *,
    comments: Collection[str],
) -> Row:
    """Find topics one way, and score them.

    Parameters
    ----------
    gold : comments whose labels count
    comments : ids of all that were read, those without a clause too
    """
    started, cpu_started = time.perf_counter(), time.process_time()
    found = find(batch, seed)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    ids = [segment.comment_id for segment in batch.segments]
    known = set(ids)
    pairs = [(id_, original) for id_ in sorted(known) if (original := _original(id_)) in known]
    themes = {comment.id: {tag.theme for tag in comment.themes} for comment in gold}
    scores = scored(found.topics, ids, themes, words=found.words, documents=_documents(batch), pairs=pairs)
    without = (
        None if found.without is None else without_by_reason(found.without, silent=set(comments) - known, of=comments)
    )
    return Row(name, scores, seconds, cpu_seconds, without)


def without_by_reason(
    without: Mapping[str, Reason], *, silent: Collection[str], of: Collection[str]
) -> dict[Reason, float]:
    """The share of comments that have neither a topic nor a theme, by reason.

    Parameters
    ----------
    silent : comments without any clause, such as a row of dots: they are too short

    >>> without_by_reason({"a": "new"}, silent={"b"}, of=["a", "b", "c", "d"])
    {'too_short': 0.25, 'no_opinion': 0.0, 'new': 0.25}
    """
    counts = Counter([*without.values(), *("too_short" for _ in silent)])
    return {reason: counts[reason] / max(len(of), 1) for reason in REASONS}


def _main_words(words: Any, language: str) -> Sequence[str]:
    return list(words.get(language) or next(iter(words.values()), ()))[:N_WORDS]


def _original(id_: str) -> str:
    stem, _, language = id_.rpartition(":")
    return stem if language in ("nb", "nn") else ""


def _documents(batch: SegmentBatch) -> dict[str, set[str]]:
    """Words as they stand, lemmas and pairs of each comment: every way finds its own kind of word in it."""
    lemmatize = Lemmatizer()
    documents: dict[str, set[str]] = {}
    for segment in batch.segments:
        terms = documents.setdefault(segment.comment_id, set())
        terms.update(words_in(segment.text), terms_of(segment.text, segment.language, lemmatize, ()))
    return documents


def table(rows: Sequence[Row], n_segments: int) -> Table:
    """The rows side by side."""
    shown = Table(title=f"{n_segments:,} segments")
    shown.add_column("")
    names = list(asdict(rows[0].scores))
    for name in (*names, "seconds", "cpu_seconds"):
        shown.add_column(name, justify="right")
    for row in rows:
        values = asdict(row.scores)
        cells = [f"{values[name]:,}" if name == "topics" else f"{values[name]:.3f}" for name in names]
        shown.add_row(row.name, *cells, f"{row.seconds:.1f}", f"{row.cpu_seconds:.1f}")
    return shown


def main(
    labels: Annotated[list[Path], typer.Argument(help="Labelled comments: JSON lines, .xz if compressed.")],
    *,
    segments: Annotated[Path, typer.Option(help="Folder for the clauses and their embeddings; made if missing.")],
    scored_files: Annotated[
        list[Path] | None, typer.Option("--scored", help="Only these files' labels count; all of them by default.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help=f"Of: {', '.join(WAYS)}. {', '.join(COMPARED)} by default.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Model folder; the shipped model by default.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the scores here, as JSON.")] = None,
) -> None:
    """Measure topics beside default BERTopic and others on the same embeddings."""
    console = Console()
    gold = [comment for path in labels for comment in labelled_comments(path)]
    counting = gold if not scored_files else [one for path in scored_files for one in labelled_comments(path)]
    batch = segments_in(segments, gold, model, console)
    ways = {name: WAYS[name] for name in (only or COMPARED) if name in WAYS}
    if not ways:
        raise typer.BadParameter(f"--only knows {', '.join(WAYS)}.")
    warm(batch)
    rows: list[Row] = []
    for name, find in ways.items():
        rows.append(measure(name, find, batch, counting, seed, comments=[comment.id for comment in gold]))
        if output:  # after each, so that a run that is broken off leaves what it has measured
            output.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    console.print(table(rows, len(batch.segments)))
    for row in rows:
        if row.without is not None:
            reasons = ", ".join(f"{reason} {100 * share:.1f} %" for reason, share in row.without.items())
            console.print(f"{row.name}: neither topic nor theme {100 * sum(row.without.values()):.1f} %: {reasons}")


def warm(batch: SegmentBatch) -> None:
    """Dictionaries and stop words are loaded before the clock starts, for all alike."""
    eligibility(batch.segments[:1])
    Lemmatizer().is_in_dictionary("finnesikkje")


if __name__ == "__main__":
    run_program(main)
