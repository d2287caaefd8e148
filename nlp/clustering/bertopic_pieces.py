"""What BERTopic wants as subclasses of its own: how texts are read, and what is told of a topic beside its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bertopic.backend import BaseEmbedder
from bertopic.representation import BaseRepresentation

from nlp.clustering.model import WrongEmbeddings
from nlp.clustering.segment_vectors import SegmentVectors
from nlp.record import Comment, FailedComment, Span
from nlp.topic_segments import Reader, Segment, SegmentBatch, tag_of


class TaggerBackend(BaseEmbedder):  # type: ignore[misc]
    """BERTopic's embedding model: the tagger, which reads a text's theme and sentiment in the same pass.

    Parameters
    ----------
    reader : None where only embeddings that are given may be used; nothing is ever downloaded
    """

    def __init__(self, reader: Reader | None) -> None:
        super().__init__()
        self.reader = reader

    def embed(self, documents: Sequence[str], verbose: bool = False) -> SegmentVectors:  # noqa: ARG002, BERTopic's call
        """Each document as one clause that is read alone; what cannot be read, such as an empty text, has no topic.

        Raises
        ------
        WrongEmbeddings : if there is no reader
        """
        if self.reader is None:
            raise WrongEmbeddings(
                "There is nothing to read the texts with. Give their embeddings (SegmentVectors), or a Tagger as "
                "reader."
            )
        segments: list[Segment] = []
        embeddings: list[Any] = []
        comments = [Comment(str(number), text) for number, text in enumerate(documents)]
        for comment, (record, embedding) in zip(comments, self.reader.tag_and_embed(comments), strict=True):
            whole = Span(0, len(comment.text))
            if isinstance(record, FailedComment):
                segments.append(Segment(comment.id, 0, whole.end, "", "other"))
            else:
                tag = tag_of(whole, record, record)
                segments.append(Segment(comment.id, 0, whole.end, comment.text, record.language, *tag))
            embeddings.append(embedding)
        width = next((len(embedding) for embedding in embeddings if embedding is not None), 0)
        rows = [np.zeros(width) if embedding is None else embedding for embedding in embeddings]
        return SegmentVectors.of(SegmentBatch(segments, np.array(rows, dtype=np.float32).reshape(len(segments), width)))


class TopicAspect(BaseRepresentation):  # type: ignore[misc]
    """A field of our topics as an aspect of BERTopic's: a column of `get_topic_info`, kept on saving.

    Topics that were merged in BERTopic have the values of all that went into them.

    Parameters
    ----------
    name : `id`, `theme` or `sentiment`
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def extract_topics(
        self,
        topic_model: Any,
        documents: Any,  # noqa: ARG002, as BERTopic calls it
        c_tf_idf: Any,  # noqa: ARG002
        topics: Mapping[int, Any],
    ) -> dict[int, list[tuple[str, float]]]:
        """The values by BERTopic's number of the topic."""
        found = topic_model.hdbscan_model.model_.topics
        values: dict[int, dict[str, float]] = {number: {} for number in topics}
        for place, number in topic_model.topic_mapper_.get_mappings(original_topics=True).items():
            if place >= 0 and number in values and (value := getattr(found[place], self.name)) is not None:
                values[number][value] = 1.0
        return {number: list(of_topic.items()) or [("", 0.0)] for number, of_topic in values.items()}
