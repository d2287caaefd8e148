import json

import numpy as np
import pytest

pytest.importorskip("sklearn")

from eval.topic_input import BadSegments, read_segments
from eval.topic_scale import drawn
from eval.topic_scores import diversity, npmi, scored
from tests.nlp.planted import planted

THEMES = {"a": {"price"}, "b": {"price"}, "c": {"time"}, "d": {"time", "price"}, "e": set()}


def score(topics, **given):
    values = {"words": [], "documents": {}, "pairs": []} | given
    return scored(np.array(topics), list("abcde"), THEMES, **values)


def test_topics_that_are_the_themes_are_perfect():
    scores = score([0, 0, 1, 1, 0])
    assert (scores.topics, scores.nmi, scores.purity, scores.purity_of_assigned, scores.outliers) == (2, 1, 1, 1, 0)


def test_a_segment_without_a_topic_counts_as_wrong():
    scores = score([0, -1, 1, 1, -1])
    assert (scores.purity, scores.purity_of_assigned, scores.outliers) == (0.75, 1.0, 0.4)
    assert scores.nmi < 1


def test_one_topic_for_all_tells_nothing():
    scores = score([0, 0, 0, 0, 0])
    assert scores.nmi == pytest.approx(0, abs=1e-9)
    assert scores.purity == 0.75


def test_a_comment_and_its_localisation_share_topics():
    assert score([0, 0, 1, 2, 3], pairs=[("a", "b"), ("a", "c")]).same_topic == 0.5
    assert score([0, -1, 1, 2, 3], pairs=[("a", "b")]).same_topic == 0


def test_coherence():
    documents = {"1": {"x", "y"}, "2": {"x", "y"}, "3": {"x"}, "4": {"z"}}
    assert npmi([["x", "z"]], documents) == -1
    assert npmi([["x", "y"]], documents) == pytest.approx(np.log(0.5 / (0.75 * 0.5)) / -np.log(0.5))
    assert npmi([["x", "y"], ["x", "z"]], documents) < npmi([["x", "y"]], documents)


def test_diversity():
    assert diversity([["x", "y"], ["x", "z"]]) == 0.75


def test_more_segments_than_there_are_are_jittered():
    batch, _ = planted(per_language=2)
    some = drawn(batch, 10, seed=0)
    assert {segment.text for segment in some.segments} <= {segment.text for segment in batch.segments}
    many = drawn(batch, 100, seed=0)
    assert (len(many.segments), many.embeddings.shape) == (100, (100, batch.embeddings.shape[1]))
    np.testing.assert_allclose(np.linalg.norm(many.embeddings, axis=1), 1, atol=1e-5)
    assert len({vector.tobytes() for vector in many.embeddings}) == 100
    assert len({(segment.comment_id, segment.start) for segment in many.segments}) == 100
    near = (many.embeddings @ batch.embeddings.T).max(axis=1)
    assert 0.8 < near.mean() < 0.98
    np.testing.assert_array_equal(drawn(batch, 100, seed=0).embeddings, many.embeddings)


def test_a_folder_whose_files_do_not_belong_together_is_refused(tmp_path):
    (tmp_path / "segments.jsonl").write_text(
        json.dumps({"comment_id": "a", "start": 0, "end": 2, "text": "ok", "language": "nb"}) + "\n", encoding="utf-8"
    )
    np.save(tmp_path / "embeddings.npy", np.zeros((2, 3), dtype=np.float32))
    with pytest.raises(BadSegments, match="1 segments and 2 embeddings"):
        read_segments(tmp_path)
