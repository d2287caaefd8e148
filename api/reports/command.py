"""`stemme report` and `stemme nps` without a file: reports over the store, on the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from api.checked_options import checked, filters_of, option_of
from api.nps import MINIMUM_ANSWERS, Period
from api.options import TimeZone
from api.reports.options import AsOf, By, Limit, Minimum, Output, PeriodOption, Quotes, Run, Where
from api.store.command import Database, open_store
from api.terminal import say

if TYPE_CHECKING:
    from pydantic import BaseModel

    from api.reports.answers import Asked, ComparisonAnswer, FactorsAnswer, LabelOut, NpsFigures, ThemesAnswer
    from api.reports.query import ReportQuery

    Query = TypeVar("Query", bound=ReportQuery)

report_commands = typer.Typer(
    help="Reports over the store, of now or of any moment that has passed.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@report_commands.command(
    epilog="""Examples:

- `stemme report themes --by department --period month`
- `stemme report themes --where sentiment=negative --as-of 2026-11-02T08:30:00+01:00 -o themes.json`
"""
)
def themes(
    *,
    by: By = None,
    period: PeriodOption = None,
    time_zone: TimeZone = "Europe/Oslo",
    where: Where = None,
    minimum: Minimum = MINIMUM_ANSWERS,
    limit: Limit = 100,
    quotes: Quotes = 2,
    as_of: AsOf = None,
    run: Run = None,
    output: Output = None,
    database: Database = None,
) -> None:
    """What customers speak about: how often, how they feel about it, their NPS, what has moved, and their words."""
    from api.reports.make import themes_answer  # noqa: PLC0415, `--help` need not wait for the database's libraries
    from api.reports.query import ThemesQuery  # noqa: PLC0415

    asked = {"by": by, "period": period, "time_zone": time_zone, "minimum": minimum, "limit": limit}
    query = _query(ThemesQuery, where, {**asked, "quotes": quotes, "as_of": as_of, "run": run})
    with open_store(database) as store:
        answer = themes_answer(store, query)
    _show_labels(answer, "theme", "themes", query.by)
    _finish(answer, answer.asked, output)


@report_commands.command(epilog="Example: `stemme report factors --by channel`")
def factors(
    *,
    by: By = None,
    period: PeriodOption = None,
    time_zone: TimeZone = "Europe/Oslo",
    where: Where = None,
    minimum: Minimum = MINIMUM_ANSWERS,
    limit: Limit = 100,
    quotes: Quotes = 2,
    as_of: AsOf = None,
    run: Run = None,
    output: Output = None,
    database: Database = None,
) -> None:
    """How customers experience people: professional, sympathetic, trustworthy, or the opposite."""
    from api.reports.make import factors_answer  # noqa: PLC0415
    from api.reports.query import FactorsQuery  # noqa: PLC0415

    asked = {"by": by, "period": period, "time_zone": time_zone, "minimum": minimum, "limit": limit}
    query = _query(FactorsQuery, where, {**asked, "quotes": quotes, "as_of": as_of, "run": run})
    with open_store(database) as store:
        answer = factors_answer(store, query)
    _show_labels(answer, "factor", "factors", query.by)
    _finish(answer, answer.asked, output)


@report_commands.command(epilog="Example: `stemme report runs 1 2 --where language=nn`")
def runs(
    a: Annotated[int, typer.Argument(metavar="A", help="The first run's id.")],
    b: Annotated[int, typer.Argument(metavar="B", help="The second run's id.")],
    *,
    where: Where = None,
    minimum: Minimum = MINIMUM_ANSWERS,
    as_of: AsOf = None,
    output: Output = None,
    database: Database = None,
) -> None:
    """What two runs say differently of the texts that both have tagged."""
    from api.reports.make import comparison_answer  # noqa: PLC0415
    from api.reports.query import RunsQuery  # noqa: PLC0415

    query = _query(RunsQuery, where, {"minimum": minimum, "as_of": as_of})
    with open_store(database) as store:
        answer = comparison_answer(store, a, b, query)
    _show_comparison(answer)
    _finish(answer, answer.asked, output)


def nps_of_store(
    *,
    by: Sequence[str],
    period: Period | None,
    time_zone: str,
    where: Sequence[str],
    minimum: int,
    limit: int,
    as_of: str | None,
    run: int | None,
    output: Path | None,
    database: str | None,
) -> None:
    """What `stemme nps` does without a file."""
    from api.nps_file import table  # noqa: PLC0415
    from api.reports.make import nps_answer  # noqa: PLC0415
    from api.reports.query import NpsQuery  # noqa: PLC0415

    asked = {"by": by, "period": period, "time_zone": time_zone, "minimum": minimum, "limit": limit}
    query = _query(NpsQuery, where, {**asked, "as_of": as_of, "run": run})
    with open_store(database) as store:
        answer = nps_answer(store, query)
    rows = [row.score() for row in answer.rows]
    Console().print(table(rows, by=query.by, period=period, minimum=minimum))
    _say_left_out(answer.left_out.groups, answer.left_out.comments)
    _finish(answer, answer.asked, output)


def _query(kind: type[Query], where: Sequence[str] | None, given: dict[str, Any]) -> Query:
    """What is asked for, checked as over REST.

    Raises
    ------
    BadUsage : naming the option that is wrong
    """
    from api.reports.query import FILTERS  # noqa: PLC0415

    filters = filters_of(where or (), FILTERS)
    said = {name: value for name, value in given.items() if value is not None}
    return checked(
        kind,
        {**filters, **said},
        option=lambda place: f"--where {place[0]}=…" if place[0] in FILTERS else option_of(place),
    )


def _show_labels(answer: ThemesAnswer | FactorsAnswer, label: str, labels: str, by: Sequence[str]) -> None:
    periods = any(row.period for row in answer.rows)
    table = Table(*(["period"] if periods else []), *by, label, "comments", "share", "how", "NPS", "change of share")
    for row in answer.rows:
        group = [*([row.period or ""] if periods else []), *(_shown(row.group[name]) for name in by)]
        found: Sequence[LabelOut] = getattr(row, labels)
        for each in found:
            table.add_row(
                *group, getattr(each, label), f"{each.comments:,}", f"{100 * each.share:.1f} %", *_figures(each)
            )
    console = Console()
    console.print(table)
    for row in answer.rows:
        for each in getattr(row, labels):
            for quote in each.quotes:
                where = " ".join([*([row.period] if row.period else []), *map(_shown, row.group.values())])
                name = f"{getattr(each, label)} ({quote.sentiment})"
                console.print(f"{where + ' ' if where else ''}{name}: {quote.text}", markup=False, highlight=False)
    _say_left_out(answer.left_out.groups, answer.left_out.comments)
    if answer.left_out.quotes:
        say("Quotes are left out, as there are many rows. Ask for fewer: --limit, --period, --where.")


def _figures(label: Any) -> Iterator[str]:
    yield ", ".join(
        f"{name} {count:,}" for name, count in getattr(label, "sentiment", getattr(label, "polarity", {})).items()
    )
    yield _nps(label.nps)
    change = label.change
    yield "" if change is None else f"{100 * change.share:+.1f} ({100 * change.low:+.1f} to {100 * change.high:+.1f})"


def _nps(figures: NpsFigures | None) -> str:
    return "too few" if figures is None else f"{figures.value:+.0f}"


def _show_comparison(answer: ComparisonAnswer) -> None:
    console = Console()
    versions = answer.versions
    console.print(f"A: run {answer.a.id}, {answer.a.model}. B: run {answer.b.id}, {answer.b.model}.")
    console.print(f"Texts in both {versions.both:,}, only in A {versions.only_a:,}, only in B {versions.only_b:,}.")
    flips = Table("flip", "label", "direction", "language", "comments")
    for flip in answer.flips:
        flips.add_row(flip.kind, flip.label, flip.direction, flip.language or "", f"{flip.comments:,}")
    console.print(flips)
    themes_ = Table("theme", "place A", "place B", "comments A", "comments B", "NPS A", "NPS B")
    for theme in answer.themes:
        places = [str(side.rank or "") for side in (theme.a, theme.b)]
        comments = [f"{side.comments:,}" for side in (theme.a, theme.b)]
        themes_.add_row(theme.theme, *places, *comments, _nps(theme.a.nps), _nps(theme.b.nps))
    console.print(themes_)
    for each in answer.telling:
        what = " ".join(part for part in (each.kind, each.label, each.direction) if part)
        console.print(f"{each.language} {what} ({each.change:.2f}): {each.text}", markup=False, highlight=False)


def _finish(answer: BaseModel, asked: Asked, output: Path | None) -> None:
    if output is not None:
        output.write_text(answer.model_dump_json(indent=2) + "\n", encoding="utf-8")
    say(f"As of {asked.as_of.isoformat()}: --as-of with this moment gives the same figures again.")
    if asked.removed_since:
        say(f"{asked.removed_since:,} comments have been removed since, and are missing if they had come by then.")


def _say_left_out(groups: int, comments: int) -> None:
    if groups:
        say(f"{groups:,} smaller groups with {comments:,} comments are left out. --limit shows more.")


def _shown(value: str | None) -> str:
    return "(none)" if value is None else value
