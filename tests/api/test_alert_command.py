"""`stemme alerts`, and that its page says what is true."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import api
import api.cli
from api.alerts.conditions import Conditions
from api.alerts.models import AlertState
from api.alerts.queue import AlertUpdate, update_alert
from api.alerts.rules import ready_rules
from api.routes.alerts import MOST_IN_PAGE, QUERY
from api.settings import Settings
from api.store.database import Store
from api.webhooks.deliverer import LEASE_MARGIN_SECONDS
from api.webhooks.outbox import Raised
from api.webhooks.payload import alert_payload
from api.webhooks.schedule import base_wait
from api.webhooks.signature import new_secret, signature_headers
from tests.api.alerting import RULE, UNHAPPY, add, raised, tag

PAGE = (Path(api.__file__).parents[1] / "docs" / "alerts.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    """The page's fenced blocks of a language."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


class TestCommand:
    @pytest.fixture(autouse=True)
    def _database(self, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STEMME_DATABASE", database)

    def call(self, *arguments: str) -> Result:
        return CliRunner().invoke(api.cli.app, ["alerts", *arguments])

    def test_a_rule_is_switched_on_and_off(self, store: Store) -> None:
        assert self.call("rules", "enable", "negative-churn-risk").stdout == "negative-churn-risk is on.\n"
        assert "on   negative-churn-risk  high" in self.call("rules", "list").stdout
        tag(store, {})
        assert self.call("rules", "disable", "negative-churn-risk").stdout == "negative-churn-risk is off.\n"
        tag(store, {"text": "Nei!"})
        assert raised(store) == [("negative-churn-risk", "0")]
        assert self.call("rules", "remove", "negative-churn-risk").exit_code == 0
        assert "off  negative-churn-risk" in self.call("rules", "list").stdout

    def test_the_page_s_rule_is_tried_added_and_replaced(self, store: Store, tmp_path: Path) -> None:
        file = tmp_path / "bergen-levering.toml"
        file.write_text(blocks("toml")[0], encoding="utf-8")
        added = self.call("rules", "add", str(file))
        assert added.stdout == "bergen-levering is on.\n"
        again = self.call("rules", "add", str(file))
        assert (again.exit_code, "(rule_exists)" in again.stderr) == (2, True)
        assert self.call("rules", "add", str(file), "--replace").exit_code == 0
        assert "Bergen" in self.call("rules", "list").stdout

    def test_rules_of_a_json_file_are_added_all_or_none(self, store: Store, tmp_path: Path) -> None:
        file = tmp_path / "rules.json"
        good = {"name": "a", "conditions": {"nps_max": 6}}
        file.write_text(json.dumps({"rules": [good, {"name": "b", "conditions": {"nps_mx": 6}}]}))
        refused = self.call("rules", "add", str(file))
        assert refused.exit_code == 2
        assert "rule 2: conditions: A field is not known. Allowed: sentiment" in refused.stderr
        file.write_text(json.dumps({"rules": [good, {"name": "b", "enabled": False, "conditions": {"nps_max": 2}}]}))
        assert self.call("rules", "add", str(file)).stdout == "a is on.\nb is off.\n"
        file.write_text(json.dumps({"rules": [{**good, "name": "c"}, good]}))
        assert self.call("rules", "add", str(file)).exit_code == 2
        assert "  c  " not in self.call("rules", "list").stdout

    @pytest.mark.parametrize(
        ("name", "content", "why"),
        [
            ("x.toml", "name = ", "is not valid TOML"),
            ("x.json", "{", "is not valid JSON"),
            ("x.yaml", "name: x", "Allowed: .toml and .json"),
            ("x.toml", "rules = []", "a list with a rule in it"),
            ("x.json", '{"name": "x"}', "rule 1: conditions: Field required"),
            ("x.json", '{"name": "x", "conditions": {"themes": [{"theme": "pris"}]}}', "(unknown_label)"),
        ],
    )
    def test_a_file_that_is_wrong_is_one_line(
        self, store: Store, tmp_path: Path, name: str, content: str, why: str
    ) -> None:
        (tmp_path / name).write_text(content)
        result = self.call("rules", "add", str(tmp_path / name))
        assert result.exit_code == 2
        assert why in result.stderr
        assert result.stderr.count("\n") == 1

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        result = self.call("rules", "add", str(tmp_path / "x.toml"))
        assert (result.exit_code, "cannot be read" in result.stderr) == (2, True)

    def test_a_dry_run_of_a_name_and_of_a_file(self, store: Store, tmp_path: Path) -> None:
        tag(store, {"nps": 1}, {"nps": 9}, {"text": "Fint"}, {})
        assert (
            "negative-churn-risk: 3 of 4 comments (75.0%) since 20"
            in self.call("rules", "dry-run", "negative-churn-risk").stdout
        )
        file = tmp_path / "x.json"
        file.write_text('{"name": "x", "conditions": {"nps_max": 6}}')
        assert "x: 1 of 4 comments (25.0%)" in self.call("rules", "dry-run", str(file), "--days", "1").stdout
        assert raised(store) == []

    @pytest.mark.slow
    def test_the_queue_is_listed(self, store: Store) -> None:
        add(store)
        tag(store, {"department": "Bergen"}, {"department": "Oslo"}, {"text": "Nei! " + "lang " * 40})
        with store.write() as session:
            update_alert(session, 1, AlertUpdate(revision=1, state=AlertState.DONE, owner="Kari"), by="test")
        lines = self.call("list").stdout.splitlines()
        assert [line.split("  ")[:4] for line in lines] == [["3", "new", "normal", RULE], ["2", "new", "normal", RULE]]
        assert lines[0].endswith(" lang lang…")
        assert lines[1].endswith(f"-  Oslo  {UNHAPPY}")
        assert self.call("list", "--state", "done").stdout.split()[0] == "1"
        assert self.call("list", "--department", "Oslo").stdout.split()[0] == "2"
        (written,) = self.call("list", "--owner", "Kari", "--state", "done", "--json").stdout.splitlines()
        assert json.loads(written)["history"][0]["owner"] == "Kari"
        assert "There is no such alert" in self.call("list", "--rule", "annan").stderr
        assert len(self.call("list", "--since", "1h").stdout.splitlines()) == 2

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (("list", "--state", "open"), "Allowed: new, taken, done"),
            (("list", "--since", "soon"), "Allowed: days such as 7d"),
            (("rules", "enable", "follow-up"), "Did you mean 'follow-up-needed'?"),
            (("rules", "dry-run", "follow-up"), "Did you mean 'follow-up-needed'?"),
        ],
    )
    def test_what_is_wrong_is_one_line(self, store: Store, arguments: tuple[str, ...], why: str) -> None:
        result = self.call(*arguments)
        assert result.exit_code == 2
        assert why in result.stderr


class TestPage:
    def test_its_check_of_a_signature_accepts_what_is_genuine_and_nothing_else(self) -> None:
        (code,) = blocks("python")
        names: dict[str, Any] = {}
        exec(code, names)
        is_genuine, body = names["is_genuine"], '{"text":"Blåbær 😡"}'.encode()
        new, old = new_secret(), new_secret()
        headers = signature_headers([new, old], message="msg_1", timestamp=int(time.time()), body=body)
        assert [is_genuine(secret, headers, body) for secret in (new, old, new_secret())] == [True, True, False]
        assert not is_genuine(new, headers, body + b" ")
        assert not is_genuine(new, {**headers, "webhook-id": "msg_2"}, body)
        stale = signature_headers([new], message="msg_1", timestamp=int(time.time()) - 301, body=body)
        assert not is_genuine(new, stale, body)

    def test_it_lists_every_rule_condition_filter_and_setting(self) -> None:
        assert [name for name, rule in ready_rules().items() if f"| `{name}` | {rule.priority} |" not in PAGE] == []
        assert [name for name in Conditions.model_fields if f"`{name}`" not in PAGE] == []
        assert [name for name in QUERY if f"`{name}`" not in PAGE] == []
        assert f"at most {MOST_IN_PAGE}" in PAGE
        for name, field in Settings.model_fields.items():
            if name.startswith(("alert_", "webhook_", "public_")):
                default = {None: "none", True: "true", False: "false"}.get(field.default, field.default)
                assert f"| `STEMME_{name.upper()}` | {default} |" in PAGE

    def test_its_waits_and_leases_are_the_real_ones(self) -> None:
        units = {"s": 1, "min": 60, "h": 3_600}
        (waits,) = re.findall(r"again after about (.*), give or take", PAGE)
        said = [int(each.split()[0]) * units[each.split()[1]] for each in waits.split(", ")]
        real = [base_wait(failures) for failures in range(1, Settings().webhook_attempts)]
        assert len(said) == len(real)
        assert all(abs(one - other) / other < 0.07 for one, other in zip(said, real, strict=True))
        assert f"and {LEASE_MARGIN_SECONDS:g} seconds more" in PAGE

    def test_its_message_has_the_fields_of_a_real_one(self, store: Store) -> None:
        from api.alerts.raising import case_of
        from api.store.models import CommentVersion, StoredComment
        from nlp.record import Comment
        from tests.api.rest_stub import StubTagger

        shown = json.loads(next(each for each in blocks("json") if "alert.raised" in each))
        comment = StoredComment(id=1, external_id="1", version=1, submitted_at=datetime.now(UTC), extra={})
        record = StubTagger().tag_one(Comment("1", "Nei!"))
        case = case_of(comment, "survey", record)  # type: ignore[arg-type]
        alert = Raised(1, RULE, "high", datetime.now(UTC), comment, CommentVersion(number=1, text="Nei!"), case)
        real = alert_payload(alert, public_url="https://stemme.example")
        assert list(shown) == list(real)
        assert {part: list(shown["data"][part]) for part in ("alert", "comment")} == {
            part: list(real["data"][part]) for part in ("alert", "comment")
        }
