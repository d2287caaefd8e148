"""Our topics inside BERTopic: the same topics, names and assignments, and words that are not copied from anybody."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra 'topics'")
pytest.importorskip("simplemma", reason="needs the extra 'topics'")

from nlp.topic_segments import Segment, SegmentBatch
from nlp.topics import BadTopics, TopicModel, WrongEmbeddings, find_topics
from tests.embedding_stub import EmbeddingStub
from tests.nlp.planted import planted

pytestmark = pytest.mark.slow


def segment(number, text, language="nb"):
    return Segment(f"C{number}", 0, len(text), text, language)


@pytest.fixture(scope="module")
def frames():
    """The module under test, if what it needs is there."""
    with warnings.catch_warnings(action="ignore"):  # BERTopic's own, as it is imported
        pytest.importorskip("bertopic", reason="needs the extra 'bertopic'")
    import nlp.bertopic_frame

    return nlp.bertopic_frame


@pytest.fixture(scope="module")
def fitted(frames):
    found, _ = planted()
    lost = replace(found.segments[0], comment_id="lost", theme="delivery_price", sentiment="negative")
    batch = SegmentBatch([*found.segments, lost], np.vstack([found.embeddings, -found.embeddings[:1]]))
    return batch, frames.frame_of(batch, find=partial(find_topics, seed=3, encoder="e@1"), language="nn")


@pytest.fixture(scope="module")
def folder(frames, fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("frame")
    frames.save_frame(fitted[1], path, fitted[0].segments)
    return path


def ids_of(frame, numbers):
    """Of BERTopic's numbers our ids."""
    told = frame.get_topic_info().set_index("Topic").Topic_Id
    return [told[number][0] or None for number in numbers]


def ids_in(model, assignment):
    return [model.topics[place].id if place >= 0 else None for place in assignment.topics.tolist()]


def test_the_frame_has_our_topics_under_our_names(fitted):
    batch, frame = fitted
    model = find_topics(batch.segments, batch.embeddings, seed=3, encoder="e@1")
    assert ids_of(frame, frame.topics_) == ids_in(model, model.assignment)
    told = frame.get_topic_info().set_index("Topic")
    assert told.CustomName[-1] == "Utan emne"
    for number in told.index.drop(-1):
        topic = model.topic(told.Topic_Id[number][0])
        assert told.Count[number] == topic.size
        assert told.CustomName[number] == topic.label["nn"]
        assert told.Theme[number] == [topic.theme or ""]
        assert told.Sentiment[number] == [topic.sentiment]


def test_words_are_lemmas_without_small_words(fitted):
    _, frame = fitted
    words = {word for number in set(frame.topics_) - {-1} for word, _ in frame.get_topic(number)}
    assert {"vente", "passord", "feil utleveringssted"} <= words
    assert not {"ventet", "passordet", "ble", "og"} & words


def test_new_clauses_have_the_topics_that_the_model_assigns(frames, fitted):
    _, frame = fitted
    new, _ = planted(seed=5)
    far = replace(new.segments[0], theme="delivery_price", sentiment="negative")
    both = SegmentBatch([*new.segments, far], np.vstack([new.embeddings, -new.embeddings[:1]]))
    numbers, _ = frame.transform([segment.text for segment in both.segments], frames.SegmentVectors.of(both))
    model = frame.hdbscan_model.model_
    expected = ids_in(model, model.assign(both.segments, both.embeddings)[0])
    assert ids_of(frame, numbers) == expected
    assert len(set(expected)) == 6
    assert expected[-1] is None


def test_texts_alone_are_read_by_the_tagger(frames):
    reader = EmbeddingStub()
    texts = [f"{text} {number}" for text in ("Pakka kom sein nr", "Alltid hyggelig") for number in range(20)]
    texts.append("Ok")  # has no topic
    segments = [segment(number, text) for number, text in enumerate(texts)]
    frame = frames.bertopic_library().BERTopic(**frames.pieces(segments, reader=reader))
    frame.fit_transform(texts)
    numbers, _ = frame.transform(["Pakka kom sein igjen", "", "Så hyggelig"])
    info = frame.get_topic_info().set_index("Topic")
    assert [info.Theme[number][0] for number in numbers] == ["delivery_time", "", "staff_service"]
    assert numbers[1] == -1


def test_a_loaded_frame_assigns_as_the_one_that_was_saved(frames, fitted, folder):
    _, frame = fitted
    loaded = frames.load_frame(folder)
    new, _ = planted(seed=6)
    texts, vectors = [segment.text for segment in new.segments], frames.SegmentVectors.of(new)
    assert loaded.transform(texts, vectors)[0] == frame.transform(texts, vectors)[0]
    told, before = loaded.get_topic_info(), frame.get_topic_info()
    for column in ("Topic", "Count", "CustomName", "Topic_Id", "Theme"):
        assert told[column].tolist() == before[column].tolist()


def test_bertopic_reads_the_folder_without_us(frames, fitted, folder):
    loaded = frames.bertopic_library().BERTopic.load(str(folder))
    assert loaded.get_topic_info().CustomName.tolist() == fitted[1].get_topic_info().CustomName.tolist()


def test_the_folder_holds_places_and_no_texts_but_names(fitted, folder):
    batch, frame = fitted
    pq = pytest.importorskip("pyarrow.parquet")
    clauses = pq.read_table(folder / "clauses.parquet").to_pylist()
    assert [(each["comment_id"], each["start"], each["end"]) for each in clauses] == [
        (segment.comment_id, segment.start, segment.end) for segment in batch.segments
    ]
    assert [each["topic"] for each in clauses] == frame.topics_
    assert [each["topic_id"] for each in clauses] == ids_of(frame, frame.topics_)
    assert {type(value) for each in clauses for key, value in each.items() if "topic" not in key} <= {
        str,
        int,
        type(None),
    }
    named = {name.lower() for topic in frame.hdbscan_model.model_.topics for name in topic.label.values()}
    texts = {segment.text for segment in batch.segments if segment.text.lower() not in named}
    for path in folder.rglob("*.json"):
        written = json.dumps(json.loads(path.read_text(encoding="utf-8")), ensure_ascii=False)
        assert not [text for text in texts if text in written]


def test_what_bertopic_offers_works_on_our_topics(frames, fitted, folder, tmp_path):
    batch, _ = fitted
    frame = frames.load_frame(folder)
    docs = [segment.text for segment in batch.segments]
    days = [datetime(2026, 3, 1) + timedelta(days=number % 28) for number in range(len(docs))]
    over_time = frame.topics_over_time(docs, days, nr_bins=4)
    assert over_time.Frequency.sum() == len(docs)
    assert "vente" in " ".join(over_time.Words)
    joined = frame.hierarchical_topics(docs)
    assert len(joined) == len(set(frame.topics_) - {-1}) - 1
    frame.visualize_topics_over_time(over_time, custom_labels=True).write_html(tmp_path / "over_time.html")
    page = (tmp_path / "over_time.html").read_text("utf-8")
    assert all(
        json.dumps(topic.label["nn"].split()[0])[1:-1] in page
        for topic in frame.hdbscan_model.model_.topics
        if topic.size > 39
    )


def test_topics_merged_in_bertopic_keep_word_of_what_went_into_them(frames, fitted):
    batch, _ = fitted
    frame = frames.frame_of(batch, find=partial(find_topics, seed=3))
    both = {ids_of(frame, [0])[0], ids_of(frame, [1])[0]}
    frame.merge_topics([segment.text for segment in batch.segments], [0, 1])
    assert both in [set(ids) for ids in frame.get_topic_info().Topic_Id]
    names = {frame.hdbscan_model.model_.topic(id_).label["da"] for id_ in both}
    assert len(names & set(frames.labels_of(frame, "da").values())) == 1


def test_embeddings_that_do_not_say_what_they_are_of_are_refused(frames, fitted):
    batch, frame = fitted
    texts = [segment.text for segment in batch.segments]
    with pytest.raises(WrongEmbeddings, match="SegmentVectors"):
        frame.transform(texts, batch.embeddings)
    with pytest.raises(WrongEmbeddings, match="SegmentVectors"):
        frame.transform(texts[:3], frames.SegmentVectors.of(batch)[:3])
    with pytest.raises(WrongEmbeddings, match="nothing to read the texts with"):
        frame.transform(texts[:3])


def test_a_model_of_other_segments_is_refused(frames, fitted):
    batch, frame = fitted
    fewer = SegmentBatch(batch.segments[:50], batch.embeddings[:50])
    with pytest.raises(WrongEmbeddings, match=r"in 201 segments, not in 50"):
        frames.frame_of(fewer, find=lambda _segments, _embeddings: frame.hdbscan_model.model_)


def test_too_little_for_a_topic_is_said(frames):
    batch = SegmentBatch([segment(0, "Greit nok")], np.ones((1, 4), dtype=np.float32) / 2)
    from nlp.root_causes import NoTopics

    with pytest.raises(NoTopics, match="1 clauses"):
        frames.frame_of(batch)


def test_words_that_nobody_shares_are_no_ground_for_a_frame(frames):
    from nlp.root_causes import NoTopics

    of_one = [Segment("C1", 10 * place, 10 * place + 9, "pakke sen", "nb") for place in range(9)]
    with pytest.raises(NoTopics, match="four comments"):
        frames.pieces(of_one)


def test_a_folder_of_another_model_or_of_something_else_is_refused(frames, folder, tmp_path):
    with pytest.raises(WrongEmbeddings, match="'e@1'"):
        frames.load_frame(folder, reader=EmbeddingStub())
    with pytest.raises(BadTopics, match=r"topics\.json"):
        frames.load_frame(tmp_path)
    TopicModel.load(folder / "stemme").save(tmp_path / "stemme")
    (tmp_path / "stemme" / "terms.json").write_bytes((folder / "stemme" / "terms.json").read_bytes())
    with pytest.raises(BadTopics, match="BERTopic"):
        frames.load_frame(tmp_path)
