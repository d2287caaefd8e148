"""What rules ask of a comment: each condition alone, all together, and what a rule cannot say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from api.alerts.conditions import Case, Conditions, refuse_unknown_themes
from api.alerts.rules import RuleDefinition, ready_rules
from nlp.errors import UnknownLabel
from nlp.record import FactorTag, Flag, Sentiment, Span, TaggedComment, ThemeTag

SPAN = (Span(0, 4),)
RECORD = TaggedComment(
    id="1",
    language="nn",
    sentiment=Sentiment("mixed", -0.1, {"negative": 0.2, "neutral": 0.1, "mixed": 0.6, "positive": 0.1}),
    themes=(
        ThemeTag("delivery_time", "delivery", "negative", 0.9, SPAN),
        ThemeTag("staff_service", "support", "positive", 0.8, SPAN),
    ),
    factors=(FactorTag("sympathetic", "positive", 0.7, SPAN), FactorTag("professional", "negative", 0.7, SPAN)),
    churn_risk=Flag(flag=True, confidence=0.8, spans=SPAN),
    follow_up=Flag(flag=False, confidence=0.1, spans=()),
    model="by hand",
    taxonomy="journey@1.0.0",
)
CASE = Case(
    record=RECORD,
    source="kjøpsundersøkelsen",
    nps=3,
    department="Bergen",
    touchpoint="etter levering",
    channel="sms",
    metadata={"butikk": 17, "medlem": True, "kanal": "17", "beløp": 99.5, "liste": [1]},
)


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        ({"sentiment": "mixed"}, True),
        ({"sentiment": ["negative", "mixed"]}, True),
        ({"sentiment": ["negative", "positive"]}, False),
        ({"churn_risk": True}, True),
        ({"churn_risk": False}, False),
        ({"follow_up": True}, False),
        ({"follow_up": False}, True),
        ({"themes": [{"theme": "delivery_time"}]}, True),
        ({"themes": [{"theme": "delivery_time", "sentiment": "negative"}]}, True),
        ({"themes": [{"theme": "delivery_time", "sentiment": "positive"}]}, False),
        ({"themes": [{"theme": "staff_service", "sentiment": "negative"}]}, False),  # negative is another theme
        ({"themes": [{"theme": ["price_value", "delivery_time"]}]}, True),
        ({"themes": [{"sentiment": "neutral"}]}, False),
        ({"themes": [{"theme": "delivery_time"}, {"theme": "staff_service"}]}, True),
        ({"themes": [{"theme": "delivery_time"}, {"theme": "price_value"}]}, False),
        ({"factors": [{"polarity": "negative"}]}, True),
        ({"factors": [{"factor": "sympathetic", "polarity": "negative"}]}, False),
        ({"factors": [{"factor": "trustworthy"}]}, False),
        ({"factors": [{"factor": "sympathetic"}, {"polarity": "negative"}]}, True),
        ({"nps_max": 3}, True),
        ({"nps_max": 2}, False),
        ({"nps_min": 3}, True),
        ({"nps_min": 4}, False),
        ({"nps_min": 0, "nps_max": 6}, True),
        ({"source": "kjøpsundersøkelsen"}, True),
        ({"source": ["annet"]}, False),
        ({"department": ["Oslo", "Bergen"]}, True),
        ({"department": "bergen"}, False),
        ({"touchpoint": "etter levering"}, True),
        ({"channel": "e-post"}, False),
        ({"language": ["nb", "nn"]}, True),
        ({"language": "sv"}, False),
        ({"metadata": {"butikk": 17}}, True),
        ({"metadata": {"butikk": "17"}}, True),
        ({"metadata": {"kanal": 17.0}}, True),
        ({"metadata": {"butikk": [16, 18]}}, False),
        ({"metadata": {"butikk": 17, "medlem": "true"}}, True),
        ({"metadata": {"medlem": False}}, False),
        ({"metadata": {"medlem": 1}}, False),
        ({"metadata": {"ukjent": ""}}, False),
        ({"metadata": {"beløp": 99.5}}, True),
        ({"sentiment": "mixed", "churn_risk": True, "nps_max": 6, "department": "Bergen"}, True),
        ({"sentiment": "mixed", "churn_risk": True, "nps_max": 6, "department": "Oslo"}, False),
    ],
)
def test_conditions(asked: dict[str, Any], holds: bool) -> None:
    assert Conditions.model_validate(asked).hold_for(CASE) is holds


def test_a_comment_without_a_value_does_not_meet_a_condition_on_it() -> None:
    bare = Case(record=RECORD, source="x")
    asked = [{"nps_max": 10}, {"nps_min": 0}, {"department": "Bergen"}, {"channel": "sms"}, {"metadata": {"a": 1}}]
    assert [Conditions.model_validate(each).hold_for(bare) for each in asked] == [False] * len(asked)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({}, "without conditions would raise every comment"),
        ({"churn_risk": None}, "churn_risk is null; leave it out"),
        ({"sentimen": "negative"}, "Allowed: sentiment, churn_risk"),
        ({"sentiment": []}, "at least 1 item"),
        ({"sentiment": "angry"}, "'negative', 'neutral', 'mixed' or 'positive'"),
        ({"churn_risk": "yes"}, "valid boolean"),
        ({"themes": [{}]}, "Name a theme, a sentiment or both"),
        ({"factors": [{}]}, "Name a factor, a polarity or both"),
        ({"themes": []}, "at least 1 item"),
        ({"nps_min": 7, "nps_max": 6}, "no NPS is both"),
        ({"nps_max": 11}, "from 0 to 10"),
        ({"department": " "}, "blank"),
        ({"metadata": {}}, "an object with"),
        ({"metadata": {"a": {"b": 1}}}, "an object with"),
        ({"metadata": {"a": "\0"}}, "NUL"),
        ({"metadata": {"a": float("nan")}}, "JSON"),
    ],
)
def test_what_a_rule_cannot_say(asked: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Conditions.model_validate(asked)


def test_a_theme_that_the_taxonomy_does_not_have_is_told_the_nearest() -> None:
    with pytest.raises(UnknownLabel, match="Did you mean 'delivery_time'"):
        refuse_unknown_themes(Conditions.model_validate({"themes": [{"theme": "delivery_tme"}]}))


def test_what_is_stored_reads_as_what_was_said() -> None:
    said = {"themes": [{"theme": "reachability", "sentiment": "negative"}], "metadata": {"butikk": 17}, "nps_max": 6}
    asked = Conditions.model_validate(said)
    stored = asked.as_json()
    assert stored == {
        "themes": [{"theme": ["reachability"], "sentiment": ["negative"]}],
        "metadata": {"butikk": [17]},
        "nps_max": 6,
    }
    assert Conditions.model_validate(stored) == asked


def _case(**changes: Any) -> Case:
    nps = changes.pop("nps", None)
    return Case(record=replace(RECORD, **changes), source="x", nps=nps)


NEGATIVE = Sentiment("negative", -0.9, {"negative": 0.9, "neutral": 0.1, "mixed": 0.0, "positive": 0.0})
POSITIVE = Sentiment("positive", 0.9, {"negative": 0.0, "neutral": 0.1, "mixed": 0.0, "positive": 0.9})
NOT_RAISED = Flag(flag=False, confidence=0.1, spans=())
RAISED = Flag(flag=True, confidence=0.9, spans=SPAN)


@pytest.mark.parametrize(
    ("rule", "met", "not_met"),
    [
        ("negative-churn-risk", {"sentiment": NEGATIVE}, {"sentiment": POSITIVE}),
        ("negative-churn-risk", {}, {"churn_risk": NOT_RAISED}),
        ("follow-up-needed", {"follow_up": RAISED}, {"follow_up": NOT_RAISED}),
        ("detractor-staff", {"nps": 6}, {"nps": 7}),
        ("detractor-staff", {"nps": 0}, {"nps": 0, "factors": RECORD.factors[:1]}),
        (
            "detractor-unreachable",
            {"nps": 2, "themes": (ThemeTag("reachability", "support", "negative", 0.9, SPAN),)},
            {"nps": 2, "themes": (ThemeTag("reachability", "support", "positive", 0.9, SPAN),)},
        ),
        (
            "trust-lost",
            {"sentiment": NEGATIVE, "factors": (FactorTag("trustworthy", "negative", 0.9, SPAN),)},
            {"sentiment": NEGATIVE, "factors": (FactorTag("trustworthy", "positive", 0.9, SPAN),)},
        ),
        ("unhappy-promoter", {"nps": 9, "sentiment": NEGATIVE}, {"nps": 8, "sentiment": NEGATIVE}),
    ],
)
def test_a_ready_rule_finds_its_case_and_not_the_one_beside_it(rule: str, met: Any, not_met: Any) -> None:
    conditions = ready_rules()[rule].conditions
    assert (conditions.hold_for(_case(**met)), conditions.hold_for(_case(**not_met))) == (True, False)


def test_every_ready_rule_is_tried_above_and_describes_itself() -> None:
    tried = {
        arguments[0] for arguments in test_a_ready_rule_finds_its_case_and_not_the_one_beside_it.pytestmark[0].args[1]
    }
    assert tried == set(ready_rules())
    for rule in ready_rules().values():
        refuse_unknown_themes(rule.conditions)
        assert rule.description


@pytest.mark.parametrize("name", ["", "Bergen", "-x", "a b", "a/b", "a" * 65, "å\0"])
def test_a_name_that_no_rule_has(name: str) -> None:
    with pytest.raises(ValidationError):
        RuleDefinition.model_validate({"name": name, "conditions": {"churn_risk": True}})
