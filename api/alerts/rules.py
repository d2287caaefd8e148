"""The rules: those that come with stemme, and those in the store."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, PlainValidator, StrictBool, WithJsonSchema
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.alerts.conditions import Conditions, refuse_unknown_themes
from api.alerts.errors import RuleExists, UnknownRule
from api.alerts.models import LONGEST_RULE_NAME, AlertRule, Priority
from api.comment_schemas import WITHOUT_NUL, storable
from api.known_fields import KnownFields, WithoutNull
from api.store.audit import note

READY: Final = Path(__file__).with_name("ready_rules.toml")
LONGEST_DESCRIPTION: Final = 1_000

RuleName = Annotated[
    str, Field(max_length=LONGEST_RULE_NAME, pattern=r"^[a-z0-9æøåäö][a-z0-9æøåäö_-]*$", examples=["kunde-i-fare"])
]
Description = Annotated[
    str,
    PlainValidator(lambda value: storable(value, LONGEST_DESCRIPTION)),
    WithJsonSchema({**WITHOUT_NUL, "maxLength": LONGEST_DESCRIPTION}),
]


class RuleDefinition(KnownFields):
    """A rule as it is written: over REST, or in a file."""

    name: RuleName = Field(description="Small letters, digits, - and _. It names the rule for ever.")
    description: Description = Field("", description="For people: whom it finds, and what is to be done.")
    priority: Priority = Field(Priority.NORMAL, description="What its alerts are marked with.")
    enabled: StrictBool = Field(True, description="Whether it raises alerts.")
    conditions: Conditions = Field(description="What a comment has to be like; all of it must hold.")


class RuleChanges(WithoutNull):
    """What is to be different about a rule; what is left out stays."""

    description: Description | None = Field(None, description="For people.")
    priority: Priority | None = Field(None, description="For alerts from now on.")
    enabled: StrictBool | None = Field(None, description="Whether it raises alerts.")
    conditions: Conditions | None = Field(None, description="For comments that are tagged from now on.")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule; `id` is None of one that comes with stemme and has never been switched on or changed."""

    id: int | None
    name: str
    description: str
    priority: str
    enabled: bool
    conditions: dict[str, Any]
    ready: bool
    changed_at: datetime | None


@cache
def ready_rules() -> dict[str, RuleDefinition]:
    """The rules that come with stemme, by name."""
    raw = tomllib.loads(READY.read_text(encoding="utf-8"))["rules"]
    return {rule.name: rule for rule in map(RuleDefinition.model_validate, raw)}


def list_rules(session: Session) -> list[Rule]:
    """Every rule by name; those that come with stemme are off until somebody switches them on."""
    rules = {rule.name: _stored(rule) for rule in session.scalars(select(AlertRule))}
    ready = {name: _ready(rule) for name, rule in ready_rules().items() if name not in rules}
    return sorted([*rules.values(), *ready.values()], key=lambda rule: rule.name)


def find_rule(session: Session, name: str) -> Rule:
    """The rule of this name.

    Raises
    ------
    UnknownRule : if there is none
    """
    stored = session.scalar(select(AlertRule).where(AlertRule.name == name))
    if stored is not None:
        return _stored(stored)
    if name in ready_rules():
        return _ready(ready_rules()[name])
    raise UnknownRule([rule.name for rule in list_rules(session)], name=name)


def add_rule(session: Session, rule: RuleDefinition, *, by: str, replace: bool = False) -> Rule:
    """Put a rule into the store.

    Parameters
    ----------
    replace : whether it may take the place of one of the same name; its alerts stay

    Raises
    ------
    RuleExists : if there is one of the same name
    UnknownLabel : if it asks for a theme that the taxonomy does not have
    """
    refuse_unknown_themes(rule.conditions)
    stored = session.scalar(select(AlertRule).where(AlertRule.name == rule.name))
    if stored is not None and not replace:
        raise RuleExists(rule.name)
    action = "alert_rule.replaced" if stored is not None else "alert_rule.added"
    stored = stored or AlertRule(name=rule.name)
    stored.description, stored.priority, stored.enabled = rule.description, rule.priority, rule.enabled
    stored.conditions = rule.conditions.as_json()
    session.add(stored)
    try:
        session.flush()
    except IntegrityError:  # another process was faster
        raise RuleExists(rule.name) from None
    note(session, by=by, action=action, subject=rule.name, detail={"enabled": rule.enabled})
    return _stored(stored)


def change_rule(session: Session, name: str, changes: RuleChanges, *, by: str) -> Rule:
    """Change what is named of a rule; one that comes with stemme is put into the store by its first change.

    Raises
    ------
    UnknownRule : if there is none
    UnknownLabel : if it is to ask for a theme that the taxonomy does not have
    """
    changed = changes.model_dump(exclude_none=True, exclude={"conditions"})
    if changes.conditions is not None:
        refuse_unknown_themes(changes.conditions)
        changed["conditions"] = changes.conditions.as_json()
    stored = _in_store(session, name)
    for field, value in changed.items():
        setattr(stored, field, value)
    session.flush()
    detail = {"changed": sorted(changed), "enabled": stored.enabled}
    note(session, by=by, action="alert_rule.changed", subject=name, detail=detail)
    return _stored(stored)


def remove_rule(session: Session, name: str, *, by: str) -> None:
    """Take a rule out of the store; its alerts stay. One that comes with stemme is off then, and as it came.

    Raises
    ------
    UnknownRule : if there is none
    """
    find_rule(session, name)
    stored = session.scalar(select(AlertRule).where(AlertRule.name == name))
    if stored is not None:
        session.delete(stored)
        note(session, by=by, action="alert_rule.removed", subject=name)


def rule_ids(session: Session, names: list[str]) -> list[int]:
    """The ids of rules; one that comes with stemme is put into the store, switched off, to have one.

    Raises
    ------
    UnknownRule : if there is none of a name
    """
    return [_in_store(session, name).id for name in dict.fromkeys(names)]


def _in_store(session: Session, name: str) -> AlertRule:
    rule = find_rule(session, name)
    if rule.id is not None:
        return session.get_one(AlertRule, rule.id)
    stored = AlertRule(name=name, description=rule.description, priority=rule.priority, enabled=False)
    stored.conditions = rule.conditions
    session.add(stored)
    session.flush()
    return stored


def _stored(rule: AlertRule) -> Rule:
    return Rule(
        id=rule.id,
        name=rule.name,
        description=rule.description,
        priority=rule.priority,
        enabled=rule.enabled,
        conditions=rule.conditions,
        ready=rule.name in ready_rules(),
        changed_at=rule.changed_at,
    )


def _ready(rule: RuleDefinition) -> Rule:
    return Rule(
        id=None,
        name=rule.name,
        description=rule.description,
        priority=rule.priority,
        enabled=False,
        conditions=rule.conditions.as_json(),
        ready=True,
        changed_at=None,
    )
