"""Our topics as a BERTopic model, for those who know BERTopic; needs `stemme[bertopic]`.

>>> frame = frame_of(batch, find=partial(find_topics, seed=7), reader=Tagger.load())   # doctest: +SKIP
>>> frame.get_topic_info()[["Topic", "Count", "CustomName", "Theme"]]                  # doctest: +SKIP
>>> frame.transform(["Pakka kom altfor seint"])                                        # doctest: +SKIP

The frame is BERTopic's own; in it our search is the cluster model, our lemmas and stop words are the vectorizer's
analyser, and the tagger is the embedding model. Nothing is reduced to fewer dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from warnings import catch_warnings

import numpy as np

from nlp.clustering.bertopic_terms import TopicTerms, terms_in
from nlp.clustering.partition import NONE, Labels
from nlp.clustering.segment_vectors import SegmentVectors
from nlp.errors import require
from nlp.models.encoder import Floats
from nlp.root_causes import NoTopics
from nlp.topic_segments import Reader, Segment, SegmentBatch
from nlp.topics import BadTopics, TopicModel, WrongEmbeddings, find_topics

if TYPE_CHECKING:
    from bertopic import BERTopic

__all__ = [
    "SegmentVectors",
    "TopicClusterer",
    "bertopic_library",
    "frame_of",
    "labels_of",
    "load_frame",
    "pieces",
    "save_frame",
]

EXTRA: Final = "bertopic"
ASPECTS: Final = {"Topic_Id": "id", "Theme": "theme", "Sentiment": "sentiment"}
OURS: Final = "stemme"
TERMS: Final = "terms.json"
CLAUSES: Final = "clauses.parquet"
WITHOUT_TOPIC: Final = {"nb": "Uten emne", "nn": "Utan emne", "da": "Uden emne", "sv": "Utan ämne", "en": "No topic"}
Find = Callable[[Sequence[Segment], Floats], TopicModel]


class TopicClusterer:
    """Our search for topics as BERTopic's cluster model (its parameter `hdbscan_model`).

    It takes `SegmentVectors`, since an array alone does not say what a clause is about.

    Parameters
    ----------
    find : finds the topics of segments: `find_topics`, a partial of it with settings and a seed, or what gives a model
        that was found in these segments before

    Attributes
    ----------
    model_ : the topics that were found; a label is a place in `model_.topics`
    labels_ : shape (n_segments,), -1 where there is no topic
    """

    model_: TopicModel
    labels_: Labels

    def __init__(self, find: Find = find_topics) -> None:
        self._find = find

    def fit(self, X: Floats, y: object = None) -> TopicClusterer:  # noqa: ARG002, N803, as BERTopic calls it
        """Find topics.

        Raises
        ------
        WrongEmbeddings : if the embeddings do not know their segments, or the model was found in other ones
        NoTopics : if nothing is said often enough to be a topic
        """
        segments = _segments_of(X)
        model = self._find(segments, np.asarray(X))
        if len(model.assignment.topics) != len(segments):
            raise WrongEmbeddings(
                f"The topics were found in {len(model.assignment.topics):,} segments, not in {len(segments):,}. "
                "Give the segments of that run."
            )
        if not (model.assignment.topics != NONE).any():
            raise NoTopics(f"No topic was found in {len(segments):,} clauses: nothing is said by enough of them.")
        self.model_, self.labels_ = model, model.assignment.topics
        return self

    def predict(self, X: Floats) -> Labels:  # noqa: N803
        """The topics of new segments, as `TopicModel.assign` gives them.

        Raises
        ------
        WrongEmbeddings : if the embeddings do not know their segments, or are of another width
        """
        return self.model_.assign(_segments_of(X), np.asarray(X))[0].topics


def pieces(
    segments: Sequence[Segment],
    *,
    find: Find = find_topics,
    reader: Reader | None = None,
    names: Collection[str] = (),
) -> dict[str, Any]:
    """What `BERTopic(**pieces(…), …)` needs to have our topics; the rest of its parameters are free.

    Parameters
    ----------
    segments : those that the frame will be fitted to
    find : how topics are found, see `TopicClusterer`
    reader : a `Tagger`, to fit or transform texts without embeddings
    names : of the company and its brands, which are no words of topics

    Raises
    ------
    MissingExtra : if BERTopic is not installed
    NoTopics : if there is no word that four comments hold
    """
    bertopic_library()
    from bertopic.dimensionality import BaseDimensionalityReduction  # noqa: PLC0415, optional
    from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415

    terms = terms_in(segments, names)
    if not terms.lemmas:
        raise NoTopics(f"No word is in four comments of these {len(segments):,} clauses. Give more comments.")
    return {
        "language": "multilingual",
        "embedding_model": _backend(reader),
        "umap_model": BaseDimensionalityReduction(),
        "hdbscan_model": TopicClusterer(find),
        "vectorizer_model": CountVectorizer(analyzer=terms),
        "representation_model": _aspects(),
    }


def frame_of(
    batch: SegmentBatch,
    *,
    find: Find = find_topics,
    reader: Reader | None = None,
    language: str = "nb",
    names: Collection[str] = (),
) -> BERTopic:
    """A fitted BERTopic model with our topics, and our names for them as its custom labels.

    Parameters
    ----------
    batch : clauses with their tags and embeddings
    find : how topics are found, see `TopicClusterer`
    reader : a `Tagger`, to transform texts without embeddings
    language : of the reader, `nb`, `nn`, `da`, `sv` or `en`
    names : of the company and its brands, which are no words of topics

    Raises
    ------
    MissingExtra : if BERTopic is not installed
    NoTopics : if nothing is said often enough to be a topic
    """
    parts = pieces(batch.segments, find=find, reader=reader, names=names)
    frame: BERTopic = bertopic_library().BERTopic(**parts)
    frame.fit_transform([segment.text for segment in batch.segments], SegmentVectors.of(batch))
    frame.set_topic_labels(labels_of(frame, language))
    return frame


def labels_of(frame: BERTopic, language: str) -> dict[int, str]:
    """The names of our topics by BERTopic's numbers, for `set_topic_labels`.

    Topics that were merged in BERTopic have the name of the largest.
    """
    topics = frame.hdbscan_model.model_.topics
    place_of: dict[int, int] = {}
    for key, value in frame.topic_mapper_.get_mappings(original_topics=True).items():
        place, number = int(key), int(value)
        if place >= 0 and (number not in place_of or topics[place].size > topics[place_of[number]].size):
            place_of[number] = place
    named = {number: topics[place].label[language] for number, place in place_of.items()}
    return {NONE: WITHOUT_TOPIC[language], **named}


def save_frame(frame: BERTopic, folder: Path, segments: Sequence[Segment]) -> None:
    """Write the frame in BERTopic's form (safetensors), and beside it what `load_frame` and its charts need.

    `clauses.parquet` says which clause has which topic, in the order in which the frame was fitted: by the comment's id
    and place, without its text.

    Parameters
    ----------
    segments : those that the frame was fitted to
    """
    import pyarrow as pa  # noqa: PLC0415, imported only where a file is written
    import pyarrow.parquet as pq  # noqa: PLC0415

    frame.save(str(folder), serialization="safetensors", save_ctfidf=True)
    frame.hdbscan_model.model_.save(folder / OURS)
    frame.vectorizer_model.analyzer.save(folder / OURS / TERMS)
    ids = {number: values[0][0] or None for number, values in frame.topic_aspects_["Topic_Id"].items()}
    columns = {
        "comment_id": pa.array([segment.comment_id for segment in segments], pa.string()),
        "start": pa.array([segment.start for segment in segments], pa.int32()),
        "end": pa.array([segment.end for segment in segments], pa.int32()),
        "language": pa.array([segment.language for segment in segments], pa.string()),
        "theme": pa.array([segment.theme for segment in segments], pa.string()),
        "sentiment": pa.array([segment.sentiment for segment in segments], pa.string()),
        "topic": pa.array(frame.topics_, pa.int32()),
        "topic_id": pa.array([ids.get(number) for number in frame.topics_], pa.string()),
    }
    pq.write_table(pa.table(columns), folder / CLAUSES)


def load_frame(folder: Path, *, reader: Reader | None = None) -> BERTopic:
    """Read what `save_frame` wrote; it gives new texts the topics that `TopicModel.assign` gives them.

    `BERTopic.load(folder)` reads it too, also where this package is not installed, but then gives new texts the topic
    whose mean embedding is nearest, and counts words as they stand.

    Parameters
    ----------
    reader : a `Tagger` with the model that the topics were found with

    Raises
    ------
    BadTopics : if the folder was not written by `save_frame`
    WrongEmbeddings : if the reader is of another model
    MissingExtra : if BERTopic is not installed
    """
    model, terms = TopicModel.load(folder / OURS), TopicTerms.load(folder / OURS / TERMS)
    name = getattr(reader, "name", model.encoder)
    if model.encoder and name != model.encoder:
        raise WrongEmbeddings(
            f"The topics were found with the encoder {model.encoder!r}, the reader is {name!r}. "
            f"Load that model, or find topics anew."
        )
    try:
        frame: BERTopic = bertopic_library().BERTopic.load(str(folder), embedding_model=_backend(reader))
    except (OSError, ValueError, KeyError, UnboundLocalError) as error:
        raise BadTopics(f"{folder} cannot be read by BERTopic: {type(error).__name__}. Find topics anew.") from error
    frame.hdbscan_model = TopicClusterer()
    frame.hdbscan_model.model_, frame.hdbscan_model.labels_ = model, model.assignment.topics
    frame.vectorizer_model.set_params(analyzer=terms)
    frame.representation_model = _aspects()
    return frame


def _segments_of(vectors: Floats) -> Sequence[Segment]:
    segments: Sequence[Segment] | None = getattr(vectors, "segments", None)
    if segments is None:
        raise WrongEmbeddings(
            "The embeddings do not say which clauses they are of, and topics are looked for within themes. Give "
            "SegmentVectors.of(batch), or leave the embeddings out and let the tagger read the texts."
        )
    return segments


def _backend(reader: Reader | None) -> Any:
    bertopic_library()
    from nlp.clustering.bertopic_pieces import TaggerBackend  # noqa: PLC0415, optional

    return TaggerBackend(reader)


def _aspects() -> dict[str, Any]:
    from nlp.clustering.bertopic_pieces import TopicAspect  # noqa: PLC0415, optional

    return {column: TopicAspect(name) for column, name in ASPECTS.items()}


def bertopic_library() -> Any:
    """The module `bertopic`.

    Raises
    ------
    MissingExtra : if it is not installed
    """
    with catch_warnings(action="ignore"):  # on import it warns of what it can do without, and then silences all others
        return require("bertopic", extra=EXTRA)
