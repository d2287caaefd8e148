"""`stemme topics` without a file: root causes of what is stored."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import typer

from api.checked_options import checked, filters_of
from api.files.destination import open_output
from api.files.source import Source
from api.store.command import open_with_settings, user
from api.terminal import say

if TYPE_CHECKING:
    from pathlib import Path

    from api.cause_runs.schemas import ReaderLanguage
    from api.jobs.models import Job
    from api.settings import Settings
    from api.store.database import Store

LOOK_SECONDS: Final = 0.3
PATIENCE_SECONDS: Final = 30.0
"""For a job that is cancelled to end."""
NO_SOURCE: Final = Source("the store", None)


def topics_of_store(
    *,
    where: Sequence[str],
    asked: Mapping[str, Any],
    output: str,
    language: ReaderLanguage,
    database: str | None,
    quiet: bool,
) -> None:
    """Look for causes in the store as a job, or go on with the one under way; write what it found.

    Parameters
    ----------
    where : filters, `NAME=VALUE`
    asked : further fields of the request, by their names in REST; those that are None were not said
    output : a .json, .parquet or .html file, or -
    """
    from api.cause_actions.effects import watched_causes  # noqa: PLC0415, `--help` need not wait for its libraries
    from api.cause_runs.restore import restored  # noqa: PLC0415
    from api.cause_runs.runs import find_run  # noqa: PLC0415
    from api.causes.writing import cause_format, write_causes  # noqa: PLC0415
    from api.reports.zones import Zone  # noqa: PLC0415

    format_ = cause_format(output)
    parameters = _parameters(where, asked)
    with (
        open_with_settings(database) as (store, settings),
        open_output(output, source=NO_SOURCE) as stream,  # before the work: what cannot be written is said first
    ):
        job = _succeeded(store, settings, parameters, quiet=quiet)
        assert job.result is not None
        with store.read() as session:
            run = find_run(session, job.result["cause_run"])
        told = restored(store, run)
        watched = watched_causes(store, run, zone=Zone.named(run.parameters.get("time_zone", "Europe/Oslo")))
        write_causes(
            stream,
            format_,
            told.found,
            told.feedback,
            language=language,
            today=date.today(),
            days=told.days,
            watched=watched,
        )
    if not quiet:
        say(_summary(job))


def _parameters(where: Sequence[str], asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the options ask for, checked as a request is.

    Raises
    ------
    BadUsage : if an option has no valid value
    """
    from api.cause_runs.request import TopicsFilters, TopicsRequest  # noqa: PLC0415

    given = filters_of(where, TopicsFilters.model_fields)
    filters = {name: _number_if_nps(name, value) for name, value in given.items()}
    said = {name: value for name, value in asked.items() if value is not None}
    request = checked(TopicsRequest, {"kind": "topics", "filters": filters, **said}, option=_option)
    request.check()
    return request.as_parameters()


OPTIONS: Final = {"names": "company", "metadata": "by", "time_zone": "time-zone"}


def _number_if_nps(name: str, value: str) -> int | str:
    return int(value) if name.startswith("nps_") and value.isdecimal() else value


def _option(place: Sequence[str]) -> str:
    return f"--where {place[-1]}=…" if place[0] == "filters" else f"--{OPTIONS.get(place[0], place[0])}"


def _succeeded(store: Store, settings: Settings, parameters: dict[str, Any], *, quiet: bool) -> Job:
    """The job that was under way with the same parameters, else a new one, when it has succeeded.

    Raises
    ------
    JobUnderWay : if another is under way
    RecordedError : if it has failed
    typer.Exit : if it is interrupted or cancelled
    """
    from api.jobs.errors import JobUnderWay, RecordedError  # noqa: PLC0415
    from api.jobs.jobs import create_job, unfinished_job  # noqa: PLC0415

    job = unfinished_job(store, ["topics"])
    if job is not None and job.state == "cancelling":  # an interrupted command has left it to whoever comes next
        _ended(store, settings, job, quiet=quiet)
        job = None
    if job is None:
        job = create_job(store, kind="topics", parameters=parameters, by=user())
    elif job.parameters != parameters:
        raise JobUnderWay("topics", job.id)
    else:
        say(f"Job {job.id} goes on.")
    job = _ended(store, settings, job, quiet=quiet)
    if job.state == "cancelled":
        say(f"Job {job.id} was cancelled; nothing was stored or written.")
        raise typer.Exit(1)
    if job.state != "succeeded":
        raise RecordedError(job.error_code or "job_error", job.error_message or "The job has failed.")
    return job


def _ended(store: Store, settings: Settings, job: Job, *, quiet: bool) -> Job:
    """The job when it has ended; it is run here if no other process does.

    Raises
    ------
    typer.Exit : if it is interrupted
    """
    from api.follow_job import JobBar, follow_job  # noqa: PLC0415

    return follow_job(
        store,
        settings,
        job.id,
        load=_load,
        bar=JobBar("starting", quiet=quiet),
        when_interrupted=lambda: _cancel(store, job),
    )


def _cancel(store: Store, job: Job) -> None:
    """End the job, unless it was another's before it was followed here, or has ended in this moment."""
    from api.jobs.errors import JobFinished  # noqa: PLC0415
    from api.jobs.jobs import cancel_job, find_job  # noqa: PLC0415

    if job.created_by != user():
        say(f"Interrupted. Job {job.id} goes on in a service; `DELETE /v1/jobs/{job.id}` ends it.")
        return
    with suppress(JobFinished):
        cancel_job(store, job.id, by=user())
    until = time.monotonic() + PATIENCE_SECONDS
    while not (ended := find_job(store, job.id).finished) and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
    when = "" if ended else ", and will have ended when the command is said again or a service starts"
    say(f"Interrupted. Job {job.id} is cancelled{when}; nothing was written.")


def _summary(job: Job) -> str:
    result = job.result or {}
    shown = "is shown" if result["shown"] else "is kept aside"
    return (
        f"{result['causes']:,} causes in {result['comments']:,} comments; {result['without_cause_or_theme']:,} "
        f"comments have neither a cause nor a theme. Run {result['cause_run']} {shown}."
    )


def _load(model: Path | None) -> Any:
    from nlp.tagger import Tagger  # noqa: PLC0415

    return Tagger.load(model)
