"""`/v1/alert-rules`: which comments raise an alert."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from api.access.guard import CallerDep, needs
from api.access.scopes import Scope
from api.alerts.conditions import refuse_unknown_themes
from api.alerts.errors import RuleExists, UnknownRule
from api.alerts.rehearsal import rehearse
from api.alerts.rules import (
    RuleChanges,
    RuleDefinition,
    RuleName,
    add_rule,
    change_rule,
    find_rule,
    list_rules,
    remove_rule,
)
from api.alerts.schemas import DryRun, DryRunRequest, RuleList, RuleOut
from api.dependencies import StoreDep, UnsupportedMediaType, require_json
from api.problems import InvalidJson, documented
from api.routes.comments import EVERYWHERE
from nlp.errors import UnknownLabel

router = APIRouter(tags=["alerts"])
Named = Annotated[RuleName, Path(alias="name", description="The rule's name.")]
WITH_BODY = (InvalidJson, UnsupportedMediaType, UnknownLabel)


@router.get(
    "/v1/alert-rules",
    summary="List the alert rules",
    operation_id="list_alert_rules",
    responses=documented(*EVERYWHERE),
    dependencies=[needs(Scope.ADMIN)],
)
def list_all(store: StoreDep) -> RuleList:
    """Lists every rule by name, those that come with stemme too."""
    with store.read() as session:
        return RuleList(rules=[RuleOut.of(rule) for rule in list_rules(session)])


@router.post(
    "/v1/alert-rules",
    status_code=201,
    summary="Add an alert rule",
    operation_id="add_alert_rule",
    responses=documented(*WITH_BODY, RuleExists, *EVERYWHERE),
    dependencies=[needs(Scope.ADMIN), Depends(require_json)],
)
def add(body: RuleDefinition, store: StoreDep, caller: CallerDep) -> RuleOut:
    """Adds a rule. It raises alerts for comments that are tagged from now on."""
    with store.write() as session:
        return RuleOut.of(add_rule(session, body, by=caller.prefix))


@router.post(
    "/v1/alert-rules/dry-run",
    summary="Try conditions on the last days' comments",
    operation_id="try_alert_rule",
    responses=documented(*WITH_BODY, *EVERYWHERE),
    dependencies=[needs(Scope.ADMIN), Depends(require_json)],
)
def dry_run(body: DryRunRequest, store: StoreDep) -> DryRun:
    """Says how many of the comments of the last days a rule with these conditions would have raised. Raises nothing."""
    refuse_unknown_themes(body.conditions)
    with store.read() as session:
        return DryRun.of(rehearse(session, body.conditions, days=body.days))


@router.get(
    "/v1/alert-rules/{name}",
    summary="Read an alert rule",
    operation_id="read_alert_rule",
    responses=documented(UnknownRule, *EVERYWHERE),
    dependencies=[needs(Scope.ADMIN)],
)
def read(store: StoreDep, name: Named) -> RuleOut:
    """Reads one rule."""
    with store.read() as session:
        return RuleOut.of(find_rule(session, name))


@router.patch(
    "/v1/alert-rules/{name}",
    summary="Change an alert rule, switch it on or off",
    operation_id="change_alert_rule",
    responses=documented(*WITH_BODY, UnknownRule, *EVERYWHERE),
    dependencies=[needs(Scope.ADMIN), Depends(require_json)],
)
def change(body: RuleChanges, store: StoreDep, name: Named, caller: CallerDep) -> RuleOut:
    """Changes what is named of a rule, for comments that are tagged from now on; the alerts that there are stay."""
    with store.write() as session:
        return RuleOut.of(change_rule(session, name, body, by=caller.prefix))


@router.delete(
    "/v1/alert-rules/{name}",
    status_code=204,
    summary="Remove an alert rule",
    operation_id="remove_alert_rule",
    responses=documented(UnknownRule, *EVERYWHERE),
    dependencies=[needs(Scope.ADMIN)],
)
def remove(store: StoreDep, name: Named, caller: CallerDep) -> None:
    """Removes a rule; its alerts stay. One that comes with stemme is off then, and as it came."""
    with store.write() as session:
        remove_rule(session, name, by=caller.prefix)
