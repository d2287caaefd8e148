"""What the store has of models' answers beside people's."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from api.corrections.agreement import ABSENT, ALL, PRESENT, Judged
from api.corrections.answers import is_whole
from api.corrections.decisions import LANGUAGE, Decision, Decisions, decisions_in
from api.corrections.models import DecisionKind, LabelDecision
from api.corrections.shown import corrections_of, in_batches
from api.store.models import Tagging
from api.store.records import as_record
from nlp.record import TaggedComment
from nlp.taxonomy import Taxonomy

CLASSES = (DecisionKind.SENTIMENT, DecisionKind.LANGUAGE)


def judged(session: Session, taxonomy: Taxonomy) -> Iterator[Judged]:
    """Every label of every text that people have decided, beside the answer of each model that has tagged the text.

    Decisions that stand count, about former texts too. Of a model that tagged a text in several runs the last counts.
    """
    decided = (
        select(LabelDecision.version_id).where(LabelDecision.standing).distinct().order_by(LabelDecision.version_id)
    )
    for ids in in_batches(session.scalars(decided).all()):
        corrections = corrections_of(session, ids)
        taggings = (
            select(Tagging)
            .where(Tagging.version_id.in_(ids), Tagging.error_code.is_(None))
            .order_by(Tagging.id)
            .options(joinedload(Tagging.run), selectinload(Tagging.tags))
        )
        last = {(tagging.version_id, tagging.run.model): tagging for tagging in session.scalars(taggings)}
        for (version_id, model), tagging in last.items():
            record = as_record(tagging, id_="")
            assert isinstance(record, TaggedComment)
            yield from _pairs(model, version_id, decisions_in(record, taxonomy), corrections[version_id].decisions)


def _pairs(model: str, version_id: int, by_model: Decisions, by_person: Decisions) -> Iterator[Judged]:
    language = by_person.get(LANGUAGE, by_model[LANGUAGE]).value or "other"
    reviewed = is_whole(by_person)

    def pair(kind: str, label: str, first: str | None, second: str | None) -> Judged:
        return Judged(model, language, version_id, kind, label, first or "", second or "", reviewed)

    for key, person in by_person.items():
        machine = by_model.get(key, Decision(key, present=False))
        if key.kind in CLASSES:
            yield pair(key.kind, ALL, machine.value, person.value)
            continue
        label = ":".join(part for part in key[1:] if part)
        yield pair(key.kind, label, _given(machine), _given(person))
        if key.kind == DecisionKind.THEME and machine.present and person.present:
            yield pair("theme_sentiment", ALL, machine.value, person.value)


def _given(decision: Decision) -> str:
    return PRESENT if decision.present else ABSENT
