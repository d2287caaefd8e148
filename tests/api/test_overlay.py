"""Laying decisions over a record: whatever the model says, what a person has decided is what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from api.access.keys import Caller
from api.corrections.answers import taxonomy
from api.corrections.correct import NamedLabel, Wanted, correct
from api.corrections.decisions import (
    LANGUAGE,
    SENTIMENT,
    Decision,
    Key,
    decisions_in,
    from_decisions,
    keys_of,
    overlay,
)
from api.corrections.models import Correction, DecisionKind, LabelDecision
from api.corrections.shown import shown_records
from api.ingest.ingest import NewComment, ingest
from api.store.database import Store
from api.store.models import Tagging, TagRun
from api.store.records import store_records
from api.store.runs import ensure_run, make_active
from nlp.record import FactorTag, Flag, Sentiment, Span, TaggedComment, ThemeTag
from tests.api.test_corrections import tags_by_sql, tags_of
from tests.api.test_record_schema import validate

TEXT = "Snill dame, treg butikk 😡"
KEYS = keys_of(taxonomy())
STAGES = {theme.id: theme.stage for theme in taxonomy().themes}
SPANS = st.lists(st.sampled_from([Span(0, 5), Span(6, 10), Span(12, 23)]), max_size=2, unique=True).map(
    lambda spans: tuple(sorted(spans, key=lambda span: span.start))
)
SENTIMENTS = ("negative", "neutral", "positive")
CONFIDENCE = st.floats(0, 1)


@st.composite
def records(draw: Any) -> TaggedComment:
    themes = draw(st.lists(st.sampled_from(sorted(STAGES)), max_size=4, unique=True))
    pairs = st.tuples(
        st.sampled_from(["professional", "sympathetic", "trustworthy"]), st.sampled_from(["positive", "negative"])
    )
    factors = draw(st.lists(pairs, max_size=3, unique=True))
    label = draw(st.sampled_from([*SENTIMENTS, "mixed"]))
    flags = [
        Flag(raised, draw(CONFIDENCE), draw(SPANS) if raised else ())
        for raised in draw(st.tuples(*2 * [st.booleans()]))
    ]
    return TaggedComment(
        id="1",
        language=draw(st.sampled_from(["nb", "nn", "da", "sv", "other"])),
        sentiment=Sentiment(
            label, draw(st.floats(-1, 1)), {"negative": 0.25, "neutral": 0.25, "mixed": 0.25, "positive": 0.25}
        ),
        themes=tuple(
            ThemeTag(theme, STAGES[theme], draw(st.sampled_from(SENTIMENTS)), draw(CONFIDENCE), draw(SPANS))
            for theme in themes
        ),
        factors=tuple(FactorTag(factor, polarity, draw(CONFIDENCE), draw(SPANS)) for factor, polarity in factors),
        churn_risk=flags[0],
        follow_up=flags[1],
        model="m@1.0.0",
        taxonomy=taxonomy().id,
    )


@st.composite
def decision_about(draw: Any, key: Key) -> Decision:
    if key == SENTIMENT:
        return Decision(key, value=draw(st.sampled_from([*SENTIMENTS, "mixed"])))
    if key == LANGUAGE:
        return Decision(key, value=draw(st.sampled_from(["nb", "nn", "da", "sv", "other"])))
    if not draw(st.booleans()):
        return Decision(key, present=False)
    theme = key.kind == DecisionKind.THEME
    value, stage = (draw(st.sampled_from(SENTIMENTS)), STAGES[key.label]) if theme else (None, None)
    return Decision(key, value=value, stage=stage, spans=draw(SPANS))


decided = st.lists(st.sampled_from(KEYS), max_size=8, unique=True).flatmap(
    lambda keys: st.tuples(*map(decision_about, keys)).map(lambda each: {one.key: one for one in each})
)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)  # a machine that is busy is no error
@given(records(), decided)
def test_what_is_decided_is_shown_and_the_rest_is_the_model_s(
    record: TaggedComment, decisions: dict[Key, Decision]
) -> None:
    shown = overlay(record, decisions)
    assert decisions_in(shown, taxonomy()) == decisions_in(record, taxonomy()) | decisions
    validate(_plain(shown.to_dict()))
    assert (shown.id, shown.model, shown.taxonomy) == (record.id, record.model, record.taxonomy)
    assert overlay(shown, decisions) == shown
    for tag in record.themes:  # what nobody has decided is as it was, to the confidence
        if Key(DecisionKind.THEME, tag.theme) not in decisions:
            assert tag in shown.themes


@settings(deadline=None)
@given(records(), decided, decided)
def test_later_decisions_hold_before_earlier_ones(
    record: TaggedComment, earlier: dict[Key, Decision], later: dict[Key, Decision]
) -> None:
    one_by_one = decisions_in(overlay(overlay(record, earlier), later), taxonomy())
    assert one_by_one == decisions_in(overlay(record, earlier | later), taxonomy())


@pytest.mark.slow
@settings(deadline=None)
@given(records(), records())
def test_of_a_comment_that_is_decided_whole_the_model_says_nothing(one: TaggedComment, other: TaggedComment) -> None:
    whole = decisions_in(one, taxonomy())
    assert decisions_in(overlay(other, whole), taxonomy()) == whole
    own = from_decisions(whole, id_="1", model="m@1.0.0", taxonomy=taxonomy().id)
    assert own is not None
    assert decisions_in(own, taxonomy()) == whole


def test_without_the_sentiment_there_is_no_record_of_one_s_own() -> None:
    flags = {key: Decision(key, present=False) for key in KEYS if key.kind == DecisionKind.FLAG}
    assert from_decisions(flags, id_="1", model="m", taxonomy="t") is None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


@pytest.fixture(scope="module")
def one_comment() -> Iterator[Store]:
    """A store with a comment that is not tagged; the tests below put records in its place."""
    with TemporaryDirectory() as folder:
        store = Store.open(f"sqlite:///{Path(folder)}/store.db")
        ingest([NewComment("survey", "1", TEXT)], store=store)
        yield store
        store.close()


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(records(), decided, records(), decided)
def test_the_store_shows_what_the_overlay_says_through_any_run(
    one_comment: Store,
    first: TaggedComment,
    earlier: dict[Key, Decision],
    second: TaggedComment,
    later: dict[Key, Decision],
) -> None:
    store = one_comment
    with store.write() as session:
        for table in (LabelDecision, Correction, Tagging):
            for row in session.scalars(select(table)).all():
                session.delete(row)
    tag(store, first, "first")
    decide(store, earlier)
    tag(store, second, "second")
    decide(store, later)
    with store.read() as session:
        record = shown_records(session, [1])[1]
        assert isinstance(record, TaggedComment)
        assert decisions_in(record, taxonomy()) == decisions_in(second, taxonomy()) | earlier | later
        assert tags_by_sql(session) == {1: tags_of(record)}


def tag(store: Store, record: TaggedComment, model: str) -> None:
    with store.write() as session:
        run = session.scalar(select(TagRun).where(TagRun.model == model))
        if run is None:
            run = ensure_run(session, model=model, taxonomy=taxonomy().id)
        else:
            make_active(session, run)
        store_records(session, run.id, [(1, record)])


def decide(store: Store, decisions: dict[Key, Decision]) -> None:
    if not decisions:
        return
    labels = [
        NamedLabel(str(key), key, each.present, each.value, each.spans if each.present else None)
        for key, each in decisions.items()
    ]
    correct(store, 1, Wanted(version=1, labels=labels), caller=Caller("test", frozenset()), taxonomy=taxonomy())
