from __future__ import annotations

from xml.etree import ElementTree as Xml

import pytest

from eval.calibration import HEADS
from eval.plot import SIDE, reliability_svg
from eval.scores import score_comments
from tests.eval.by_hand import labelled, tagged

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def panels():
    gold = [labelled(follow_up=True), labelled(follow_up=True), labelled(), labelled(), labelled(follow_up=True)]
    predicted = [tagged(follow_up=confidence) for confidence in (0.85, 0.85, 0.85, 0.85, 0.2)]
    comments = {"da": score_comments([], []), "all": score_comments(gold, predicted)}
    root = Xml.fromstring(reliability_svg(comments, title="Reliability of <a & b>"))
    assert root.find(f"{SVG}title").text == "Reliability of <a & b>"
    return {panel.get("id"): panel for panel in root.iter(f"{SVG}g")}


def test_there_is_a_panel_for_each_head_and_group(panels):
    assert list(panels) == [f"{group}-{head}" for group in ("da", "all") for head in HEADS]
    named = [text.text for panel in panels.values() for text in panel.iter(f"{SVG}text")]
    assert [named.count(name) for name in ("sentiment", "themes", "factors", "churn risk", "follow up")] == [1] * 5


def test_a_dot_stands_where_its_bin_is_and_is_as_large_as_its_share(panels):
    few, many = panels["all-follow_up"].iter(f"{SVG}circle")
    at = [(float(dot.get("cx")) / SIDE, 1 - float(dot.get("cy")) / SIDE) for dot in (few, many)]
    assert at == [(pytest.approx(0.2), pytest.approx(1.0)), (pytest.approx(0.85), pytest.approx(0.5))]
    assert float(many.get("r")) ** 2 == pytest.approx(4 * float(few.get("r")) ** 2, rel=0.01)
    assert many.find(f"{SVG}title").text == "says 0.850, came true 0.500 of 4 times"


def test_a_line_leads_from_the_diagonal_to_each_dot(panels):
    diagonal, *gaps = panels["all-follow_up"].iter(f"{SVG}line")
    assert [diagonal.get(end) for end in ("x1", "y1", "x2", "y2")] == ["0.00", f"{SIDE}.00", f"{SIDE}.00", "0.00"]
    heights = [[1 - float(gap.get(end)) / SIDE for end in ("y1", "y2")] for gap in gaps]
    assert heights == [pytest.approx([0.2, 1.0]), pytest.approx([0.85, 0.5])]


def test_a_panel_says_its_error_and_how_many_confidences_it_has(panels):
    said = [text.text for text in panels["all-follow_up"].iter(f"{SVG}text")]
    assert "error 0.440, n = 5" in said  # 4/5 * 0.35 + 1/5 * 0.8
    assert "no confidence" in [text.text for text in panels["da-themes"].iter(f"{SVG}text")]
    assert list(panels["da-themes"].iter(f"{SVG}circle")) == []
