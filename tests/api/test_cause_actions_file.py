"""`stemme topics --actions`: what was done about causes, in JSON, Parquet and on the page."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from typer.testing import CliRunner

from api.causes.actions_file import ActionsFile, BadActions
from api.causes.outcomes import ActionsOfCauses, WatchedCauses
from api.causes.page import page
from api.causes.reading import Columns, read_feedback
from api.cli import app
from nlp.causes.chance import Estimate
from nlp.causes.sequential import Verdict
from nlp.root_causes import find_root_causes
from nlp.tagger import Tagger
from nlp.topics import TopicModel
from tests.api.runs import Silent
from tests.browser import browser_page
from tests.embedding_stub import EmbeddingStub

LANGUAGES = ("en", "nb", "nn", "da", "sv")
FIRST, SINCE = date(2026, 1, 1), date(2026, 4, 1)
A4_TEXT = 673
"""Pixels between the margins of the printed page."""


@pytest.fixture(scope="module")
def comments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a year. "Sein" in Bergen falls from 4 of 6 a day to 1, in Voss it stays at 8 of 12; "dyrt" stays rare."""
    rows = []
    for number in range(180):
        day = FIRST + timedelta(days=number)
        late = {"Bergen": (6, 4 if day < SINCE else 1), "Voss": (12, 8)}
        for place, (all_, count) in late.items():
            rows += [f"L{place}{number}-{k},Pakka kom sein nr {k},{day},{place}" for k in range(count)]
            rows += [f"H{place}{number}-{k},Alltid hyggelig nr {k},{day},{place}" for k in range(all_ - count)]
        if number % 9 == 0:
            rows.append(f"D{number},Det var dyrt,{day},Voss")
    path = tmp_path_factory.mktemp("svar") / "svar.csv"
    path.write_text("id,text,date,department\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def found(comments: Path):
    given = read_feedback(str(comments), Columns(), load_tagger=EmbeddingStub, report=Silent())
    return find_root_causes(given.feedback, EmbeddingStub(), encoder="stub@1.0.0", replicates=20), given.feedback


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch):
    stub = EmbeddingStub()
    monkeypatch.setattr(Tagger, "load", lambda *_: stub)
    return lambda *arguments: CliRunner().invoke(app, ["topics", *map(str, arguments)])


def topic_of(model: TopicModel, theme: str, sentiment: str = "negative") -> str:
    return next(topic.id for topic in model.topics if (topic.theme, topic.sentiment) == (theme, sentiment))


def action(cause: str, since: date = SINCE, **more: str) -> str:
    lines = {"cause": f'"{cause}"', "what": '"Budene ringer først"', "who": '"Logistikk"', "since": since.isoformat()}
    return "[[actions]]\n" + "\n".join(f"{name} = {value}" for name, value in {**lines, **more}.items()) + "\n\n"


IN_BERGEN = '{ department = "Bergen" }'


@pytest.mark.slow
def test_the_effect_of_actions_as_json_and_parquet(run, found, comments: Path, tmp_path: Path) -> None:
    model = found[0].model
    model.save(tmp_path / "topics")
    late, dear = topic_of(model, "delivery_time"), topic_of(model, "price_value")
    actions = tmp_path / "actions.toml"
    actions.write_text(
        action(late, where=IN_BERGEN)
        + action(late, where='{ department = ["Voss"] }')
        + action(late, since=date(2026, 6, 27))
        + action(dear, since=date(2026, 1, 20)),
        encoding="utf-8",
    )
    for name in ("causes.json", "causes.parquet"):
        result = run(comments, "-o", tmp_path / name, "--former", tmp_path / "topics", "--actions", actions)
        assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "causes.json").read_text(encoding="utf-8"))
    by_topic = {row["topic"]: row["actions"] for row in rows}
    bergen, voss, early = by_topic[late]
    assert (bergen["what"], bergen["who"], bergen["since"]) == ("Budene ringer først", "Logistikk", "2026-04-01")
    assert bergen["where"] == [{"dimension": "department", "value": "Bergen"}]
    effect = bergen["effect"]
    assert effect["verdict"] == "fell"
    assert effect["fall"]["estimate"] == pytest.approx(0.75)
    assert 0 < effect["fall"]["low"] < 0.75 < effect["fall"]["high"] < 1
    assert (effect["complaints_before"], effect["complaints_after"], effect["days"]) == (360, 90, 90)
    assert (effect["comments_before"], effect["comments_after"]) == (540, 540)
    assert (effect["baseline_from"], effect["baseline"]) == ("2026-01-01", "usual")
    assert (effect["false_alarm_rate"], effect["confidence"]) == (0.05, 0.9)
    assert date(2026, 4, 1) < date.fromisoformat(effect["decided_on"]) < date(2026, 4, 20)
    assert voss["effect"]["verdict"] == "no_effect"
    assert voss["effect"]["fall"]["estimate"] == pytest.approx(0, abs=0.03)
    assert early["effect"]["verdict"] == "too_early"
    assert (early["effect"]["days"], early["effect"]["elsewhere"]) == (3, None)
    assert early["effect"]["days_for_half"] == 3
    (nothing,) = by_topic[dear]
    assert (nothing["effect"]["verdict"], nothing["effect"]["fall"]) == ("no_baseline", None)
    assert pq.read_table(tmp_path / "causes.parquet").to_pylist() == rows


def test_places_where_nothing_was_done_stand_beside_it(found, tmp_path: Path) -> None:
    result, feedback = found
    (tmp_path / "a.toml").write_text(action(topic_of(result.model, "delivery_time"), where=IN_BERGEN), encoding="utf-8")
    watched = ActionsOfCauses(ActionsFile.read(tmp_path / "a.toml")).watch(result, feedback)
    ((each,),) = watched.by_cause.values()
    assert each.outcome.elsewhere is not None
    assert (each.outcome.elsewhere.count_before, each.outcome.elsewhere.count) == (720, 720)
    assert each.outcome.elsewhere.verdict is not Verdict.FELL


def test_json_says_what_toml_says_and_labels_do_for_ids(found, tmp_path: Path) -> None:
    result, feedback = found
    topic = result.model.topic(topic_of(result.model, "delivery_time"))
    given = {"cause": topic.label["nb"].upper(), "what": "x", "who": "y", "since": "2026-04-01"}
    (tmp_path / "a.json").write_text(json.dumps([given]), encoding="utf-8")
    watched = ActionsOfCauses(ActionsFile.read(tmp_path / "a.json")).watch(result, feedback)
    assert list(watched.by_cause) == [topic.id]
    assert watched.notices == []


WRONG = {
    "not TOML": ("[[actions]]\ncause = x\n", "line 2"),
    "a key too many": (action("c", sinse="1"), r"line 6: an action has no 'sinse'\. Did you mean 'since'"),
    "a key too few": ('[[actions]]\ncause = "c"\nwhat = "w"\nsince = 2026-04-01\n', "line 1: the action has no 'who'"),
    "no day": (
        '# ours\n[[actions]]\ncause = "c"\nwhat = "w"\nwho = "h"\nsince = "i vår"\n',
        "line 6: since is 'i vår'",
    ),
    "an empty text": (action("c") + action("d", what='" "'), "line 9: what is a text"),
    "a place that is no place": (
        action("c", where='"Bergen"'),
        r"line 6: where holds columns .*\[\"Bergen\", \"Voss\"\]",
    ),
    "a time before that begins after": (action("c", baseline_from="2026-04-01"), "line 1: baseline_from is 2026-04-01"),
    "a day that no calendar of ours has": (action("c", since=date(1, 1, 1)), "line 5: since is .*from 2000-01-01"),
    "an end before the beginning": (action("c", until="2026-03-01"), "line 1: until is 2026-03-01"),
    "nothing": ("", "holds no actions"),
    "another table": ('[action]\ncause = "c"\n', "'action' outside of any action"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused_with_its_line_and_what_to_do(case: str, tmp_path: Path) -> None:
    text, said = WRONG[case]
    (tmp_path / "actions.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadActions, match=said):
        ActionsFile.read(tmp_path / "actions.toml")


def test_a_file_of_actions_that_is_wrong_ends_the_run_before_work(run, found, comments: Path, tmp_path: Path) -> None:
    found[0].model.save(tmp_path / "topics")
    actions = tmp_path / "actions.toml"
    for text, said in ((action("Pakka kom sjein"), "line 1: no cause has the id or label"), ("x", "not valid TOML")):
        actions.write_text(text, encoding="utf-8")
        result = run(comments, "-o", tmp_path / "c.json", "--former", tmp_path / "topics", "--actions", actions)
        assert result.exit_code == 2
        assert said in " ".join(result.output.split())
        assert not (tmp_path / "c.json").exists()
    actions.write_text(action("x", where='{ avdeling = "Bergen" }'), encoding="utf-8")
    result = run(comments, "-o", tmp_path / "c.json", "--actions", actions)
    assert (result.exit_code, "'avdeling' (--actions)" in " ".join(result.output.split())) == (2, True)
    result = run(comments, "-o", tmp_path / "c.json", "--actions", tmp_path / "none.toml")
    assert (result.exit_code, "does not exist" in " ".join(result.output.split())) == (2, True)


def test_a_cause_that_is_gone_is_told_and_loses_no_report(found, tmp_path: Path) -> None:
    result, feedback = found
    model = result.model
    gone = replace(model.topics[0], id="gone", label=dict.fromkeys(LANGUAGES, "Kaffen var kald"))
    former = replace(model, topics=(*model.topics[1:], gone))
    (tmp_path / "a.toml").write_text(action("Kaffen var kald"), encoding="utf-8")
    watched = ActionsOfCauses(ActionsFile.read(tmp_path / "a.toml"), former=former).watch(result, feedback)
    assert watched.by_cause == {}
    assert "'Kaffen var kald' is gone" in watched.notices[0]
    html = page(result, feedback, language="nb", today=SINCE, watched=watched)
    assert "Kaffen var kald: Budene ringer først" in text_of(html, "actions")


def test_a_place_that_no_comment_is_of_is_told(found, tmp_path: Path) -> None:
    result, feedback = found
    text = action(topic_of(result.model, "delivery_time"), where='{ department = "Bergn" }')
    (tmp_path / "a.toml").write_text(text, encoding="utf-8")
    watched = ActionsOfCauses(ActionsFile.read(tmp_path / "a.toml")).watch(result, feedback)
    assert "Did you mean 'Bergen'" in watched.notices[0]


class _Section(HTMLParser):
    """The text of the section with an id, and its marks of actions."""

    def __init__(self, section: str) -> None:
        super().__init__()
        self.section, self.inside, self.text, self.marks = section, False, "", 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            self.inside = dict(attrs).get("id") == self.section
        self.marks += self.inside and tag == "line" and dict(attrs).get("class") == "done"

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "section"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.text += data


def section_of(html: str, section: str) -> _Section:
    parser = _Section(section)
    parser.feed(html)
    return parser


def text_of(html: str, section: str) -> str:
    return " ".join(section_of(html, section).text.split())


@pytest.fixture
def watched(found, tmp_path: Path) -> WatchedCauses:
    result, feedback = found
    late, dear = topic_of(result.model, "delivery_time"), topic_of(result.model, "price_value")
    (tmp_path / "a.toml").write_text(
        action(late, where=IN_BERGEN) + action(dear, since=date(2026, 6, 27)) + action(dear, since=date(2026, 1, 20)),
        encoding="utf-8",
    )
    return ActionsOfCauses(ActionsFile.read(tmp_path / "a.toml")).watch(result, feedback)


SAID = {
    "en": ("down by 75 %", "Named less often", "Too early to tell", "This cannot be known", "Where nothing was done"),
    "nb": ("ned 75 %", "Nevnes sjeldnere", "For tidlig å si", "Dette kan ikke bli kjent", "Der ingenting ble gjort"),
    "nn": ("ned 75 %", "Blir nemnd sjeldnare", "For tidleg å seie", "Dette kan ikkje bli kjent", "Der ingenting vart"),
    "da": ("ned 75 %", "Nævnes sjældnere", "For tidligt at sige", "Det kan ikke vides", "Hvor intet blev gjort"),
    "sv": ("ned 75 %", "Nämns mer sällan", "För tidigt att säga", "Det går inte att få veta", "Där inget gjordes"),
}
IN_DEPARTMENT = {
    "en": "department: Bergen",
    "nb": "avdeling: Bergen",
    "nn": "avdeling: Bergen",
    "da": "afdeling: Bergen",
    "sv": "avdelning: Bergen",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_what_came_of_it_in_plain_words(found, watched: WatchedCauses, language) -> None:
    result, feedback = found
    html = page(result, feedback, language=language, today=SINCE, watched=watched)
    late, dear = topic_of(result.model, "delivery_time"), topic_of(result.model, "price_value")
    down, less, early, unknown, elsewhere = SAID[language]
    said = text_of(html, late)
    for sentence in (down, less, elsewhere, "Budene ringer først. Logistikk", IN_DEPARTMENT[language]):
        assert sentence in said
    assert "360" in said
    assert "66,7 %" in said or "66.7 %" in said
    assert (early in text_of(html, dear), unknown in text_of(html, dear)) == (True, True)
    overview = text_of(html, "actions")
    assert (down in overview, early in overview, unknown in overview) == (True, True, True)
    assert section_of(html, late).marks == 2, "on the cause's weeks and on those of Bergen"
    assert section_of(html, dear).marks == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_verdict_has_its_words(found, watched: WatchedCauses, language) -> None:
    result, feedback = found
    late = topic_of(result.model, "delivery_time")
    each = watched.by_cause[late][0]
    effect = each.outcome.effect
    said = set()
    for verdict, ratio, total in (
        (Verdict.FELL, Estimate(0.5, 0.4, 0.6), 9),
        (Verdict.ROSE, Estimate(1.5, 1.2, 1.9), 9),
        (Verdict.NO_EFFECT, Estimate(1.0, 0.9, 1.1), 9),
        (Verdict.TOO_EARLY, Estimate(1.0, 0.4, 2.0), 9),
        (Verdict.TOO_EARLY, Estimate(math.nan, 0.0, math.inf), 0),
        (Verdict.NO_BASELINE, Estimate(math.nan, 0.0, math.inf), 9),
    ):
        shown = replace(effect, verdict=verdict, ratio=ratio, total=total, count=min(effect.count, total))
        given = replace(each, outcome=replace(each.outcome, effect=shown))
        html = page(result, feedback, language=language, today=SINCE, watched=WatchedCauses({late: [given]}))
        assert "nan" not in text_of(html, "actions")
        said.add(text_of(html, "actions"))
    assert len(said) == 6


@pytest.mark.slow
def test_in_print_no_chart_is_cut_and_no_heading_stands_alone(found, watched: WatchedCauses) -> None:
    html = page(*found, language="nb", today=SINCE, watched=watched)
    with browser_page(html, width=A4_TEXT) as shown:
        shown.emulate_media(media="print")
        charts = shown.eval_on_selector_all(
            "svg",
            """all => all.map(svg => {
                const box = svg.getBoundingClientRect();
                const texts = [...svg.querySelectorAll('text')].map(text => text.getBoundingClientRect());
                return {right: box.right, cut: texts.filter(t => t.left < box.left - 1 || t.right > box.right + 1
                    || t.top < box.top - 1 || t.bottom > box.bottom + 1).length,
                    whole: getComputedStyle(svg).breakInside};
            })""",
        )
        headings = shown.eval_on_selector_all("h2, h3", "all => all.map(h => getComputedStyle(h).breakAfter)")
        printed = shown.pdf(prefer_css_page_size=True)
    assert len(charts) >= 3
    assert [chart for chart in charts if chart["right"] > A4_TEXT + 1 or chart["cut"]] == []
    assert {chart["whole"] for chart in charts} == {"avoid"}
    assert set(headings) == {"avoid"}
    assert printed.startswith(b"%PDF")
