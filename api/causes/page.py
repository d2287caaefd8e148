"""The page of root causes: one HTML file that needs nothing else, to be read on a screen or printed."""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from babel.dates import format_date
from babel.numbers import format_decimal, format_percent
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.causes.as_json import ReaderLanguage
from api.causes.charts import interval_chart, week_chart
from nlp.causes.chance import Estimate
from nlp.causes.describe import CauseStatistics
from nlp.root_causes import Causes, Feedback
from nlp.taxonomy import Taxonomy
from nlp.topics import REASONS, Quote, Topic

FOLDER: Final = Path(__file__).parent
MOST_CAUSES: Final = 20
MOST_RISING: Final = 10
MOST_PLACES: Final = 6
CONTEXT: Final = 160
"""Characters of a comment that stand on either side of the quoted clause."""


def page(
    found: Causes,
    feedback: Sequence[Feedback],
    *,
    language: ReaderLanguage,
    today: date,
    days: tuple[date, date] | None = None,
    most_causes: int = MOST_CAUSES,
    taxonomy: Taxonomy | None = None,
) -> str:
    """The page as HTML.

    Parameters
    ----------
    feedback : that the causes were found in, or as much of it as is quoted; quotes are cut from it
    days : the first and the last of the comments; of those in `feedback` if None
    language : of the page, labels and numbers; quotes stay as customers wrote them
    most_causes : that are shown, and beside them the first of those that have risen; the page says how many more there
        are
    """
    known = sorted(each.day for each in feedback if each.day is not None) if days is None else days
    made = _Page(found, feedback, language, taxonomy or Taxonomy.load())
    return made.html(today, most_causes, (known[0], known[-1]) if known else None)


class _Page:
    def __init__(
        self, found: Causes, feedback: Sequence[Feedback], language: ReaderLanguage, taxonomy: Taxonomy
    ) -> None:
        self._found, self._language, self._taxonomy = found, language, taxonomy
        self._text = _texts()[language]
        self._by_id = {each.comment.id: each for each in feedback}
        self._order = [topic.id for topic in found.model.topics]

    def html(self, today: date, most_causes: int, days: tuple[date, date] | None) -> str:
        report = self._found.report
        rising = sorted((cause for cause in report.causes if cause.rank_rising is not None), key=_rank_rising)
        first = report.causes[:most_causes]
        shown = [*first, *(cause for cause in rising[:MOST_RISING] if cause not in first)]
        known = [(self._label(cause.cause), cause.nps.adjusted) for cause in shown if cause.nps is not None]
        more = len(report.causes) - len(shown)
        environment = Environment(
            loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        return environment.get_template("page.html.j2").render(
            language=self._language,
            text=self._text,
            summary=self._summary(days),
            overview=interval_chart(known) if known else {"bars": ()},
            rising=[
                {"id": cause.cause, "label": self._label(cause.cause), "since": self._since(cause)}
                for cause in rising[:MOST_RISING]
            ],
            causes=[self._cause(cause) for cause in shown],
            others=self._say("others", n=more) if more else "",
            made=self._say("made", version=_version(), model=self._found.model.encoder, date=self._date(today)),
        )

    def _summary(self, days: tuple[date, date] | None) -> Mapping[str, str]:
        report = self._found.report
        comments = self._number(report.comments)
        read = (
            self._say("read", comments=comments, first=self._date(days[0]), last=self._date(days[1]))
            if days
            else self._say("read_undated", comments=comments)
        )
        overall = self._text["no_nps"]
        if report.answers:
            overall = self._say("overall", nps=self._signed(report.nps), answers=self._number(report.answers))
        counts = Counter(self._found.without.values())
        reasons = ", ".join(self._say(reason, n=self._number(counts[reason])) for reason in REASONS if counts[reason])
        without = ""
        if counts:
            share = self._percent(counts.total() / max(report.comments, 1))
            without = self._say("without", share=share, reasons=reasons)
        return {"read": read, "overall": overall, "without": without}

    def _cause(self, cause: CauseStatistics) -> Mapping[str, Any]:
        topic = self._found.model.topic(cause.cause)
        cost, of_cause = self._cost(cause)
        return {
            "id": topic.id,
            "rank": cause.rank,
            "label": topic.label[self._language],
            "label_language": topic.label_language.get(self._language, self._language),
            "theme": self._name(self._taxonomy.theme(topic.theme)) if topic.theme else None,
            "sentiment": self._text.get(topic.sentiment or ""),
            "sentiment_id": topic.sentiment,
            "comments": self._say("comments", n=self._number(cause.size), share=self._percent(cause.share)),
            "cost": cost,
            "of_cause": of_cause,
            "since": self._since(cause),
            "chart": week_chart(cause.trend.weeks, cause.trend.onset),
            "places": self._places(cause),
            "factors": self._factors(cause),
            "earlier": [
                {
                    "id": self._order[each.cause],
                    "label": self._label(self._order[each.cause]),
                    "lift": self._times(each.lift.value),
                }
                for each in cause.earlier
            ],
            "quotes": self._quotes(topic),
        }

    def _cost(self, cause: CauseStatistics) -> tuple[str, str]:
        if cause.nps is None:
            return self._text["cost_unknown"], ""
        lost = cause.nps.adjusted
        shown = lost if lost.value >= 0 else Estimate(-lost.value, -lost.high, -lost.low)
        sentence = self._say(
            "costs" if lost.value >= 0 else "gives",
            points=self._number(shown.value, 1),
            low=self._number(shown.low, 1),
            high=self._number(shown.high, 1),
        )
        return sentence, self._say(
            "of_cause", of=self._signed(cause.nps.of_cause), without=self._signed(cause.nps.without)
        )

    def _since(self, cause: CauseStatistics) -> str:
        onset = cause.trend.onset
        if not cause.trend.weeks:
            return self._text["undated"]
        if onset is None:
            return self._text["steady"]
        days = {
            name: self._date(day)
            for name, day in (("date", onset.day), ("earliest", onset.earliest), ("latest", onset.latest))
        }
        if not math.isfinite(onset.ratio.value):
            return self._say("since_none", **days)
        return self._say("since", strength=self._number(onset.ratio.value, 1), **days)

    def _places(self, cause: CauseStatistics) -> list[Mapping[str, str]]:
        return [
            {
                "where": ", ".join(f"{dimension}: {value}" for dimension, value in place.where.items()),
                "lift": self._times(place.ratio.value),
            }
            for place in cause.concentrations[:MOST_PLACES]
        ]

    def _factors(self, cause: CauseStatistics) -> list[Mapping[str, str]]:
        names = {label.id: self._name(label) for label in self._taxonomy.factors}
        return [
            {
                "name": names[each.factor],
                "polarity": each.polarity,
                "sign": "+" if each.polarity == "positive" else "−",
                "lift": self._times(each.lift),
                "words": ", ".join(each.words),
            }
            for each in cause.factors
        ]

    def _quotes(self, topic: Topic) -> list[Mapping[str, str]]:
        return [self._quote(quote) for quote in topic.quotes if quote.comment_id in self._by_id]

    def _quote(self, quote: Quote) -> Mapping[str, str]:
        each = self._by_id[quote.comment_id]
        text, known = each.comment.text, each.dimensions
        begin, end = max(0, quote.start - CONTEXT), min(len(text), quote.end + CONTEXT)
        said = [each.comment.id, *([self._date(each.day)] if each.day else []), *known.values()]
        return {
            "language": "" if each.record.language == "other" else each.record.language,
            "before": ("…" if begin else "") + text[begin : quote.start],
            "words": text[quote.start : quote.end],
            "after": text[quote.end : end] + ("…" if end < len(text) else ""),
            "from": " · ".join(said),
        }

    def _label(self, topic: str) -> str:
        return self._found.model.topic(topic).label[self._language]

    def _name(self, label: Any) -> str:
        name = getattr(label.names, self._language)
        assert isinstance(name, str)
        return name

    def _say(self, key: str, **values: object) -> str:
        return self._text[key].format(**values)

    def _number(self, value: float, digits: int = 0) -> str:
        if not math.isfinite(value):
            return "∞" if value > 0 else "−∞"
        return str(format_decimal(round(value, digits), format=f"#,##0.{'0' * digits}", locale=self._language))

    def _signed(self, value: float) -> str:
        return ("+" if round(value) > 0 else "") + self._number(value)

    def _percent(self, share: float) -> str:
        return str(format_percent(share, format="#,##0.0 %", locale=self._language))

    def _times(self, ratio: float) -> str:
        return self._say("lift", lift=self._number(ratio, 1))

    def _date(self, day: date) -> str:
        return str(format_date(day, format="d MMM y", locale=self._language))


def _rank_rising(cause: CauseStatistics) -> int:
    assert cause.rank_rising is not None
    return cause.rank_rising


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads((FOLDER / "page.toml").read_text(encoding="utf-8"))


def _version() -> str:
    try:
        return version("stemme")
    except PackageNotFoundError:
        return ""
