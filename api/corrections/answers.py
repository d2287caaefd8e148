"""What callers get to see of corrections: the labels that people have decided, and the history."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, Self

from pydantic import BaseModel, Field

from api.corrections.agreement import Agreement
from api.corrections.decisions import Decision, Decisions, Key, decisions_in, keys_of
from api.corrections.models import Correction, DecisionKind, LabelDecision
from api.corrections.shown import as_decision
from api.store.records import as_record
from api.store.search import Found
from nlp.record import Span, TaggedComment
from nlp.taxonomy import Taxonomy


class _Label(BaseModel):
    kind: DecisionKind = Field(description="What kind of label it is.")
    label: str | None = Field(description="The theme, factor or flag; null for sentiment and language.")
    polarity: str | None = Field(description="Of a factor: each of its two is decided on its own.")
    present: bool = Field(description="Whether the comment has it, or the flag is raised.")
    value: str | None = Field(description="The overall sentiment, the language, or the sentiment about the theme.")


class CorrectedLabel(_Label):
    """A label of the record that is a person's word."""

    correction: int = Field(description="Which correction decided it; `GET /v1/comments/{id}/corrections` tells more.")

    @classmethod
    def of(cls, decision: Decision, *, correction: int) -> Self:
        return cls(**_label(decision), correction=correction)


class DecidedLabel(_Label):
    """A label as a correction decided it."""

    spans: list[Span] = Field(description="The words that show it.")
    named: bool = Field(description="False where it follows from `reviewed`.")
    model_present: bool = Field(description="What the model's tags in sight said.")
    model_value: str | None = Field(description="What the model's tags in sight said.")
    stands: bool = Field(description="Whether it holds: it is the latest about its label that is not withdrawn.")

    @classmethod
    def of(cls, row: LabelDecision) -> Self:
        decision = as_decision(row)
        return cls(
            **_label(decision),
            spans=list(decision.spans),
            named=row.named,
            model_present=row.model_present,
            model_value=row.model_value,
            stands=row.standing,
        )


class Withdrawal(BaseModel):
    """Who withdrew a correction."""

    at: datetime = Field(description="When, in UTC.")
    key: str = Field(description="The key's prefix; `open` where none was needed.")
    by: str | None = Field(description="The person, as the caller named them.")


class CorrectionOut(BaseModel):
    """What one person said of one version of a comment at one time."""

    id: int = Field(description="Its id.")
    version: int = Field(description="The number of the version of the text that it is about.")
    applies: bool = Field(description="Whether this version stands; of a former text it is kept, and not shown.")
    at: datetime = Field(description="When, in UTC.")
    key: str = Field(description="The key's prefix; `open` where none was needed.")
    key_name: str = Field(description="What the key was called.")
    by: str | None = Field(description="The person, as the caller named them.")
    why: str | None = Field(description="As it was sent.")
    reviewed: bool = Field(description="Whether every label that was not named was called right.")
    model: str = Field(description="Whose tags were in sight.")
    taxonomy: str = Field(description="The labels that there were.")
    withdrawn: Withdrawal | None = Field(description="Who withdrew it; null while it holds.")
    labels: list[DecidedLabel] = Field(description="What it decided, label by label.")

    @classmethod
    def of(cls, correction: Correction, *, version: int, applies: bool) -> Self:
        withdrawn = None
        if correction.withdrawn_at is not None:
            withdrawn = Withdrawal(
                at=correction.withdrawn_at, key=correction.withdrawn_key or "", by=correction.withdrawn_by
            )
        same = ("id", "at", "key", "key_name", "by", "why", "reviewed", "model", "taxonomy")
        return cls(
            **{name: getattr(correction, name) for name in same},
            version=version,
            applies=applies,
            withdrawn=withdrawn,
            labels=[DecidedLabel.of(row) for row in correction.decisions],
        )


class CorrectionPage(BaseModel):
    """A page of a comment's corrections, the newest first."""

    corrections: list[CorrectionOut] = Field(description="At most `limit`; of every version of the text.")
    next: int | None = Field(description="The `before` of the page that follows; null on the last.")


class AgreementReport(BaseModel):
    """How far models and people agree. docs/corrections.md says how to read it, and what it cannot tell."""

    minimum: int = Field(description="On fewer no share is given.")
    rows: list[Agreement] = Field(
        description="By model, language (`all` for all of them), kind and label (`all` for a kind as a whole)."
    )


def corrected_labels(found: Found) -> list[CorrectedLabel]:
    """Where what is shown of a comment is a person's word."""
    if not found.corrections.standing:
        return []
    record = None if found.tagging is None else as_record(found.tagging, id_="")
    by_model = decisions_in(record, taxonomy()) if isinstance(record, TaggedComment) else {}
    return [
        CorrectedLabel.of(each.decision, correction=each.correction_id)
        for key, each in found.corrections.standing.items()
        if each.named or each.decision.answer != _answer(by_model, key)
    ]


def is_whole(decisions: Decisions) -> bool:
    """Whether every label of the taxonomy is decided, so that they are a comment's labels without any model's."""
    return bool(decisions) and all(key in decisions for key in keys_of(taxonomy()))


@cache
def taxonomy() -> Taxonomy:
    """The taxonomy whose labels people decide about."""
    return Taxonomy.load()


def _answer(decisions: Decisions, key: Key) -> tuple[bool, str | None] | None:
    return decisions[key].answer if key in decisions else None


def _label(decision: Decision) -> dict[str, Any]:
    kind, label, polarity = decision.key
    return {
        "kind": kind,
        "label": label or None,
        "polarity": polarity or None,
        "present": decision.present,
        "value": decision.value,
    }
