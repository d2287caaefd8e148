"""How long reports, lists, erasure and retention take over a million comments: `python -m eval.store_scale`.

The requests go through the whole service, in this process, so that its memory is the service's. Each is sent twice,
as an analyst does who looks again; what is asked first finds nothing in the caches. Erasure and retention change the
store, so they come last and each is done once.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Self

import typer
from fastapi.testclient import TestClient

from api.app import create_app
from api.removal.policy import RetentionPolicy
from api.removal.retention import apply_policy
from api.settings import Settings
from api.store.database import Store
from eval.large_store import YEARS, fill_large
from eval.program import run_program

REPORT_GOAL: Final = 10.0
PAGE_GOAL: Final = 0.3
MONTH_DAYS: Final = 30
Parameters = Mapping[str, str | int | list[str]]

REPORTS: Final[dict[str, tuple[str, Parameters]]] = {
    "NPS": ("nps", {}),
    "NPS by department": ("nps", {"by": "department"}),
    "NPS by department and month": ("nps", {"by": "department", "period": "month"}),
    "NPS by theme": ("nps", {"by": "theme"}),
    "NPS of a department by week": ("nps", {"department": "Bergen", "period": "week"}),
    "themes": ("themes", {}),
    "themes by month": ("themes", {"period": "month"}),
    "themes by department": ("themes", {"by": "department"}),
    "themes by department and quarter": ("themes", {"by": "department", "period": "quarter"}),
    "themes of a department": ("themes", {"department": "Bergen"}),
    "themes of what is negative": ("themes", {"sentiment": "negative"}),
    "factors": ("factors", {}),
    "factors by touchpoint and month": ("factors", {"by": "touchpoint", "period": "month"}),
    "themes as of a month ago": ("themes", {"as_of": "MONTH_AGO"}),
    "two runs compared": ("runs/1/compare/2", {}),
}
PAGES: Final[dict[str, Parameters]] = {
    "newest": {},
    "a source": {"source": "reviews"},
    "a department": {"department": "Bergen"},
    "a department that there is not": {"department": "Narvik"},
    "a touchpoint and a channel": {"touchpoint": "returns", "channel": "sms"},
    "a respondent": {"respondent": "r-4711"},
    "NPS 0 to 2": {"nps_max": 2},
    "a month two years ago": {"submitted_from": "2024-10-01T00:00:00Z", "submitted_before": "2024-11-01T00:00:00Z"},
    "a day that there is not": {"submitted_before": "2001-01-01T00:00:00Z"},
    "nynorsk": {"language": "nn"},
    "negative": {"sentiment": "negative"},
    "a common theme": {"theme": "brand_promise"},
    "a rare theme": {"theme": "staff_service"},
    "a factor": {"factor": "trustworthy"},
    "a flag": {"flag": "churn_risk"},
    "a rare theme, a department, negative": {"theme": "staff_service", "department": "Umeå", "sentiment": "negative"},
    "a rare theme and a flag": {"theme": "staff_service", "flag": "churn_risk", "nps_max": 1},
    "a theme that a person decided": {"theme": "contract_terms", "sentiment": "negative", "nps_min": 10},
    "a common word": {"q": "pakken"},
    "two words": {"q": "levering dårlig"},
    "a rare word": {"q": "777777"},
    "the beginning of a word": {"q": "lever*"},
    "a word that there is not": {"q": "kvikksølvtermometer"},
    "a common word and a rare theme": {"q": "og", "theme": "staff_service"},
    "a word and a department": {"q": "pakken", "department": "Umeå"},
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the clock, and of the processor: on a busy machine the second says more."""

    wall: float
    processor: float

    @classmethod
    def of(cls, work: Callable[[], Any]) -> Self:
        wall, processor = time.perf_counter(), time.process_time()
        work()
        return cls(time.perf_counter() - wall, time.process_time() - processor)

    def __str__(self) -> str:
        return f"{self.wall:7.2f} s ({self.processor:.2f} s of the processor)"


def measure(file: Path, comments: int, *, only: str) -> bool:
    """Measure and print; whether every report and every page was quick enough.

    Parameters
    ----------
    only : leave out what has not this in its name
    """
    store = Store.open(f"sqlite:///{file}")
    try:
        client = TestClient(create_app(Settings.model_validate({"open": True}), store=store))
        typer.echo(f"{comments:,} comments, {file.stat().st_size / 2**20:,.0f} MiB")
        quick = [_told(client, name, path, parameters, goal) for name, path, parameters, goal in _requests(only)]
        if only in "erasure retention":
            _remove(client, store)
        typer.echo(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:,.0f} MiB at most")
        return all(quick)
    finally:
        store.close()


def _requests(only: str) -> Iterator[tuple[str, str, Parameters, float]]:
    month_ago = f"{datetime.now(UTC) - timedelta(days=MONTH_DAYS):%Y-%m-%dT%H:%M:%SZ}"
    for name, (path, parameters) in REPORTS.items():
        if only in f"report: {name}":
            filled = {key: month_ago if value == "MONTH_AGO" else value for key, value in parameters.items()}
            yield f"report: {name}", f"/v1/reports/{path}", filled, REPORT_GOAL
    for name, parameters in PAGES.items():
        if only in f"page: {name}":
            yield f"page: {name}", "/v1/comments", parameters, PAGE_GOAL
    if only in "runs":
        yield "runs", "/v1/runs", {}, PAGE_GOAL


def _told(client: TestClient, name: str, path: str, parameters: Parameters, goal: float) -> bool:
    def ask() -> None:
        answer = client.get(path, params=parameters)  # type: ignore[arg-type]  # a mapping is enough
        assert answer.status_code == 200, answer.text  # noqa: PLR2004

    first, again = Cost.of(ask), Cost.of(ask)
    # By the processor: what another program takes of the clock is not the store's.
    quick = again.processor <= goal
    typer.echo(f"{name:<42} {first}; again {again}{'' if quick else '  SLOW'}")
    return quick


def _remove(client: TestClient, store: Store) -> None:
    def erase(number: int, **options: str) -> Callable[[], None]:
        def do() -> None:
            answer = client.delete(f"/v1/respondents/r-{number}", params=options)
            assert answer.status_code == 200, answer.text  # noqa: PLR2004

        return do

    typer.echo(f"{'erasure of a respondent, dry run':<42} {Cost.of(erase(815, dry_run='true'))}")
    typer.echo(f"{'erasure of a respondent':<42} {Cost.of(erase(815))}")
    typer.echo(f"{'erasure of another':<42} {Cost.of(erase(816))}")
    policy = RetentionPolicy(365 * YEARS - MONTH_DAYS, {})
    removed: list[int] = []

    def keep(*, dry_run: bool) -> None:
        applied = apply_policy(store, policy, moment=datetime.now(UTC), by="measurement", dry_run=dry_run)
        removed.append(applied.extent.comments)

    typer.echo(f"{'retention of a month, dry run':<42} {Cost.of(lambda: keep(dry_run=True))}")
    cost = Cost.of(lambda: keep(dry_run=False))
    typer.echo(f"{'retention of a month':<42} {cost}, {removed[-1]:,} comments")


def main(
    *,
    comments: Annotated[int, typer.Option("--comments", min=1_000, help="How many the store holds.")] = 1_000_000,
    file: Annotated[
        Path | None, typer.Option("--file", help="Keep the store there, and take it from there the next time.")
    ] = None,
    only: Annotated[str, typer.Option("--only", help="Measure only what has this in its name, such as page.")] = "",
) -> None:
    """Measure a large SQLite store; exit with 1 if a report takes over 10 seconds or a page over 0.3."""
    with tempfile.TemporaryDirectory(prefix="stemme-scale-") as folder:
        at = file or Path(folder) / "store.db"
        if not at.exists():
            cost = Cost.of(lambda: fill_large(at, comments, corrected=comments // 500, also_by_a_former_run=0.2))
            typer.echo(f"filled: {cost}")
        quick = measure(at, comments, only=only)
    raise typer.Exit(0 if quick else 1)


if __name__ == "__main__":
    run_program(main)
