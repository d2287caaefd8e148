import itertools
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp import Comment, FailedComment, TaggedComment, Tagger
from nlp.errors import BadModel
from nlp.language import LanguageIdentifier
from nlp.models.manifest import Calibration, Manifest
from nlp.models.shipped import SHIPPED
from nlp.taxonomy import Taxonomy
from tests.nlp.by_hand import LABELS, EncoderByHand, token_scores

HALF = Calibration(tag_temperatures=dict.fromkeys(LABELS.tags, 1.0), thresholds=dict.fromkeys(LABELS.tags, 0.5))


def by_hand(outputs=None, **options):
    return Tagger(
        EncoderByHand(outputs or {}),
        HALF,
        name="by-hand@1",
        taxonomy=Taxonomy.load(),
        languages=LanguageIdentifier.load(),
        **options,
    )


@pytest.fixture(scope="module")
def shipped():
    return Tagger.load()


def test_the_whole_record():
    text = "Eg har venta i tre veker på svar frå dykk, og no seier eg opp avtalen"
    shown = {"venta i tre veker på svar": {"reachability": 2.0}, "seier eg opp": {"churn_risk": 2.0}}
    tagger = by_hand({text: token_scores(text, shown, theme_sentiment={"reachability": "negative"})})
    record = tagger.tag_one(Comment("7", text))
    assert isinstance(record, TaggedComment)
    assert (record.id, record.language, record.sentiment.label) == ("7", "nn", "negative")
    assert [(theme.theme, theme.sentiment) for theme in record.themes] == [("reachability", "negative")]
    assert record.churn_risk.flag
    assert not record.follow_up.flag
    assert (record.model, record.taxonomy) == ("by-hand@1", "journey@1.0.0")


def test_beside_each_record_stands_how_sure_the_sentiment_about_each_theme_is():
    text = "Lang ventetid, men fin pris"
    shown = {"ventetid": {"reachability": 2.0}, "pris": {"price_value": 2.0}}
    feelings = {"reachability": "negative", "price_value": "positive"}
    output = token_scores(text, shown, theme_sentiment=feelings)
    calibration = HALF.model_copy(update={"theme_sentiment_temperature": 2.0})
    tagger = Tagger(
        EncoderByHand({text: output}), calibration,
        name="by-hand@1", taxonomy=Taxonomy.load(), languages=LanguageIdentifier.load(),
    )  # fmt: skip
    comments = [Comment("1", text), Comment("2", "")]
    (record, sure), (failed, nothing) = tagger.tag_with_theme_sentiments(comments, batch_size=1)
    assert [record, failed] == list(tagger.tag(comments))
    assert (sure.keys(), nothing) == (feelings.keys(), {})
    for theme in feelings:
        logits = output.theme_sentiment[LABELS.themes.index(theme)]
        probabilities = np.exp(logits / 2) / np.exp(logits / 2).sum()
        assert sure[theme] == pytest.approx(probabilities.max())
        assert 1 / 3 < sure[theme] < 1


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "empty_text", "empty"),
        (" \n\t ", "empty_text", "white space"),
        ("ab\0c", "nul_character", "Character 2"),
        ("bra \ud83d", "invalid_unicode", "Character 4 is U+D83D"),
        ("x" * 51, "text_too_long", "51 characters; at most 50"),
    ],
)
def test_a_text_that_cannot_be_tagged_stops_no_other(text, code, says):
    tagger = by_hand(max_text_length=50)
    first, failed, last = tagger.tag([Comment("1", "Bra"), Comment("2", text), Comment("3", "Fint")])
    assert isinstance(first, TaggedComment)
    assert isinstance(last, TaggedComment)
    assert isinstance(failed, FailedComment)
    assert (failed.id, failed.error.code) == ("2", code)
    assert says in failed.error.message


def test_a_message_never_repeats_the_text():
    failed = by_hand().tag_one(Comment("1", "hemmelig\0"))
    assert "hemmelig" not in failed.error.message


def test_records_keep_their_order_when_the_encoder_is_ready_in_another():
    texts = ["Bra", "", "Dyrt", "\0", "Fint"]  # the encoder by hand is ready with the last first
    outputs = {"Dyrt": token_scores("Dyrt", {"Dyrt": {"price_value": 2.0}})}
    records = list(by_hand(outputs).tag([Comment(str(number), text) for number, text in enumerate(texts)]))
    assert [record.id for record in records] == ["0", "1", "2", "3", "4"]
    assert [isinstance(record, FailedComment) for record in records] == [False, True, False, True, False]
    assert [len(record.themes) for record in records if isinstance(record, TaggedComment)] == [0, 1, 0]


def test_order_is_kept_and_the_stream_is_read_as_it_is_asked_for():
    tagger = by_hand()
    read = []

    def comments():
        for number in itertools.count():
            read.append(number)
            yield Comment(str(number), f"Nummer {number}")

    records = tagger.tag(comments(), batch_size=4)
    assert [next(records).id for _ in range(6)] == ["0", "1", "2", "3", "4", "5"]
    assert len(read) == 8


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=200))
def test_shipped_model_spans_lie_in_any_text(shipped, text):
    record = shipped.tag_one(Comment("1", text))
    if isinstance(record, FailedComment):
        return
    tags = [*record.themes, *record.factors]
    assert all(tag.spans for tag in tags)
    for span in itertools.chain.from_iterable(tag.spans for tag in [*tags, record.churn_risk, record.follow_up]):
        assert 0 <= span.start < span.end <= len(text)


@pytest.mark.parametrize(
    ("text", "language", "sentiment", "theme"),
    [
        ("Elendig kundeservice, ventet i telefonen i to timer uten svar", "nb", "negative", "reachability"),
        ("Pakka kom tre veker for seint, og eg fekk ikkje noko beskjed", "nn", "negative", "delivery_time"),
        ("Hurtig levering og god pris, jeg handler gerne her igen", "da", "positive", "delivery_time"),
        ("Jättebra service och trevlig personal, rekommenderas varmt!", "sv", "positive", "staff_service"),
    ],
)
def test_shipped_model_on_plain_comments(shipped, text, language, sentiment, theme):
    record = shipped.tag_one(Comment("1", text))
    assert record.language == language
    assert record.sentiment.label == sentiment
    assert {tag.theme: tag.sentiment for tag in record.themes}[theme] == sentiment


def test_a_language_that_is_not_ours_is_tagged_and_marked(shipped):
    for text in ("Toimitus kesti liian kauan enkä saanut vastausta", "送货太慢,客服态度很差"):
        record = shipped.tag_one(Comment("1", text))
        assert isinstance(record, TaggedComment)
        assert record.language == "other"


def test_a_comment_gets_the_same_tags_alone_and_in_company(shipped):
    texts = ["Dyrt", "Levert til avtalt tid, og sjåføren var hyggelig.", "bra " * 150]
    together = list(shipped.tag([Comment(str(number), text) for number, text in enumerate(texts)]))
    for number, text in enumerate(texts):
        alone = shipped.tag_one(Comment(str(number), text))
        assert [tag.theme for tag in alone.themes] == [tag.theme for tag in together[number].themes]
        assert alone.sentiment.score == pytest.approx(together[number].sentiment.score, abs=0.05)


def test_the_end_of_a_long_text_is_read(shipped):
    padding = "Jeg har vært kunde hos dere siden i fjor. " * 60
    record = shipped.tag_one(Comment("1", padding + "Fakturaen var feil, jeg ble belastet to ganger. " * 4))
    (billing,) = [tag for tag in record.themes if tag.theme == "payment_billing"]
    assert billing.spans[-1].start >= len(padding)


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(BadModel, match=r"stemme\.json cannot be read"):
        Tagger.load(tmp_path)


def test_a_model_for_other_labels_is_refused(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(SHIPPED, folder)
    manifest = Manifest.load(folder)
    labels = manifest.labels.model_copy(update={"themes": (*manifest.labels.themes[:-1], "weather")})
    manifest.model_copy(update={"labels": labels}).save(folder)
    with pytest.raises(BadModel, match="loyalty_recommendation, weather"):
        Tagger.load(folder)


def test_the_model_runs_on_as_many_threads_as_are_asked_for():
    encoder = Tagger.load(threads=3)._encoder
    assert encoder.threads == 3
    assert encoder._forward._session.get_session_options().intra_op_num_threads == 1  # passes run side by side instead


def test_the_shipped_model_says_the_same_on_one_thread_and_on_three():
    texts = ["Dyrt", "Levert til avtalt tid, og sjåføren var hyggelig.", "Elendig service. " * 80] * 8
    comments = [Comment(str(number), text) for number, text in enumerate(texts)]
    alone, beside = (list(Tagger.load(threads=threads).tag(comments)) for threads in (1, 3))
    for one, other in zip(alone, beside, strict=True):
        assert [tag.theme for tag in one.themes] == [tag.theme for tag in other.themes]
        assert one.sentiment.score == pytest.approx(other.sentiment.score, abs=0.001)
