"""`stemme causes actions`: what was done about causes, said and read on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from api.cause_actions.models import CauseAction
from api.cause_runs.models import CauseRun
from api.cli import app
from api.store.audit import AuditFilters, read_log
from api.store.database import Store
from tests.api.cause_archive import topic_of
from tests.api.live_causes.causes import THEMES

Call = Callable[..., Result]


@pytest.fixture
def call(database: str) -> Call:
    def called(*arguments: str, group: tuple[str, ...] = ("causes", "actions")) -> Result:
        return CliRunner().invoke(app, [*group, *arguments, "--database", database])

    return called


def kept(store: Store) -> list[CauseAction]:
    with store.read() as session:
        return list(session.scalars(select(CauseAction).order_by(CauseAction.id)))


def json_of(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


NEW = ("--what", "Budene ringer først", "--who", "Logistikk", "--since", "2026-03-20")


@pytest.mark.slow
def test_an_action_is_added_listed_changed_ended_and_removed(store: Store, run: CauseRun, call: Call) -> None:
    late, dear, _ = (topic_of(run, theme) for theme in THEMES)
    places = ("--where", "department=logistikk", "--where", "department=butikk", "--where", "channel=web")
    added = call("add", late, *NEW, *places, "--baseline-from", "2026-03-01")
    assert added.exit_code == 0, added.stderr
    assert added.stdout.startswith(f"1  {late}  2026-03-20 to …  ")
    assert "department: logistikk, butikk; channel: web" in added.stdout
    (action,) = kept(store)
    assert action.where == {"department": ["logistikk", "butikk"], "channel": ["web"]}
    assert (action.baseline_from, action.created_by[:12]) == (date(2026, 3, 1), "command line")
    (found,) = json_of(call("change", "1", "--everywhere", "--since", "2026-03-29", "--json"))
    assert (found["where"], found["effect"]["verdict"], found["effect"]["complaints_before"]) == ({}, "too_early", 18)
    assert kept(store)[0].verdict == "too_early"
    call("add", dear, *NEW[:4], "--since", "2026-03-11", "--baseline-from", "2026-03-01")
    listed = call("list")
    second, first = listed.stdout.splitlines()
    assert second.startswith(f"2  {dear}  2026-03-11 to …  fell -100 % [")
    assert first.startswith(f"1  {late}  2026-03-29 to …  too_early")
    assert [each["id"] for each in json_of(call("list", late, "--json"))] == [1]
    ended = call("end", "2", "--on", "2026-03-25")
    assert "2026-03-11 to 2026-03-25" in ended.stdout
    assert kept(store)[1].until == date(2026, 3, 25)
    assert "to …" in call("change", "2", "--until", "none", "--baseline-from", "none").stdout
    assert (kept(store)[1].until, kept(store)[1].baseline_from) == (None, None)
    assert call("end", "2").exit_code == 0
    assert (kept(store)[1].until or date.min) > date(2026, 3, 25)
    assert call("remove", "1").stdout == "Action 1 is removed.\n"
    assert [each.id for each in kept(store)] == [2]
    with store.read() as session:
        lines = read_log(session, AuditFilters(subject="action 1"), limit=9)
    assert [line.action for line in lines] == ["cause_action.removed", "cause_action.changed", "cause_action.added"]


def test_what_a_merge_moved_says_where_it_came_from(store: Store, run: CauseRun, call: Call) -> None:
    late, dear, _ = (topic_of(run, theme) for theme in THEMES)
    call("add", dear, *NEW)
    assert call("merge", late, dear, group=("causes",)).exit_code == 0
    assert call("list").stdout.rstrip().endswith(f"from {dear} (merged)")


@pytest.mark.slow
def test_what_is_wrong_is_said_by_the_option_and_nothing_is_kept(store: Store, run: CauseRun, call: Call) -> None:
    late = topic_of(run, "delivery_time")
    call("add", late, *NEW)
    (before,) = kept(store)
    wrong = [
        (("add", late, *NEW[:4], "--since", "i vår"), "--since: Input should be a day", "bad_usage"),
        (("add", late, *NEW, "--where", "Bergen"), "Write it as department=Bergen", "bad_usage"),
        (("add", late, *NEW, "--where", "avdeling=Bergen"), "department", "unknown_dimension"),
        (("add", late, *NEW, "--baseline-from", "2026-03-20"), "begins before it", "bad_action_days"),
        (("add", late, *NEW, "--time-zone", "Oslo"), "Oslo", "unknown_time_zone"),
        (("add", "t-0", *NEW), "has no cause with this id", "unknown_cause"),
        (("list", "t-0"), "has no cause with this id", "unknown_cause"),
        (("change", "1"), "Nothing is to be changed", "bad_usage"),
        (("change", "1", "--who", "Drift", "--time-zone", "Oslo"), "Oslo", "unknown_time_zone"),
        (("change", "1", "--everywhere", "--where", "department=Bergen"), "exclude each other", "bad_usage"),
        (("change", "9", "--who", "Drift"), "No action has the id 9", "unknown_action"),
        (("end", "1", "--on", "2026-01-01"), "not before its first", "bad_action_days"),
        (("remove", "9"), "No action has the id 9", "unknown_action"),
    ]
    for arguments, said, code in wrong:
        result = call(*arguments)
        assert result.exit_code == 2, (arguments, result.stdout)
        assert said in result.stderr, (arguments, result.stderr)
        assert f"({code})" in result.stderr, (arguments, result.stderr)
    (after,) = kept(store)
    assert (after.who, after.until, after.changed_at) == (before.who, None, before.changed_at)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_without_causes_it_is_said_how_to_ask(store: Store, call: Call) -> None:
    assert "(no_causes)" in call("add", "t-0", *NEW).stderr
    empty = call("list")
    assert (empty.exit_code, empty.stdout) == (0, "")
    assert "Nothing was done" in empty.stderr
