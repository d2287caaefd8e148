from dataclasses import replace

import numpy as np

from nlp.record import Comment, FailedComment, Flag, Problem, Sentiment, Span, TaggedComment, ThemeTag
from nlp.topic_segments import Segment, joined, segments_of, tag_of

TEXT = "Hyggelig betjening, men pakka kom tre uker for sent"
BLAND = Sentiment("neutral", 0.0, {"negative": 0.0, "neutral": 1.0, "mixed": 0.0, "positive": 0.0})
NOT_RAISED = Flag(flag=False, confidence=0.1, spans=())


def theme(name, sentiment, *spans, confidence=0.8):
    return ThemeTag(name, "delivery", sentiment, confidence, tuple(Span(*span) for span in spans))


def record(*themes, id_="1", language="nb", sentiment=BLAND):
    return TaggedComment(id_, language, sentiment, themes, (), NOT_RAISED, NOT_RAISED, "m@1", "t@1")


class ReaderByHand:
    """Knows the tags of clauses by their text; the embedding is the text's length."""

    def __init__(self, records):
        self.records, self.asked = records, []

    def tag_and_embed(self, comments):
        for comment in comments:
            self.asked.append(comment)
            known = self.records.get(comment.text, record())
            failed = isinstance(known, FailedComment)
            yield known, None if failed else np.array([len(comment.text), 1], dtype=np.float32)


def test_each_clause_has_the_tag_that_it_shows():
    whole = record(theme("staff_service", "positive", (0, 18)), theme("delivery_time", "negative", (38, 51)), id_="C7")
    reader = ReaderByHand(
        {
            "Hyggelig betjening,": record(theme("staff_service", "positive")),
            "men pakka kom tre uker for sent": record(theme("delivery_time", "negative")),
        }
    )
    batch = joined(segments_of([(Comment("C7", TEXT, "Hva kan bli bedre?"), whole)], reader))
    assert batch.segments == [
        Segment("C7", 0, 19, "Hyggelig betjening,", "nb", "staff_service", "positive"),
        Segment("C7", 20, 51, "men pakka kom tre uker for sent", "nb", "delivery_time", "negative"),
    ]
    assert batch.embeddings.tolist() == [[19, 1], [31, 1]]
    assert [comment.question for comment in reader.asked] == ["Hva kan bli bedre?"] * 2


def test_a_clause_may_have_another_sentiment_than_its_comment():
    whole = record(theme("staff_service", "negative", (20, 25)))
    own = record(theme("staff_service", "positive"))
    assert tag_of(Span(0, 18), whole, own) == ("staff_service", "positive")


def test_a_theme_that_the_comment_lacks_is_not_given():
    corrected = record()
    own = record(theme("delivery_time", "negative"), sentiment=replace(BLAND, label="negative"))
    assert tag_of(Span(0, 18), corrected, own) == (None, "negative")


def test_the_words_of_the_comments_theme_decide_where_the_clause_alone_shows_none():
    whole = record(theme("staff_service", "positive", (0, 4)), theme("price_value", "negative", (6, 18), (40, 44)))
    assert tag_of(Span(0, 19), whole, record()) == ("price_value", "negative")
    assert tag_of(Span(20, 30), whole, record()) == (None, "neutral")


def test_a_clause_that_cannot_be_read_is_left_out():
    reader = ReaderByHand({"Hyggelig betjening,": FailedComment("C7", Problem("empty_text", "…"))})
    batch = joined(segments_of([(Comment("C7", TEXT), record(id_="C7"))], reader))
    assert [segment.start for segment in batch.segments] == [20]
    assert len(batch.embeddings) == 1


def test_an_archive_without_comments_has_no_segments():
    batch = joined(segments_of([], ReaderByHand({})))
    assert (list(batch.segments), batch.embeddings.shape) == ([], (0, 0))
