"""Reliability diagrams as an SVG file: how often each confidence came true, a panel per head and group of languages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as Xml

from eval.calibration import Bin
from eval.scores import GroupScores

SIDE: Final = 150
"""Pixels of a panel's square."""
GAP: Final = 46
LEFT, TOP, BOTTOM = 84, 86, 56
LARGEST_DOT: Final = 9.0
LEGEND: Final = "To the right: confidence. Upwards: how often it came true. Area: share of the panel's confidences."
GREY, FAINT, BLUE = "#555", "#bbb", "#1f5fa8"


def reliability_svg(comments: Mapping[str, GroupScores], *, title: str) -> str:
    """The diagrams as SVG.

    A dot is a bin: to the right what its confidences say on average, upwards how often that came true. Its area is
    its share of the panel's confidences, the line is the gap to the diagonal, where both are the same.

    Parameters
    ----------
    comments : the scores by group; each is a row of panels, and each head a column
    title : stands above

    References
    ----------
    DeGroot & Fienberg (1983), The Comparison and Evaluation of Forecasters, The Statistician 32; Guo et al. (2017), On
    Calibration of Modern Neural Networks, figure 1
    """
    heads = list(next(iter(comments.values())).reliability)
    width = LEFT + len(heads) * (SIDE + GAP)
    height = TOP + len(comments) * (SIDE + GAP) + BOTTOM - GAP
    size = {"width": str(width), "height": str(height), "viewBox": f"0 0 {width} {height}"}
    svg = Xml.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size, "font-family": "sans-serif"})
    Xml.SubElement(svg, "title").text = title
    Xml.SubElement(svg, "rect", {"width": "100%", "height": "100%", "fill": "white"})
    _text(svg, LEFT, 28, title, size=16, anchor="start")
    _text(svg, LEFT, height - 12, LEGEND, size=12, anchor="start")
    for row, (group, scores) in enumerate(comments.items()):
        top = TOP + row * (SIDE + GAP)
        _text(svg, 16, top + SIDE / 2, group, size=14, anchor="start")
        for column, head in enumerate(heads):
            left = LEFT + column * (SIDE + GAP)
            panel = Xml.SubElement(svg, "g", {"transform": f"translate({left} {top})", "id": f"{group}-{head}"})
            if row == 0:
                _text(panel, SIDE / 2, -30, head.replace("_", " "), size=14)
            _panel(panel, scores.reliability[head], scores.calibration[head].value)
    Xml.indent(svg)
    return Xml.tostring(svg, encoding="unicode") + "\n"


def write_reliability(path: Path, comments: Mapping[str, GroupScores], *, title: str) -> None:
    """Write the diagrams to a file; see `reliability_svg`."""
    path.write_text(reliability_svg(comments, title=title), encoding="utf-8")


def _panel(panel: Xml.Element, bins: Sequence[Bin], error: float) -> None:
    """One diagram in a square with its upper left corner at (0, 0)."""
    total = sum(each.count for each in bins)
    said = "no confidence" if math.isnan(error) else f"error {error:.3f}, n = {total:,}"
    _text(panel, SIDE / 2, -8, said, size=11)
    Xml.SubElement(panel, "rect", {"width": f"{SIDE}", "height": f"{SIDE}", "fill": "none", "stroke": FAINT})
    _line(panel, (0, 0), (1, 1), FAINT)
    for tick in (0.0, 0.5, 1.0):
        _text(panel, tick * SIDE, SIDE + 14, f"{tick:g}", size=10)
        _text(panel, -6, (1 - tick) * SIDE + 4, f"{tick:g}", size=10, anchor="end")
    for each in bins:
        _line(panel, (each.says, each.says), (each.says, each.comes_true), BLUE)
        x, y = _at(each.says, each.comes_true)
        radius = f"{max(1.5, LARGEST_DOT * math.sqrt(each.count / total)):.2f}"
        dot = Xml.SubElement(panel, "circle", {"cx": x, "cy": y, "r": radius, "fill": BLUE, "fill-opacity": "0.7"})
        Xml.SubElement(
            dot, "title"
        ).text = f"says {each.says:.3f}, came true {each.comes_true:.3f} of {each.count:,} times"


def _at(right: float, up: float) -> tuple[str, str]:
    """Shares as coordinates of a panel."""
    return f"{right * SIDE:.2f}", f"{(1 - up) * SIDE:.2f}"


def _line(parent: Xml.Element, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    (x1, y1), (x2, y2) = _at(*start), _at(*end)
    Xml.SubElement(parent, "line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "stroke": colour})


def _text(parent: Xml.Element, x: float, y: float, words: str, *, size: int, anchor: str = "middle") -> None:
    place = {"x": f"{x:g}", "y": f"{y:g}", "font-size": f"{size}", "text-anchor": anchor, "fill": GREY}
    Xml.SubElement(parent, "text", place).text = words
