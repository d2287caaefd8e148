"""What passes and what fails, by a stub that knows a handful of words; the report, the gate and the command."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner

from eval.behaviour import command
from eval.behaviour.changes import CHANGES
from eval.behaviour.form import KINDS, WRITTEN, Expected, Kept, Moved
from eval.behaviour.gate import SHIPPED as SHIPPED_GATE
from eval.behaviour.gate import BadGate, Gate
from eval.behaviour.page import PAGE, rewritten
from eval.behaviour.report import to_dict
from eval.behaviour.run import Rate, examine
from eval.behaviour.suite import load_suite
from nlp.record import Comment
from tests.stubs import StubTagger

GATE = Gate.load(SHIPPED_GATE)
HEAD = '[[capability]]\nname = "{name}"\nkind = "{kind}"\ndescription = "d"\n[[capability.cases]]\nexpect = {expect}\n'
SUITE = """
[[capability]]
name = "late"
kind = "MFT"
description = "Late is bad."
[[capability.cases]]
expect = { sentiment = "negative", themes = "delivery_time:negative" }
nb = ["Pakka var sein", "Bussen var sein", "Toget kom ikke i rute", "Altfor sein post"]
da = ["Pakken kom for sent"]

[[capability]]
name = "praise_added"
kind = "DIR"
description = "Praise raises the score."
[[capability.cases]]
expect = { rises = "score" }
nb = [["Det var dyrt", "Det var dyrt, men rask"]]

[[capability]]
name = "shouting"
kind = "INV"
description = "Capitals change nothing."
[[capability.cases]]
expect = { keep = ["sentiment", "themes"] }
nb = [["rask", "rask!"], ["rask", "RASK"]]
"""


@pytest.fixture
def suite(tmp_path):
    def suite(text):
        (tmp_path / "cases.toml").write_text(text, encoding="utf-8")
        return load_suite(tmp_path)

    return suite


@pytest.fixture
def judge(suite):
    """The complaints about one case."""

    def judge(kind, expect, *versions):
        case = json.dumps(versions[0] if kind == "MFT" else versions)
        head = HEAD.format(name="tested", kind=kind, expect=expect)
        (outcome,) = examine(StubTagger(), suite(f"{head}nb = [{case}]\n")).outcomes
        return list(outcome.complaints)

    return judge


@pytest.mark.parametrize(
    ("expect", "text", "complaints"),
    [
        ('{ sentiment = "negative" }', "Pakka var sein", []),
        ('{ sentiment = "positive" }', "Pakka var sein", ["sentiment is negative, expected positive"]),
        ('{ sentiment = ["mixed", "negative"] }', "Pakka var sein", []),
        ('{ themes = "delivery_time:negative" }', "Pakka var sein", []),
        ('{ themes = "delivery_time" }', "Pakka var sein", []),
        (
            '{ themes = ["delivery_time:positive", "price_value:negative"] }',
            "sein og dyrt",
            ["theme delivery_time:positive is missing (found: delivery_time:negative, price_value:negative)"],
        ),
        ('{ themes = "ordering" }', "Ingenting", ["theme ordering is missing (found: none)"]),
        ('{ no_themes = "price_value" }', "Pakka var sein", []),
        ('{ no_themes = "delivery_time" }', "Pakka var sein", ["theme delivery_time should not be there"]),
        ('{ no_themes = "delivery_time:positive" }', "Pakka var sein", []),
        ('{ no_other_themes = true }', "Ingenting", []),
        (
            '{ themes = "price_value", no_other_themes = true }',
            "sein og dyrt",
            ["theme delivery_time:negative is one too many"],
        ),
        ('{ factors = "sympathetic:positive" }', "Så hyggelig", []),
        ('{ factors = "professional" }', "Så hyggelig",
         ["factor professional is missing (found: sympathetic:positive)"]),
        ('{ no_factors = "sympathetic" }', "Så hyggelig", ["factor sympathetic should not be there"]),
        ('{ no_other_factors = true }', "Så hyggelig", ["factor sympathetic:positive is one too many"]),
        ('{ flags = "churn_risk" }', "Vi bytter", []),
        ('{ flags = "follow_up" }', "Vi bytter", ["flag follow_up is missing (found: churn_risk)"]),
        ('{ no_flags = ["churn_risk", "follow_up"] }', "Vi bytter", ["flag churn_risk should not be there"]),
    ],
)  # fmt: skip
def test_an_mft_says_each_thing_that_is_not_as_expected(judge, expect, text, complaints):
    assert judge("MFT", expect, text) == complaints


@pytest.mark.parametrize(
    ("expect", "versions", "complaints"),
    [
        ('{ keep = ["sentiment", "themes"] }', ["rask", "rask levering", "Hei, rask"], []),
        ('{ keep = "sentiment" }', ["rask", "RASK"], ["version 2: sentiment positive became neutral"]),
        ('{ keep = "sentiment" }', ["sein", "dyrt"], []),
        ('{ keep = "themes" }', ["sein", "sein og rask"], []),
        (
            '{ keep = "theme_sentiments" }',
            ["sein", "rask"],
            ["version 2: theme sentiments delivery_time:negative became delivery_time:positive"],
        ),
        (
            '{ keep = ["sentiment", "themes"] }',
            ["rask", "rask!", "dyrt"],
            ["version 3: sentiment positive became negative; themes delivery_time became price_value"],
        ),
        ('{ keep = "sentiment", at_least = 2 }', ["rask", "rask!", "hyggelig", "dyrt"], []),
        (
            '{ keep = "sentiment", at_least = 2 }',
            ["rask", "rask!", "Ok", "dyrt"],
            ["version 3: sentiment positive became neutral", "version 4: sentiment positive became negative"],
        ),
    ],
)
def test_an_inv_says_which_version_lost_what(judge, expect, versions, complaints):
    assert judge("INV", expect, *versions) == complaints


@pytest.mark.parametrize(
    ("expect", "versions", "complaints"),
    [
        ('{ rises = "score", by = 1.0 }', ["dyrt", "dyrt, rask"], []),
        ('{ rises = "score", by = 1.1 }', ["dyrt", "dyrt, rask"],
         ["score went from -1.00 to 0.00, expected to rise by 1.1"]),
        ('{ falls = "score" }', ["rask", "rask, dyrt"], []),
        ('{ falls = "score" }', ["dyrt", "rask"], ["score went from -1.00 to 1.00, expected to fall by 0.1"]),
        ('{ falls = "score" }', ["rask", "rask!"], ["score went from 1.00 to 1.00, expected to fall by 0.1"]),
        ('{ rises = "churn_risk", by = 0.6 }', ["sein", "sein, vi bytter"], []),
        ('{ rises = "follow_up" }', ["sein", "sein, vi bytter"],
         ["follow_up went from 0.10 to 0.10, expected to rise by 0.1"]),
        ('{ before = "delivery_time:positive", after = "delivery_time:negative" }', ["rask", "sein"], []),
        ('{ before = "delivery_time:positive", after = "delivery_time:negative" }', ["sein", "rask"],
         ["before, theme delivery_time:positive is missing (found: delivery_time:negative)",
          "after, theme delivery_time:negative is missing (found: delivery_time:positive)"]),
    ],
)  # fmt: skip
def test_a_dir_says_what_did_not_move(judge, expect, versions, complaints):
    assert judge("DIR", expect, *versions) == complaints


def test_a_text_that_cannot_be_tagged_fails_its_case(judge):
    assert judge("INV", '{ keep = "sentiment" }', "rask", "   ") == ["could not be tagged: empty_text"]


def test_rates_are_counted_by_capability_kind_and_language(suite):
    behaviour = examine(StubTagger(), suite(SUITE))
    # `sein` stands in three of the four Norwegian cases, and never in "for sent".
    assert behaviour.rate(capability="late", language="nb") == Rate(3, 4)
    assert behaviour.rate(capability="late", language="da") == Rate(0, 1)
    assert behaviour.rate(capability="late", language="sv") == Rate(0, 0)
    assert behaviour.rate(kind="INV") == Rate(1, 2)
    assert behaviour.rate(language="nb") == Rate(5, 7)
    assert behaviour.rate() == Rate(5, 8)
    assert behaviour.languages == ["nb", "da"]
    assert [outcome.case.id for outcome in behaviour.failures] == ["late/nb/3", "late/da/1", "shouting/nb/2"]
    assert math.isnan(Rate(0, 0).share)


def test_each_text_is_tagged_once_with_each_question(suite):
    class Counting(StubTagger):
        def __init__(self):
            self.asked = []

        def tag_one(self, comment: Comment):
            self.asked.append((comment.id, comment.text, comment.question))
            return super().tag_one(comment)

    head = HEAD.format(name="one", kind="MFT", expect='{ sentiment = "neutral" }')
    asked = '[[capability.cases]]\nquestion = { nb = "Hva?" }\nexpect = { sentiment = "neutral" }\nnb = ["Ok"]\n'
    other = HEAD.format(name="other", kind="INV", expect='{ keep = "sentiment" }') + 'nb = [["Ok", "Ok."]]\n'
    tagger = Counting()
    examine(tagger, suite(f'{head}nb = ["Ok"]\n{asked}{other}'))
    assert tagger.asked == [("1", "Ok", None), ("2", "Ok", "Hva?"), ("3", "Ok.", None)]


def test_the_json_names_what_failed_and_shows_its_words_only_when_asked(suite):
    behaviour = examine(StubTagger(), suite(SUITE))
    plain = to_dict(behaviour, texts=False)
    assert plain["model"] == "stub@1.0.0"
    assert plain["totals"]["all"]["nb"] == {"passed": 5, "cases": 7, "rate": 0.7143}
    assert plain["totals"]["DIR"]["da"] == {"passed": 0, "cases": 0, "rate": None}
    assert [row["rates"]["all"]["passed"] for row in plain["capabilities"]] == [3, 1, 1]
    assert plain["failures"][2] == {
        "case": "shouting/nb/2",
        "complaints": ["version 2: sentiment positive became neutral; themes delivery_time became none"],
    }
    assert to_dict(behaviour, texts=True)["failures"][2]["versions"] == ["rask", "RASK"]


def test_a_gate_is_read_as_it_was_written(tmp_path, suite):
    gate = Gate.of(examine(StubTagger(), suite(SUITE)))
    assert gate.rates == {
        "nb": {"all": 0.714, "MFT": 0.75, "INV": 0.5, "DIR": 1.0, "late": 0.75, "praise_added": 1.0, "shouting": 0.5},
        "da": {"all": 0.0, "MFT": 0.0, "late": 0.0},
    }
    gate.save(tmp_path / "gate.toml")
    assert Gate.load(tmp_path / "gate.toml") == gate


@pytest.mark.parametrize(
    ("rates", "slack_cases", "slack_total", "fallen"),
    [
        ({"late": 0.75, "all": 0.714}, 0, 0, []),
        ({"late": 0.751}, 0, 0, ["late"]),
        ({"late": 1.0}, 1, 0, []),
        ({"late": 1.0}, 0, 0.5, ["late"]),
        ({"all": 0.724}, 0, 0.01, []),
        ({"all": 0.725}, 0, 0.01, ["all"]),
        ({"INV": 0.51}, 0, 0.01, []),
        ({"INV": 1.0}, 1, 0.01, []),
        ({"INV": 0.6}, 0, 0.01, ["INV"]),
        ({"elsewhere": 1.0}, 0, 0, []),
        ({"late": 0.9, "praise_added": 1.0, "shouting": 0.6}, 0, 0, ["late", "shouting"]),
    ],
)
def test_the_gate_closes_when_a_rate_lies_under_it_by_more_than_the_slack(
    suite, rates, slack_cases, slack_total, fallen
):
    gate = Gate(model="m@1", slack_cases=slack_cases, slack_total=slack_total, rates={"nb": rates})
    assert [fall.capability for fall in gate.fallen(examine(StubTagger(), suite(SUITE)))] == fallen


def test_a_part_of_the_suite_is_not_held_to_the_totals(suite):
    gate = Gate.of(examine(StubTagger(), suite(SUITE))).model_copy(update={"slack_cases": 0})
    late = next(capability for capability in suite(SUITE) if capability.name == "late")
    part = replace(late, cases=late.cases[2:3])  # the one Norwegian case that fails
    assert [fall.capability for fall in gate.fallen(examine(StubTagger(), [part]))] == ["late"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "model: Field required"),
        ('model = "m"\n[rates.nb]\nlate = 1.5', "rates.nb.late: Input should be less than or equal to 1"),
        ("model =", "cannot be read"),
    ],
)
def test_a_bad_gate_is_refused(tmp_path, text, said):
    (tmp_path / "gate.toml").write_text(text)
    with pytest.raises(BadGate, match=said):
        Gate.load(tmp_path / "gate.toml")


def test_a_missing_gate_says_how_to_make_one(tmp_path):
    with pytest.raises(BadGate, match="--write-gate"):
        Gate.load(tmp_path / "none.toml")


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(command, "load_tagger", lambda model: StubTagger())
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "cases.toml").write_text(SUITE, encoding="utf-8")
    app = typer.Typer()
    app.command()(command.behaviour)
    return lambda *arguments: CliRunner().invoke(app, ["--cases", str(tmp_path / "cases"), *map(str, arguments)])


def test_the_command_shows_rates_and_names_no_case_unless_asked(run):
    result = run()
    assert result.exit_code == 0, result.output
    row = next(line for line in result.output.splitlines() if "late" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == ["late", "0.75", "0.00", "0.60", "5"]
    assert "RASK" not in result.output
    listed = run("--failures").output
    assert "shouting/nb/2" in listed
    assert "RASK" in listed
    assert "themes delivery_time became none" in listed


def test_the_command_keeps_to_what_is_wanted(run, tmp_path):
    output = tmp_path / "rates.json"
    assert run("--capability", "late", "--language", "da", "-o", output).exit_code == 0
    rates = json.loads(output.read_text(encoding="utf-8"))
    assert [row["name"] for row in rates["capabilities"]] == ["late"]
    assert rates["totals"]["all"] == {
        "da": {"passed": 0, "cases": 1, "rate": 0.0},
        "all": {"passed": 0, "cases": 1, "rate": 0.0},
    }


def test_the_command_ends_with_1_below_the_gate_that_it_wrote_before(run, tmp_path):
    gate = tmp_path / "gate.toml"
    assert run("--gate", gate, "--write-gate").exit_code == 0
    assert run("--gate", gate).exit_code == 0
    gate.write_text(gate.read_text(encoding="utf-8").replace("all = 0.714", "all = 0.914"), encoding="utf-8")
    result = run("--gate", gate)
    assert result.exit_code == 1
    row = next(line for line in result.output.splitlines() if "0.91" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == ["all", "nb", "0.91", "0.71"]


@pytest.mark.parametrize("part", [["--language", "da"], ["--capability", "late"]])
def test_a_gate_is_not_written_from_a_part_of_the_suite(run, tmp_path, part):
    gate = tmp_path / "gate.toml"
    result = run("--gate", gate, "--write-gate", *part)
    assert isinstance(result.exception, command.NoGate)
    assert not gate.exists()


def test_the_shipped_gate_is_not_overwritten_from_other_cases(run, monkeypatch, tmp_path):
    monkeypatch.setattr(command, "GATE", tmp_path / "shipped.toml")
    assert isinstance(run("--write-gate").exception, command.NoGate)
    assert not (tmp_path / "shipped.toml").exists()


def test_the_examples_of_the_page_are_good_cases(tmp_path):
    blocks = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    for number, block in enumerate(blocks):
        (tmp_path / f"{number}.toml").write_text(block, encoding="utf-8")
    counts = {capability.name: len(capability.cases) for capability in load_suite(tmp_path)}
    assert counts == {"ferry": 4, "sloppy_typing": 2, "seasick": 2}


def test_the_page_names_each_change_and_option():
    page = PAGE.read_text(encoding="utf-8")
    fields = [*Expected.model_fields, *Kept.model_fields, *Moved.model_fields, *CHANGES]
    assert [name for name in fields if f"`{name}`" not in page and f"{name} =" not in page] == []
    shown = set(re.findall(r"(?<=\W)--?[a-z][a-z-]*", page)) - {"-m"}
    assert [names for names in _options() if not shown & set(names)] == []
    assert shown <= {name for names in _options() for name in names}


def _options():
    app = typer.Typer(add_completion=False)
    app.command()(command.behaviour)
    return [option.opts for option in typer.main.get_command(app).params if option.name != "help"]


def test_the_page_shows_the_shipped_gate():
    assert PAGE.read_text(encoding="utf-8") == rewritten(PAGE.read_text(encoding="utf-8"), GATE, load_suite())


@pytest.mark.slow
def test_the_shipped_model_passes_the_shipped_gate():
    falls = GATE.fallen(examine(command.load_tagger(None), load_suite()))
    assert [(fall.language, fall.capability, fall.least, fall.rate) for fall in falls] == []


@pytest.mark.parametrize("language", WRITTEN)
def test_the_shipped_gate_has_a_rate_for_each_capability(language):
    names = {capability.name for capability in load_suite()}
    assert set(GATE.rates[language]) == {"all", *KINDS, *names}
