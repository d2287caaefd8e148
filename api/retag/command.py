"""`stemme retag`: tag the archive anew, see what that would change, and go back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol, Self

import typer
from rich.console import Console

from api.checked_options import checked
from api.files.errors import BadUsage
from api.store.command import Database, open_store, open_with_settings, user

if TYPE_CHECKING:
    from api.jobs.models import Job
    from api.retag.changes import Changes
    from api.settings import Settings
    from api.store.database import Store

retag_commands = typer.Typer(invoke_without_command=True, rich_markup_mode="markdown")

SAMPLE: Final = 1_000
SHOWN_CHANGES: Final = 25
LINES: Final = 10
"""Lines of progress that a log gets of a retag."""

AsJson = Annotated[bool, typer.Option("--json", help="As JSON, with the fields of the API.")]


@retag_commands.callback(
    epilog="""Examples:

- `stemme retag --model ours --dry-run`
- `stemme retag --model ours`
- `stemme retag --department Bergen --since 2026-01-01T00:00:00+01:00 --rate 50`
"""
)
def retag(
    context: typer.Context,
    *,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            help="Folder of the model. Default: the active run's, which is the shipped one unless another was named.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[str | None, typer.Option("--source", help="Only comments of this source.")] = None,
    touchpoint: Annotated[str | None, typer.Option("--touchpoint", help="Only of this touchpoint.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="Only of this channel.")] = None,
    department: Annotated[str | None, typer.Option("--department", help="Only of this department.")] = None,
    language: Annotated[str | None, typer.Option("--language", help="Only in this language: nb, nn, da, sv.")] = None,
    sentiment: Annotated[str | None, typer.Option("--sentiment", help="Only with this sentiment.")] = None,
    theme: Annotated[str | None, typer.Option("--theme", help="Only with this theme.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only written at this time or later, with its zone.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only written before this time, with its zone.")] = None,
    rate: Annotated[
        float | None, typer.Option("--rate", help="Comments a second at most, to leave the machine to others.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing; show what would change.")] = False,
    sample: Annotated[
        int, typer.Option("--sample", min=0, help="Comments that --dry-run tags, drawn at random; 0 for all.")
    ] = SAMPLE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write what --dry-run finds here, as JSON.")
    ] = None,
    database: Database = None,
) -> None:
    """Tag stored comments anew, and show the new tags at once when all of them are there.

    Until then everybody sees the former ones, and comments that arrive meanwhile are included. If it is interrupted,
    however hard, say `stemme retag` again: it goes on where it was, and so does a service that is started.
    """
    if context.invoked_subcommand is not None:
        return
    given: dict[str, Any] = {
        "source": source,
        "touchpoint": touchpoint,
        "channel": channel,
        "department": department,
        "language": language,
        "sentiment": sentiment,
        "theme": theme,
        "submitted_from": since,
        "submitted_before": until,
    }
    parameters = _parameters(model=model, rate=rate, filters={k: v for k, v in given.items() if v is not None})
    with open_with_settings(database) as (store, settings):
        if dry_run:
            _show_changes(store, settings, parameters, sample=sample or None, output=output)
            return
        if output is not None:
            raise BadUsage("--output goes with --dry-run. Leave it out.")
        _retag(store, settings, parameters)


@retag_commands.command(epilog="Example: `stemme retag rollback`")
def rollback(
    *,
    run: Annotated[
        int | None,
        typer.Option("--run", help="The run to go to, as the list shows it. Default: the one that was active before."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Although its model is not here; new comments then wait for it.")
    ] = False,
    database: Database = None,
) -> None:
    """Go back to the tags of the run that was active before, at once; its model then tags new comments."""
    from api.retag.activate import activate  # noqa: PLC0415, `--help` need not wait for the database's libraries

    with open_store(database) as store:
        active = activate(store, run, by=user(), force=force)
    typer.echo(f"Run {active.id} is active: {active.model}, {active.taxonomy}.")


@retag_commands.command(epilog="Example: `stemme retag runs`")
def runs(*, as_json: AsJson = False, database: Database = None) -> None:
    """List every run: which model, how many texts it has tagged, and of how many its tags are shown."""
    from api.store.runs import list_runs  # noqa: PLC0415

    with open_store(database) as store, store.read() as session:
        found = list_runs(session)
    if as_json:
        from api.job_schemas import RunList, RunOut  # noqa: PLC0415

        typer.echo(RunList(runs=[RunOut.of(each) for each in found]).model_dump_json())
        return
    if not found:
        typer.echo("Nothing has been tagged yet.", err=True)
    for each in found:
        run = each.run
        counts = f"{each.tagged:,} tagged, {each.shown:,} shown"
        typer.echo(f"{run.id}  {run.state}  {run.model}  {run.taxonomy}  {run.started_at:%Y-%m-%d %H:%M}  {counts}")


@retag_commands.command(epilog="Example: `stemme retag status`")
def status(*, as_json: AsJson = False, database: Database = None) -> None:
    """Say how far the retag is that is under way, or how the last one ended."""
    with open_store(database) as store:
        job = _last(store)
    if as_json:
        from api.job_schemas import JobOut  # noqa: PLC0415

        typer.echo("null" if job is None else JobOut.of(job).model_dump_json())
        return
    typer.echo("There has been no retag." if job is None else _described(job))


@retag_commands.command(epilog="Example: `stemme retag cancel`")
def cancel(*, database: Database = None) -> None:
    """End the retag that is under way; what was shown stays shown."""
    from api.jobs.jobs import cancel_job, unfinished_job  # noqa: PLC0415

    with open_with_settings(database) as (store, settings):
        job = unfinished_job(store, ["retag"])
        if job is None:
            typer.echo("No retag is under way.", err=True)
            raise typer.Exit(1)
        cancel_job(store, job.id, by=user())
        _follow(store, settings, job.id, wanted="cancelled")


def _parameters(*, model: Path | None, rate: float | None, filters: dict[str, Any]) -> dict[str, Any]:
    """What the options ask for, checked as a request is.

    Raises
    ------
    BadUsage : if an option has no valid value
    """
    from api.retag.request import RetagRequest, check_request  # noqa: PLC0415

    names = {"submitted_from": "since", "submitted_before": "until"}
    folder = None if model is None else str(model)
    request = checked(
        RetagRequest,
        {"kind": "retag", "model": folder, "rate": rate, "filters": filters},
        option=lambda place: f"--{names.get(place[-1], place[-1])}",
    )
    parameters = request.as_parameters()
    check_request(parameters)
    return parameters


def _retag(store: Store, settings: Settings, parameters: dict[str, Any]) -> None:
    from api.jobs.errors import JobUnderWay  # noqa: PLC0415
    from api.jobs.jobs import create_job, unfinished_job  # noqa: PLC0415
    from api.retag.request import described  # noqa: PLC0415

    job = unfinished_job(store, ["retag"])
    nothing_said = parameters == {"model": None, "filters": {}, "rate": None}
    if job is None:
        _refuse_nothing(store, parameters)
        job = create_job(store, kind="retag", parameters=parameters, by=user())
    elif nothing_said or job.parameters == parameters:
        typer.echo(f"Job {job.id} goes on: {described(job.parameters)}.", err=True)
    else:
        raise JobUnderWay("retag", job.id)
    _follow(store, settings, job.id, wanted="succeeded")


def _refuse_nothing(store: Store, parameters: dict[str, Any]) -> None:
    """A misspelt department would make the model the active one and tag nothing.

    Raises
    ------
    BadUsage : if filters let no comment through
    """
    from api.retag.archive import count  # noqa: PLC0415
    from api.retag.request import filters_of  # noqa: PLC0415

    if not parameters["filters"]:
        return
    with store.read() as session:
        found = count(session, filters_of(parameters))
    if not found:
        names = ", ".join(sorted(parameters["filters"]))
        raise BadUsage(f"No comment has passed the filters ({names}). Nothing was asked for; mend or leave them out.")


def _follow(store: Store, settings: Settings, job_id: int, *, wanted: str) -> None:
    """Run the job here if no other process does, and show how far it is until it has ended.

    Raises
    ------
    typer.Exit : with 1 if it has not ended in the state that is wanted
    """
    from api.follow_job import follow_job  # noqa: PLC0415

    job = follow_job(
        store,
        settings,
        job_id,
        load=_load,
        bar=_progress("tagging"),
        when_interrupted=lambda: _say_that_it_goes_on(job_id),
    )
    typer.echo(_described(job))
    if job.state != wanted:
        raise typer.Exit(1)


def _say_that_it_goes_on(job_id: int) -> None:
    typer.echo(
        f"Interrupted. Job {job_id} goes on where it was when `stemme retag` is said again or a service "
        "starts; `stemme retag cancel` ends it.",
        err=True,
    )


def _described(job: Job) -> str:
    from api.retag.request import described  # noqa: PLC0415

    line = f"Job {job.id} ({described(job.parameters)}) is {job.state}"
    if job.error_message is not None:
        return f"{line}: {job.error_message} ({job.error_code})"
    if job.state == "succeeded":
        former = (job.result or {}).get("former_run")
        back = "" if former is None else f" Back to run {former}: stemme retag rollback"
        return f"{line}: {job.done:,} comments; run {job.run_id} is shown.{back}"
    if job.state == "cancelled":
        return f"{line}: what was shown is shown."
    total = "?" if job.total is None else f"{job.total:,}"
    rate = "" if job.per_second is None else f", {job.per_second:,.0f} a second"
    left = "" if job.seconds_left is None else f", about {job.seconds_left:,.0f} s left"
    return f"{line}: {job.done:,} of {total} comments{rate}{left}."


def _show_changes(
    store: Store, settings: Settings, parameters: dict[str, Any], *, sample: int | None, output: Path | None
) -> None:
    from api.files.jsontext import dumps  # noqa: PLC0415
    from api.retag.dry_run import dry_run  # noqa: PLC0415
    from api.retag.request import filters_of  # noqa: PLC0415
    from api.store.runs import active_run  # noqa: PLC0415

    with store.read() as session:
        active = active_run(session)
    folder = parameters["model"] or (None if active is None else active.model_folder)
    tagger = _load(None if folder is None else Path(folder))
    with _progress("comparing") as bar:
        found = dry_run(
            store,
            tagger,
            filters_of(parameters),
            sample=sample,
            batch_size=settings.batch_size,
            max_text_length=settings.max_text_length,
            progress=bar.advance,
        )
    if not found.compared:
        typer.echo("No comment that is tagged has passed the filters: there is nothing to compare.", err=True)
    else:
        _print_changes(found, model=tagger.name)
    if output is not None:
        text = dumps({"model": tagger.name, "taxonomy": tagger.taxonomy, **found.as_dict()}, indent=2)
        output.write_text(text + "\n", encoding="utf-8")


def _print_changes(found: Changes, *, model: str) -> None:
    from rich.table import Table  # noqa: PLC0415

    console = Console()
    console.print(
        f"{found.changed.total():,} of {found.compared.total():,} comments would change with {model}. "
        "Nothing was stored.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    languages = Table("language", "comments", "would change")
    for language, number in found.compared.most_common():
        changed = found.changed[language]
        languages.add_row(language, f"{number:,}", f"{changed:,} ({changed / number:.1%})")
    console.print(languages)
    if not found.counts:
        return
    tags = Table("tag", "before", "after", "comments")
    for change, number in found.counts.most_common(SHOWN_CHANGES):
        tags.add_row(" ".join(filter(None, [change.kind, change.label])), change.before, change.after, f"{number:,}")
    console.print(tags)
    if len(found.counts) > SHOWN_CHANGES:
        typer.echo(f"… and {len(found.counts) - SHOWN_CHANGES} rarer changes; -o writes all of them.")


class _Progress(Protocol):
    """What people see of a long run."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def show(self, job: Job) -> None: ...

    def advance(self, done: int, total: int) -> None: ...


def _progress(doing: str) -> _Progress:
    from api.follow_job import JobBar  # noqa: PLC0415

    return JobBar(doing) if sys.stderr.isatty() else _Lines()


class _Lines:
    """Lines on standard error, where that is a log: as the job's state changes, and at each tenth of its comments."""

    def __init__(self) -> None:
        self._told: tuple[str, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def show(self, job: Job) -> None:
        self._tell(job.state, job.done, job.total or 0, _described(job))

    def advance(self, done: int, total: int) -> None:
        self._tell("comparing", done, total, f"{done:,} of {total:,} comments compared.")

    def _tell(self, state: str, done: int, total: int, line: str) -> None:
        reached = (state, done * LINES // total if total else 0)
        if reached != self._told:
            self._told = reached
            typer.echo(line, err=True)


def _last(store: Store) -> Job | None:
    from sqlalchemy import select  # noqa: PLC0415

    from api.jobs.models import Job  # noqa: PLC0415

    with store.read() as session:
        return session.scalar(select(Job).where(Job.kind == "retag").order_by(Job.id.desc()).limit(1))


def _load(model: Path | None) -> Any:
    from nlp.tagger import Tagger  # noqa: PLC0415

    return Tagger.load(model)
