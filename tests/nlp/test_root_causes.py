"""From feedback to causes, with a tagger whose tags and embeddings can be worked out by hand."""

from datetime import date, timedelta

import pytest

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from nlp.record import Comment, TaggedComment
from nlp.root_causes import Feedback, NoTopics, find_root_causes
from nlp.topics import TopicSettings
from tests.embedding_stub import EmbeddingStub

FIRST = date(2026, 1, 5)
TAGGER = EmbeddingStub()


def feedback(number, text, *, nps, day, department):
    comment = Comment(f"c{number}", text)
    record = TAGGER.tag_one(comment)
    assert isinstance(record, TaggedComment)
    return Feedback(comment, record, day=FIRST + timedelta(days=day), nps=nps, dimensions={"department": department})


@pytest.fixture(scope="module")
def archive():
    """Six a day: kind words, quick repairs and dear prices all along; from day 60 on late parcels, all by logistics."""
    rows = []
    for day in range(100):
        said = [("Alltid hyggelig i butikken", 10, "shop"), ("En hyggelig dame hjalp meg", 10, "shop")]
        said += [("Reparert rask og greit", 10, "shop")] * 2 + [("Det er dyrt hos dere", 9, "shop")]
        said.append(("Pakka kom sein igjen", 1, "logistics") if day >= 60 else ("Ingenting", 8, "shop"))
        rows += [
            feedback(6 * day + place, f"{text} nummer {day}", nps=nps, day=day, department=department)
            for place, (text, nps, department) in enumerate(said)
        ]
    return rows


@pytest.fixture(scope="module")
def found(archive):
    return find_root_causes(archive, TAGGER, replicates=200, seed=3)


def of_theme(found, theme, sentiment=None):
    topics = [topic for topic in found.model.topics if topic.theme == theme]
    (topic,) = [topic for topic in topics if sentiment in (None, topic.sentiment)]
    (cause,) = [cause for cause in found.report.causes if cause.cause == topic.id]
    return cause


def test_the_costliest_cause_comes_first_with_what_it_costs(found):
    late = of_theme(found, "delivery_time", "negative")
    assert late.rank == 1
    assert 36 <= late.size <= 40, "a clause or two may lie too far off"
    assert late.nps.of_cause == -100
    assert late.nps.adjusted.low > 0


def test_it_is_dated_to_the_day_on_which_it_began(found):
    assert of_theme(found, "delivery_time", "negative").trend.onset.day == FIRST + timedelta(days=60)
    assert of_theme(found, "price_value").trend.onset is None


def test_it_is_found_where_it_concentrates(found):
    assert [dict(place.where) for place in of_theme(found, "delivery_time", "negative").concentrations] == [
        {"department": "logistics"}
    ]


def test_it_is_named_and_quoted_from_since_it_rose(found, archive):
    late = of_theme(found, "delivery_time", "negative")
    day_of = {each.comment.id: each.day for each in archive}
    topic = found.model.topic(late.cause)
    said = [*topic.label_source.values(), topic.quotes[0]]
    assert all(day_of[each.comment_id] >= late.trend.onset.day for each in said)


def test_its_members_are_the_comments_that_name_it(found, archive):
    late = of_theme(found, "delivery_time", "negative")
    named = [each.comment.id for each in archive if "sein" in each.comment.text]
    members = list(found.members[late.cause])
    assert len(members) == late.size
    assert members == [id_ for id_ in named if id_ in members]


def test_who_is_experienced_how_goes_with_what_is_praised(found):
    (factor,) = of_theme(found, "staff_service").factors
    assert (factor.factor, factor.polarity, factor.count) == (
        "sympathetic",
        "positive",
        of_theme(found, "staff_service").size,
    )


def test_comments_without_cause_or_theme_are_named_with_a_reason(found, archive):
    silent = {each.comment.id for each in archive if "Ingenting" in each.comment.text}
    assert set(found.without) == silent
    assert set(found.without.values()) <= {"too_short", "no_opinion"}


@pytest.mark.slow
def test_the_same_seed_gives_the_same_causes(found, archive):
    again = find_root_causes(archive, TAGGER, replicates=200, seed=3)
    assert again.report == found.report
    assert again.model.topics == found.model.topics


@pytest.mark.slow
def test_causes_keep_their_ids_in_the_next_run(found, archive):
    later = find_root_causes(archive[100:], TAGGER, former=found.model, replicates=50, seed=4)
    assert of_theme(later, "delivery_time", "negative").cause == of_theme(found, "delivery_time", "negative").cause


def test_too_little_for_any_cause_is_said():
    few = [feedback(number, "Pakka kom sein", nps=1, day=number, department="x") for number in range(3)]
    with pytest.raises(NoTopics, match="3 comments"):
        find_root_causes(few, TAGGER, settings=TopicSettings(min_topic_size=10))
