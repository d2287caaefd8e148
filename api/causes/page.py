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
from api.causes.outcomes import WatchedCauses
from nlp.causes.actions import Watched
from nlp.causes.chance import Estimate
from nlp.causes.change import weeks_of
from nlp.causes.describe import CauseStatistics
from nlp.causes.sequential import WORTHWHILE_FALL, ActionEffect, Verdict
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
    watched: WatchedCauses | None = None,
) -> str:
    """The page as HTML.

    Parameters
    ----------
    feedback : that the causes were found in, or as much of it as is quoted; quotes are cut from it
    days : the first and the last of the comments; of those in `feedback` if None
    language : of the page, labels and numbers; quotes stay as customers wrote them
    most_causes : that are shown, and beside them the first of those that have risen and those about which something
        was done; the page says how many more there are
    watched : what was done about causes, and what came of it
    """
    known = sorted(each.day for each in feedback if each.day is not None) if days is None else days
    made = _Page(found, feedback, language, taxonomy or Taxonomy.load(), watched or WatchedCauses())
    return made.html(today, most_causes, (known[0], known[-1]) if known else None)


class _Page:
    def __init__(
        self,
        found: Causes,
        feedback: Sequence[Feedback],
        language: ReaderLanguage,
        taxonomy: Taxonomy,
        watched: WatchedCauses,
    ) -> None:
        self._found, self._language, self._taxonomy = found, language, taxonomy
        self._watched = watched
        self._text = _texts()[language]
        self._by_id = {each.comment.id: each for each in feedback}
        self._order = [topic.id for topic in found.model.topics]

    def html(self, today: date, most_causes: int, days: tuple[date, date] | None) -> str:
        report = self._found.report
        rising = sorted((cause for cause in report.causes if cause.rank_rising is not None), key=_rank_rising)
        first = report.causes[:most_causes]
        shown = [*first, *(cause for cause in rising[:MOST_RISING] if cause not in first)]
        shown += [each for each in report.causes if each.cause in self._watched.by_cause and each not in shown]
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
            done=[
                {"id": cause.cause, "label": self._label(cause.cause), "verdict": self._verdict(each.outcome.effect)}
                for cause in shown
                for each in self._watched.by_cause.get(cause.cause, ())
            ],
            without_cause=[f"{each.cause}: {each.what}" for each in self._watched.without_cause],
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
            "chart": self._weeks(cause),
            "actions": [self._action(each) for each in self._watched.by_cause.get(cause.cause, ())],
            "always_valid": self._always_valid(cause.cause),
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

    def _weeks(self, cause: CauseStatistics) -> Mapping[str, Any] | None:
        actions = [(each.action.since, each.action.what) for each in self._watched.by_cause.get(cause.cause, ())]
        chart = week_chart(cause.trend.weeks, cause.trend.onset, actions=actions, write_day=self._date)
        return (
            None if chart is None else {"drawn": chart, "says": self._text["weekly"], "top": self._percent(chart.top)}
        )

    def _action(self, watched: Watched) -> Mapping[str, Any]:
        action, outcome = watched.action, watched.outcome
        where = "; ".join(f"{name}: {', '.join(values)}" for name, values in action.where.items())
        said = {"what": action.what, "who": action.who, "since": self._date(action.since), "where": where}
        weeks = weeks_of(watched.done.counts, watched.done.totals, watched.done.first)
        # Of an action that was taken everywhere the cause's own chart shows the weeks.
        chart = week_chart(weeks, None, actions=[(action.since, action.what)], write_day=self._date) if where else None
        return {
            "what": self._say("action_where" if where else "action", **said),
            "verdict": self._verdict(outcome.effect),
            "verdict_id": outcome.effect.verdict.value,
            "wait": self._wait(outcome.effect),
            "before_since": self._before_since(watched),
            "elsewhere": self._elsewhere(watched),
            "chart": chart
            and {
                "drawn": chart,
                "says": self._say("weekly_where", where=where),
                "top": self._percent(chart.top),
            },
        }

    def _verdict(self, effect: ActionEffect) -> str:
        fall = effect.fall
        down = {"fall": fall.value, "low": fall.low, "high": fall.high}
        up = {"rise": -fall.value, "low": -fall.high, "high": -fall.low}
        decided = "" if effect.decided_on is None else self._date(effect.decided_on)
        match effect.verdict:
            case Verdict.FELL:
                return self._say("fell", date=decided, **self._shares(down))
            case Verdict.ROSE:
                return self._say("rose", date=decided, **self._shares(up))
            case Verdict.NO_EFFECT:
                return self._say("no_effect", worthwhile=self._whole_percent(WORTHWHILE_FALL))
            case Verdict.NO_BASELINE:
                return self._say("no_baseline", n=self._number(effect.count_before))
            case Verdict.TOO_EARLY if effect.total:
                return self._say("too_early", **self._shares({"fall": fall.high, "rise": -fall.low}))
        return self._text["too_early_none"]

    def _wait(self, effect: ActionEffect) -> str:
        if effect.verdict is not Verdict.TOO_EARLY:
            return ""
        if effect.days_for_half is None:
            return self._text["wait_long"]
        return self._say("wait", days=self._number(effect.days_for_half), passed=self._number(len(effect.days)))

    def _before_since(self, watched: Watched) -> str:
        effect, outcome = watched.outcome.effect, watched.outcome
        return self._say(
            "before_since",
            start=self._date(outcome.baseline_from),
            why=self._text[outcome.baseline.value],
            before=self._number(effect.count_before),
            all_before=self._number(effect.total_before),
            after=self._number(effect.count),
            all_after=self._number(effect.total),
            **self._shares_before_since(effect),
        )

    def _elsewhere(self, watched: Watched) -> str:
        there, here = watched.outcome.elsewhere, watched.outcome.effect
        if there is None:
            return ""
        said = self._say("elsewhere", verdict=self._verdict(there), **self._shares_before_since(there))
        too = here.verdict is Verdict.FELL and there.verdict is Verdict.FELL
        return f"{said}. {self._text['elsewhere_too']}" if too else said

    def _shares_before_since(self, effect: ActionEffect) -> Mapping[str, str]:
        parts = {"before": (effect.count_before, effect.total_before), "after": (effect.count, effect.total)}
        return {
            f"share_{name}": self._percent(count / total) if total else "–" for name, (count, total) in parts.items()
        }

    def _always_valid(self, cause: str) -> str:
        watched = self._watched.by_cause.get(cause)
        if not watched:
            return ""
        rate = watched[0].outcome.effect.false_alarm
        return self._say("always_valid", rate=self._whole_percent(rate), confidence=self._whole_percent(1 - 2 * rate))

    def _shares(self, values: Mapping[str, float]) -> Mapping[str, str]:
        return {name: self._whole_percent(value) for name, value in values.items()}

    def _whole_percent(self, share: float) -> str:
        return f"{self._number(100 * share)} %"

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
