"""What people's decisions were at a moment, in SQL: for reports of a moment that has passed.

What is shown now is in `api.corrections.shown`, and the same at this moment.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, FromClause, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from api.corrections.models import Correction, LabelDecision


def any_at(session: Session, moment: datetime) -> bool:
    """Whether there was anything that people had said, and had not withdrawn, of any comment."""
    return bool(session.scalar(select(exists().where(_held(Correction, moment)))))


def decisions_at(moment: datetime) -> FromClause:
    """The decisions that stood: of each label of a version the latest whose correction was not withdrawn by then.

    Returns
    -------
    a new table to join with, of the columns `id`, `version_id`, `kind`, `label`, `polarity`, `present`, `value`,
    `stage` and `spans` of `LabelDecision`
    """
    correction, decision = aliased(Correction), aliased(LabelDecision)
    later, overruling = aliased(Correction), aliased(LabelDecision)
    overruled = (
        select(overruling.id)
        .join(later, later.id == overruling.correction_id)
        .where(
            later.version_id == correction.version_id,
            _held(later, moment),
            # Else SQLite would look labels up in the whole table, and not in the few corrections of the version.
            overruling.kind.concat("") == decision.kind,
            overruling.label == decision.label,
            overruling.polarity == decision.polarity,
            overruling.id > decision.id,
        )
        .exists()
    )
    return (
        select(
            decision.id,
            correction.version_id,
            decision.kind,
            decision.label,
            decision.polarity,
            decision.present,
            decision.value,
            decision.stage,
            decision.spans,
        )
        .join(correction, correction.id == decision.correction_id)
        .where(_held(correction, moment), ~overruled)
        .subquery()
    )


def _held(correction: type[Correction], moment: datetime) -> ColumnElement[bool]:
    return and_(correction.at <= moment, or_(correction.withdrawn_at.is_(None), correction.withdrawn_at > moment))
