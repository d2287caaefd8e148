"""The page of root causes as its reader meets it: the answer first, in the reader's own forms, on any width."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from html import unescape
from html.parser import HTMLParser

import pytest

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from api.causes.charts import COSTS, GIVES, UNSURE, IntervalScale, week_chart
from api.causes.page import page
from nlp.causes.chance import Estimate
from nlp.causes.change import Week
from nlp.causes.concentration import Concentration
from nlp.causes.describe import CauseStatistics
from nlp.causes.nps_cost import NpsCost
from nlp.record import Comment, TaggedComment
from nlp.root_causes import Feedback, RootCauses, find_root_causes
from nlp.topics import Quote
from tests.browser import browser_page
from tests.embedding_stub import EmbeddingStub

TODAY = date(2026, 4, 1)
FIRST = date(2026, 1, 5)
PHONE = 390
MINUS = "\N{MINUS SIGN}"


def feedback_of(number: str, text: str, day: int, nps: float | None, department: str) -> Feedback:
    comment = Comment(number, text)
    record = EmbeddingStub().tag_one(comment)
    assert isinstance(record, TaggedComment)
    return Feedback(comment, record, day=FIRST + timedelta(days=day), nps=nps, dimensions={"department": department})


@pytest.fixture(scope="module")
def feedback() -> list[Feedback]:
    late = [feedback_of(f"L{day}", f"Pakka kom sein nr {day}", day, day % 3, "logistikk") for day in range(30, 60)]
    kind = [feedback_of(f"H{day}", f"Alltid hyggelig hos dere nr {day}", day, 10, "butikk") for day in range(60)]
    return late + kind


@pytest.fixture(scope="module")
def found(feedback: list[Feedback]) -> RootCauses:
    return find_root_causes(feedback, EmbeddingStub(), encoder="stub@1.0.0", replicates=50)


@pytest.fixture(scope="module")
def bare(feedback: list[Feedback]) -> tuple[RootCauses, list[Feedback]]:
    stripped = [replace(each, day=None, nps=None, dimensions={}) for each in feedback]
    return find_root_causes(stripped, EmbeddingStub(), encoder="stub@1.0.0", replicates=50), stripped


def with_causes(found: RootCauses, *causes: CauseStatistics) -> RootCauses:
    return replace(found, report=replace(found.report, causes=causes))


class _Parts(HTMLParser):
    """The text of every section by its id, or by its class where it has none."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            known = dict(attrs)
            self._inside = known.get("id") or (known.get("class") or "").split()[-1]
        elif self._inside:
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        self._inside = "" if tag == "section" else self._inside

    def handle_data(self, data: str) -> None:
        self.texts[self._inside] = self.texts.get(self._inside, "") + data


def parts_of(html: str) -> dict[str, str]:
    parser = _Parts()
    parser.feed(html)
    return {name: " ".join(text.split()) for name, text in parser.texts.items()}


def test_what_hurts_most_stands_first_with_cost_time_place_and_words(found: RootCauses, feedback) -> None:
    html = page(found, feedback, language="nb", today=TODAY)
    late = found.report.causes[0]
    assert html.index('class="whole worst"') < html.index('id="overview"') < html.index('class="cause"')
    worst = parts_of(html)["worst"]
    assert late.nps is not None
    assert f"Koster {late.points_lost_now:.1f}".replace(".", ",") in worst
    assert "siden 4. feb. 2026" in worst.lower()
    assert "Mest hos logistikk" in worst
    assert "«Pakka kom sein nr" in worst


def test_the_cost_that_ranks_is_the_one_that_is_shown(found: RootCauses, feedback) -> None:
    cost = NpsCost(30, -100.0, 20.0, Estimate(3.0, 1.0, 5.0), Estimate(3.0, 1.0, 5.0), 1.0)
    late = replace(found.report.causes[0], nps=cost, points_lost=3.0, points_lost_now=6.0)
    parts = parts_of(page(with_causes(found, late), feedback, language="nb", today=TODAY))
    assert "Koster 6,0 NPS-poeng nå (2,0 til 10,0); over hele perioden 3,0" in parts[late.cause]
    assert "6,0" in parts["overview"]
    assert "tilfeldig." not in parts["worst"]
    steady = parts_of(
        page(with_causes(found, replace(late, points_lost_now=3.0)), feedback, language="nb", today=TODAY)
    )
    assert "Koster 3,0 NPS-poeng (1,0 til 5,0)." in steady[late.cause]


def test_numbers_have_the_readers_signs_and_no_negative_zero(found: RootCauses, feedback) -> None:
    cost = NpsCost(30, -73.4, -0.2, Estimate(1.0, 0.0, 2.0), Estimate(1.0, -0.04, 2.0), 1.0)
    late = replace(found.report.causes[0], nps=cost, points_lost=1.0, points_lost_now=1.0)
    said = parts_of(page(with_causes(found, late), feedback, language="nb", today=TODAY))[late.cause]
    assert "Koster 1,0 NPS-poeng (0,0 til 2,0). Det kan være tilfeldig." in said
    assert f"NPS {MINUS}73 blant dem som nevner den, 0 blant de andre" in said


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "Root causes, 5 Jan 2026 – 5 Mar 2026"),
        ("nb", "Rotårsaker, 5. jan. 2026 – 5. mars 2026"),
        ("nn", "Rotårsaker, 5. jan. 2026 – 5. mars 2026"),
        ("da", "Rodårsager, 5. jan. 2026 – 5. mar. 2026"),
        ("sv", "Rotorsaker, 5 jan. 2026 – 5 mars 2026"),
    ],
)
def test_dates_are_written_as_the_reader_writes_them(found: RootCauses, feedback, language, title) -> None:
    html = page(found, feedback, language=language, today=TODAY)
    assert " ".join(html.partition("<title>")[2].partition("</title>")[0].split()) == title


@pytest.mark.parametrize(
    ("language", "place"),
    [("en", "department"), ("nb", "avdeling"), ("nn", "avdeling"), ("da", "afdeling"), ("sv", "avdelning")],
)
def test_usual_columns_have_the_readers_name_and_others_their_own(found: RootCauses, feedback, language, place) -> None:
    late = found.report.causes[0]
    here = Concentration(
        {"department": "logistikk", "region": "Vest"}, 30, 1.0, 0.5, 0.0, Estimate(48.0, 3.0, 99.0), 0, 0
    )
    html = page(with_causes(found, replace(late, concentrations=(here,))), feedback, language=language, today=TODAY)
    said = parts_of(html)[late.cause]
    assert f"{place}: logistikk, region: Vest (30 " in said
    assert "48 " in said
    assert "48,0" not in said.replace(".", ",")


def test_a_cause_that_is_named_nowhere_else_has_no_infinite_ratio(found: RootCauses, feedback) -> None:
    late = found.report.causes[0]
    here = Concentration(
        {"department": "logistikk"}, 30, 1.0, 0.5, 0.0, Estimate(float("inf"), 3.0, float("inf")), 0, 0
    )
    html = page(with_causes(found, replace(late, concentrations=(here,))), feedback, language="nb", today=TODAY)
    assert "avdeling: logistikk (30 kommentarer, nevnes ingen andre steder)" in parts_of(html)[late.cause]
    assert "∞" not in html


def test_what_is_not_known_is_said_once_and_not_at_every_cause(bare) -> None:
    html = page(*bare, language="nb", today=TODAY)
    said = " ".join(unescape(html).split())
    assert said.count("har ingen datoer, så det kan ikke sies når noe begynte") == 1
    assert said.count("har ingen avdeling, kilde eller kontaktpunkt") == 1
    parts = parts_of(html)
    first = bare[0].report.causes[0].cause
    assert "Hvor den samler seg" not in parts[first]
    assert f"Gjennomsnittlig stemning {MINUS}" in parts[first]
    assert "For få svar" not in said
    assert ("Siden" in parts["overview"], "Mest hos" in parts["overview"], "Tapte" in parts["overview"]) == (False,) * 3


def test_a_cause_that_lifts_the_score_stands_apart_from_those_that_cost(found: RootCauses, feedback) -> None:
    late, kind = found.report.causes[0], found.report.causes[-1]
    gain = NpsCost(60, 100.0, -100.0, Estimate(-4.0, -6.0, -2.0), Estimate(-4.0, -6.0, -2.0), 1.0)
    kind = replace(kind, nps=gain, points_lost=-4.0, points_lost_now=-4.0)
    html = page(with_causes(found, late, kind), feedback, language="nb", today=TODAY, most_causes=1)
    parts, label = parts_of(html), found.model.topic(kind.cause).label["nb"]
    assert label in parts["lifts"]
    assert "Vunne NPS-poeng nå" in parts["lifts"]
    assert label not in parts["overview"]
    assert "Gir 4,0 NPS-poeng (2,0 til 6,0)" in parts[kind.cause]


def test_a_comment_is_quoted_once_where_others_are_left(found: RootCauses, feedback) -> None:
    late, kind = found.report.causes[0], found.report.causes[-1]

    def quotes_of(*ids: str) -> list[Quote]:
        return [Quote(id_, 0, 5) for id_ in ids]

    given = {late.cause: quotes_of("L30", "L31"), kind.cause: quotes_of("L31", "L32", "L33")}
    topics = [replace(topic, quotes=given.get(topic.id, [])) for topic in found.model.topics]
    twice = replace(found, model=replace(found.model, topics=topics))
    html = page(with_causes(twice, late, kind), feedback, language="nb", today=TODAY)
    assert [html.count(f"{id_} · ") for id_ in ("L30", "L31", "L32", "L33")] == [1, 1, 1, 1]
    given[kind.cause] = quotes_of("L30", "L31")
    topics = [replace(topic, quotes=given.get(topic.id, [])) for topic in found.model.topics]
    few = replace(found, model=replace(found.model, topics=topics))
    html = page(with_causes(few, late, kind), feedback, language="nb", today=TODAY)
    assert [html.count(f"{id_} · ") for id_ in ("L30", "L31")] == [2, 2], "a cause without words would say less"


def test_a_quote_from_since_a_cause_rose_and_from_where_it_hurts_comes_first(found: RootCauses, feedback) -> None:
    late = found.report.causes[0]
    onset = late.trend.onset
    assert onset is not None
    place = late.concentrations[0].where
    ids = ("L30", "L31", "L32")
    circumstances = {
        "L30": (onset.day - timedelta(days=1), place),  # before
        "L31": (onset.day, dict.fromkeys(place, "elsewhere")),
        "L32": (onset.day, place),
    }
    placed = [
        replace(each, day=circumstances[each.comment.id][0], dimensions=circumstances[each.comment.id][1])
        if each.comment.id in circumstances
        else each
        for each in feedback
    ]
    quotes = [Quote(id_, 0, 5) for id_ in ids]
    topics = [replace(topic, quotes=quotes if topic.id == late.cause else []) for topic in found.model.topics]
    quoting = replace(found, model=replace(found.model, topics=topics))
    html = page(with_causes(quoting, late), placed, language="nb", today=TODAY)
    assert sorted(ids, key=lambda id_: html.index(f"{id_} · ")) == ["L32", "L30", "L31"]


def test_a_long_comment_is_cut_between_words(found: RootCauses, feedback) -> None:
    clause = "Pakka kom sein"
    text = "Henteforsøk " * 40 + clause + " bensinstasjonen" * 40
    start = text.index(clause)
    first, *others = feedback
    longer = replace(first, comment=replace(first.comment, text=text))
    late = found.report.causes[0]
    quote = Quote(first.comment.id, start, start + len(clause))
    topics = [replace(t, quotes=[quote] if t.id == late.cause else []) for t in found.model.topics]
    quoting = replace(found, model=replace(found.model, topics=topics))
    html = page(with_causes(quoting, late), [longer, *others], language="nb", today=TODAY)
    words = unescape(html).partition('<blockquote lang="nb">…')[2].partition("</mark>")
    before, after = words[0].partition("<mark>")[0].split(), words[2].partition("<span")[0].split()
    assert set(before) == {"Henteforsøk"}
    assert set(after) == {"bensinstasjonen", "…"}
    assert len(before) + len(after) > 15


@pytest.mark.slow
def test_in_a_narrow_place_every_letter_is_large_and_none_is_cut(found: RootCauses, feedback) -> None:
    with browser_page(page(found, feedback, language="nb", today=TODAY), width=PHONE) as shown:
        seen = shown.evaluate(
            """() => {
                const texts = [...document.querySelectorAll('svg text')];
                const outside = texts.filter(text => {
                    const box = text.getBoundingClientRect(), svg = text.closest('svg').getBoundingClientRect();
                    return box.left < svg.left - 1 || box.right > svg.right + 1 || box.top < svg.top - 1;
                });
                const hidden = element => element.closest('thead') || getComputedStyle(element).display === 'none';
                const wide = [...document.querySelectorAll('body *')].filter(
                    element => !hidden(element) && element.getBoundingClientRect().right > innerWidth + 1);
                return {texts: texts.length, outside: outside.length,
                    wide: wide.map(element => element.outerHTML.slice(0, 80)),
                    lowest: Math.min(...texts.map(text => text.getBoundingClientRect().height))};
            }"""
        )
    assert seen["texts"] >= 4
    assert (seen["outside"], seen["wide"]) == (0, [])
    assert seen["lowest"] >= 11


@pytest.mark.slow
def test_the_overview_is_a_table_to_a_screen_reader_and_its_links_lead_to_the_causes(
    found: RootCauses, feedback
) -> None:
    with browser_page(page(found, feedback, language="nb", today=TODAY), width=PHONE) as shown:
        table = shown.get_by_role("table").first
        headers = [each.inner_text() for each in table.get_by_role("columnheader").all()]
        rows = table.get_by_role("row").count()
        shown.get_by_role("table").first.get_by_role("link").first.focus()
        shown.keyboard.press("Enter")
        target = shown.evaluate("document.querySelector(':target')?.className")
        pictures = [each.get_attribute("aria-label") for each in shown.get_by_role("img").all()]
    assert headers[1:] == ["Årsak", "Tapte NPS-poeng nå", "Andel", "Siden", "Mest hos"]
    assert rows >= 2
    assert target == "cause"
    assert pictures
    assert all(label and "høyeste søyle" in label for label in pictures)


def test_intervals_lie_on_one_scale_that_holds_zero() -> None:
    scale = IntervalScale.of([Estimate(2.0, 1.0, 4.0), Estimate(-1.0, -4.0, 1.0), Estimate(1.0, -float("inf"), 2.0)])
    assert scale.zero == 50.0
    sure, unsure, lifting = (
        scale.mark(each) for each in (Estimate(2, 1, 4), Estimate(-1, -4, 1), Estimate(-2, -9, -1))
    )
    assert (sure.low, sure.at, sure.high) == (61.5, 73.0, 96.0)
    assert lifting.low == 4.0, "what lies beyond the scale lies at its end"
    assert (sure.colour, unsure.colour, lifting.colour) == (COSTS, UNSURE, GIVES)


def test_each_mark_of_a_week_chart_has_a_line_of_its_own() -> None:
    unknown = Estimate(0.1, 0.0, 0.2)
    weeks = [Week(FIRST + timedelta(weeks=week), week, 10, unknown) for week in range(10)]
    actions = [
        (FIRST + timedelta(weeks=8), "Budene ringer alltid før de kommer"),
        (FIRST + timedelta(weeks=8), "Ny rute"),
    ]
    chart = week_chart(weeks, None, actions=actions)
    assert chart is not None
    first, second = chart.actions
    assert first.y < second.y < chart.floor - max(bar.height for bar in chart.bars)
    assert (first.x, first.left, len(first.label)) == (80.0, True, 24)
    assert chart.bars[-1].x + chart.bars[-1].width <= 100
