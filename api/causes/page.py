"""The page of root causes: one HTML file that needs nothing else, to be read on a screen or printed."""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from babel.dates import format_date
from babel.numbers import format_decimal, format_percent
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.causes.as_json import ReaderLanguage
from api.causes.charts import COSTS, GIVES, IntervalScale, WeekChart, week_chart
from api.causes.outcomes import WatchedCauses
from api.causes.reading import USUAL_DIMENSIONS
from nlp.causes.actions import Watched
from nlp.causes.chance import Estimate
from nlp.causes.change import weeks_of
from nlp.causes.describe import CauseStatistics
from nlp.causes.sequential import WORTHWHILE_FALL, ActionEffect, Verdict
from nlp.root_causes import Causes, Feedback
from nlp.taxonomy import Taxonomy
from nlp.topics import REASONS, Quote

FOLDER: Final = Path(__file__).parent
MOST_CAUSES: Final = 20
MOST_RISING: Final = 10
MOST_LIFTING: Final = 3
FEWEST_QUOTES: Final = 2
"""That a cause keeps, though a cause before it quotes the same comments."""
MOST_PLACES: Final = 6
LOCALES: Final = {"en": "en_GB"}
"""Whose dates and numbers a reader's language is written with, where it is not the language's own first country."""
MANY_TIMES: Final = 10
"""From which a ratio has no decimal."""
MINUS: Final = "\N{MINUS SIGN}"
NO_BREAK: Final = "\N{NO-BREAK SPACE}"
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
    most_causes : that are shown, and beside them the first of those that have risen, those that lift NPS most and those
        about which something was done; the page says how many more there are
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
        self._locale = LOCALES.get(language, language)
        self._watched = watched
        self._text = _texts()[language]
        self._by_id = {each.comment.id: each for each in feedback}
        self._order = [topic.id for topic in found.model.topics]
        causes = found.report.causes
        self._dated = any(cause.trend.weeks for cause in causes)
        self._placed = any(cause.concentrations for cause in causes) or any(each.dimensions for each in feedback)

    def html(self, today: date, most_causes: int, days: tuple[date, date] | None) -> str:
        causes = self._found.report.causes
        rising = sorted((cause for cause in causes if cause.rank_rising is not None), key=_rank_rising)
        lifting = sorted((cause for cause in causes if _lifts(cause)), key=_points_now)
        shown = list(causes[:most_causes])
        shown += [cause for cause in (*rising[:MOST_RISING], *lifting[:MOST_LIFTING]) if cause not in shown]
        shown += [each for each in causes if each.cause in self._watched.by_cause and each not in shown]
        shown.sort(key=lambda cause: cause.rank)
        more = len(causes) - len(shown)
        quotes = self._quotes(shown)
        sections = [{**self._cause(cause), "quotes": quotes[cause.cause]} for cause in shown]
        first = shown[0] if shown and not _lifts(shown[0]) and shown[0].sentiment < 0 else None
        environment = Environment(
            loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        return environment.get_template("page.html.j2").render(
            language=self._language,
            text=self._text,
            title=self._title(days),
            summary=self._summary(days),
            worst=sections[0] if first else None,
            costs=self._overview([cause for cause in shown if not _lifts(cause)]),
            lifts=self._overview([cause for cause in lifting if cause in shown]),
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
            causes=sections,
            others=self._say("others", n=self._number(more)) if more else "",
            readings=self._readings(),
            made=self._say("made", version=_version(), model=self._found.model.encoder, date=self._date(today)),
        )

    def _title(self, days: tuple[date, date] | None) -> str:
        if days is None:
            return self._text["title"]
        first, last = (self._date(day) for day in days)
        return self._say("title_days", title=self._text["title"], first=first, last=last)

    def _summary(self, days: tuple[date, date] | None) -> Mapping[str, Any]:
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
        notes = []
        counts = Counter(self._found.without.values())
        if counts:
            share = self._percent(counts.total() / max(report.comments, 1))
            reasons = ", ".join(
                self._say(reason, n=self._number(counts[reason])) for reason in REASONS if counts[reason]
            )
            notes.append(self._say("without", share=share, reasons=reasons))
        if not self._dated:
            notes.append(self._text["no_dates"])
        elif report.dated < report.comments:
            notes.append(self._say("some_undated", n=self._number(report.comments - report.dated)))
        if not self._placed:
            notes.append(self._text["no_places"])
        return {"read": read, "overall": overall, "notes": notes}

    def _overview(self, causes: Sequence[CauseStatistics]) -> Mapping[str, Any]:
        """A row a cause; columns that nothing is known for are left out."""
        scale = IntervalScale.of([lost for cause in causes if (lost := _cost_now(cause)) is not None])
        return {
            "rows": [self._row(cause, scale) for cause in causes],
            "zero": scale.zero,
            "cost": any(cause.nps is not None for cause in causes),
            "since": self._dated,
            "where": self._placed,
        }

    def _row(self, cause: CauseStatistics, scale: IntervalScale) -> Mapping[str, Any]:
        topic, lost, onset = self._found.model.topic(cause.cause), _cost_now(cause), cause.trend.onset
        return {
            "id": cause.cause,
            "rank": cause.rank,
            "label": topic.label[self._language],
            "label_language": topic.label_language.get(self._language, self._language),
            "points": "–" if lost is None else self._number(abs(lost.value) if _lifts(cause) else lost.value, 1),
            "mark": None if lost is None else scale.mark(lost),
            "share": self._percent(cause.share),
            "since": "" if onset is None else self._date(onset.day),
            "where": ", ".join(cause.concentrations[0].where.values()) if cause.concentrations else "",
        }

    def _readings(self) -> list[str]:
        known = {
            "reading_points": self._found.report.answers,
            "reading_interval": self._found.report.answers,
            "reading_since": self._dated,
            "reading_where": self._placed,
        }
        return [self._text[name] for name, there in known.items() if there]

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
                    "lift": self._say("with_others", lift=self._times(each.lift.value)),
                }
                for each in cause.earlier
            ],
        }

    def _cost(self, cause: CauseStatistics) -> tuple[str, str]:
        lost = _cost_now(cause)
        if cause.nps is None or lost is None:
            return self._mean_sentiment(cause)
        sign = -1.0 if _lifts(cause) else 1.0
        low, high = sorted((sign * lost.low, sign * lost.high))
        points, whole = (self._number(sign * value, 1) for value in (lost.value, cause.nps.adjusted.value))
        kind = "gives" if _lifts(cause) else "costs"
        sentence = self._say(
            kind if points == whole else f"{kind}_now",
            points=points,
            whole=whole,
            low=self._number(low, 1),
            high=self._number(high, 1),
        )
        if low <= 0 <= high:
            sentence = self._say("perhaps", sentence=sentence)
        return sentence, self._say(
            "of_cause", of=self._signed(cause.nps.of_cause), without=self._signed(cause.nps.without)
        )

    def _mean_sentiment(self, cause: CauseStatistics) -> tuple[str, str]:
        """What is said of a cause whose cost in NPS is not known."""
        of, others = (self._signed(value, 2) for value in (cause.sentiment, cause.sentiment_elsewhere))
        if math.isnan(cause.sentiment):
            said = ""
        elif math.isnan(cause.sentiment_elsewhere):
            said = self._say("mean_sentiment_alone", of=of)
        else:
            said = self._say("mean_sentiment", of=of, others=others)
        if self._found.report.answers or not said:
            return self._text["cost_unknown"], said
        return said, ""

    def _since(self, cause: CauseStatistics) -> str:
        onset = cause.trend.onset
        if not cause.trend.weeks:
            return ""
        if onset is None:
            return self._text["steady"]
        days = {
            name: self._date(day)
            for name, day in (("date", onset.day), ("earliest", onset.earliest), ("latest", onset.latest))
        }
        if not math.isfinite(onset.ratio.value):
            return self._say("since_none", **days)
        return self._say("since", strength=self._times(onset.ratio.value), **days)

    def _weeks(self, cause: CauseStatistics) -> Mapping[str, Any] | None:
        actions = [(each.action.since, each.action.what) for each in self._watched.by_cause.get(cause.cause, ())]
        chart = week_chart(cause.trend.weeks, cause.trend.onset, actions=actions, write_day=self._date)
        if chart is None:
            return None
        says = self._say("weekly", top=self._percent(chart.top))
        praised = self._found.model.topic(cause.cause).sentiment == "positive"
        return _drawn(chart, says, aloud=f"{says}. {self._since(cause)}", colour=GIVES if praised else COSTS)

    def _action(self, watched: Watched) -> Mapping[str, Any]:
        action, outcome = watched.action, watched.outcome
        where = "; ".join(f"{self._dimension(name)}: {', '.join(values)}" for name, values in action.where.items())
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
            "chart": chart and _drawn(chart, self._say("weekly_where", where=where, top=self._percent(chart.top))),
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
        return f"{self._number(100 * share)}{NO_BREAK}%"

    def _places(self, cause: CauseStatistics) -> list[Mapping[str, str]]:
        return [
            {
                "where": self._where(place.where),
                "value": ", ".join(place.where.values()),
                "lift": self._say(
                    "place" if math.isfinite(place.ratio.value) else "place_only",
                    n=self._number(place.count),
                    lift=self._times(place.ratio.value),
                ),
            }
            for place in cause.concentrations[:MOST_PLACES]
        ]

    def _where(self, where: Mapping[str, str]) -> str:
        return ", ".join(f"{self._dimension(name)}: {value}" for name, value in where.items())

    def _dimension(self, name: str) -> str:
        """What readers call a column of the usual ones; others are called what their owner calls them."""
        return self._text[name] if name in USUAL_DIMENSIONS else name

    def _factors(self, cause: CauseStatistics) -> list[Mapping[str, str]]:
        names = {label.id: self._name(label) for label in self._taxonomy.factors}
        return [
            {
                "name": names[each.factor]
                if each.polarity == "positive"
                else self._say("factor_negative", name=names[each.factor].lower()),
                "polarity": each.polarity,
                "lift": self._say("often", lift=self._times(each.lift)),
                "words": ", ".join(each.words),
            }
            for each in cause.factors
        ]

    def _quotes(self, causes: Sequence[CauseStatistics]) -> Mapping[str, list[Mapping[str, str]]]:
        """Of each cause its quotes, those that show best what is said of it before the others.

        A comment that a cause before it quotes stands there only where few others are left.
        """
        quotes: dict[str, list[Mapping[str, str]]] = {}
        seen: set[str] = set()
        for cause in causes:
            there = [each for each in self._found.model.topic(cause.cause).quotes if each.comment_id in self._by_id]
            fresh = [each for each in there if each.comment_id not in seen]
            if len(fresh) < FEWEST_QUOTES:
                fresh += [each for each in there if each not in fresh][: FEWEST_QUOTES - len(fresh)]
            seen.update(each.comment_id for each in fresh)
            quotes[cause.cause] = [self._quote(each) for each in sorted(fresh, key=partial(self._besides, cause))]
        return quotes

    def _besides(self, cause: CauseStatistics, quote: Quote) -> int:
        """How little a quote shows of when and where a cause hurts: 1 each for before its rise and for elsewhere."""
        each, onset = self._by_id[quote.comment_id], cause.trend.onset
        before = onset is not None and each.day is not None and each.day < onset.day
        places = cause.concentrations[0].where if cause.concentrations else {}
        return before + any(each.dimensions.get(name) != value for name, value in places.items())

    def _quote(self, quote: Quote) -> Mapping[str, str]:
        each = self._by_id[quote.comment_id]
        text, known = each.comment.text, each.dimensions
        begin, end = _whole_words(text, quote.start, quote.end)
        said = [each.comment.id, *([self._date(each.day)] if each.day else []), *known.values()]
        return {
            "language": "" if each.record.language == "other" else each.record.language,
            "before": ("… " if begin else "") + text[begin : quote.start],
            "words": text[quote.start : quote.end],
            "after": text[quote.end : end] + (" …" if end < len(text) else ""),
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
            return "∞" if value > 0 else f"{MINUS}∞"
        # Adding 0 makes a negative zero, which a small loss is rounded to, a plain one.
        shown = round(value, digits) + 0.0
        return str(format_decimal(shown, format=f"#,##0.{'0' * digits}", locale=self._locale)).replace("-", MINUS)

    def _signed(self, value: float, digits: int = 0) -> str:
        return ("+" if math.isfinite(value) and round(value, digits) > 0 else "") + self._number(value, digits)

    def _percent(self, share: float) -> str:
        return str(format_percent(share, format=f"#,##0.0{NO_BREAK}%", locale=self._locale))

    def _times(self, ratio: float) -> str:
        return self._number(ratio, 0 if ratio >= MANY_TIMES else 1)

    def _date(self, day: date) -> str:
        return str(format_date(day, format="medium", locale=self._locale)).replace(" ", NO_BREAK)


def _drawn(chart: WeekChart, says: str, *, aloud: str = "", colour: str = COSTS) -> Mapping[str, Any]:
    """A chart with what stands above it, what is read aloud of it, and the colour of the weeks after a change."""
    return {"drawn": chart, "says": says, "aloud": aloud or says, "colour": colour}


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """As much as may stand around a quoted clause, without a part of a word at either end."""
    begin, stop = max(0, start - CONTEXT), min(len(text), end + CONTEXT)
    while 0 < begin < start and not text[begin - 1].isspace():
        begin += 1
    while end < stop < len(text) and not text[stop].isspace():
        stop -= 1
    return begin, stop


def _cost_now(cause: CauseStatistics) -> Estimate | None:
    """NPS points that a cause costs at its present share, by which it is ranked; None where that is not known.

    The interval is that of the whole time, taken along: how sure the present share is, it does not say.
    """
    if cause.nps is None or cause.points_lost_now is None:
        return None
    whole = cause.nps.adjusted
    grown = cause.points_lost_now / whole.value if whole.value else 1.0
    return Estimate(cause.points_lost_now, whole.low * grown, whole.high * grown)


def _points_now(cause: CauseStatistics) -> float:
    lost = _cost_now(cause)
    return 0.0 if lost is None else lost.value


def _lifts(cause: CauseStatistics) -> bool:
    return round(_points_now(cause), 1) < 0


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
