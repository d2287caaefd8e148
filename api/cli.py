"""The command line: tagging, the demo, NPS, the service, imports, and the commands of packages that plug in."""

from __future__ import annotations

import csv
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from api.access.command import keys_commands
from api.accuracy.command import audit_commands
from api.alerts.command import alerts_commands
from api.causes.command import topics
from api.corrections.command import corrections_commands
from api.exports.command import ingest, mappings
from api.files.errors import BadUsage, CommandUnavailable
from api.files.formats import STANDARD_STREAM, Format
from api.files.identify import Roles
from api.files.jsontext import dumps
from api.files.options import (
    Encoding,
    IdColumn,
    InputFormat,
    InputOrStore,
    Model,
    NumberRows,
    QuestionColumn,
    Quiet,
    TextColumn,
)
from api.files.progress import ProgressBar
from api.files.read_csv import MAX_CELL
from api.files.run import Run, tag_file
from api.folders.command import EngineName, tag_folder_command
from api.live_causes.command import causes_commands
from api.nps import FEWEST_ANSWERS, MINIMUM_ANSWERS
from api.nps import nps as score_groups
from api.question import as_question
from api.removal.command import audit_log, erase, retention_commands
from api.reports.command import nps_of_store, report_commands
from api.reports.options import AsOf, Limit, PeriodOption, Where
from api.reports.options import Run as RunOption
from api.retag.command import retag_commands
from api.store.command import Database, store_commands
from api.terminal import INTERRUPTED, say, starts_over
from api.time_zone import named_zone
from nlp.errors import StemmeError
from nlp.record import Comment

PLUGGED = "stemme.commands"
TERMINATED = 143


class Terminated(KeyboardInterrupt):
    """SIGTERM came: everything is left as after Ctrl-C."""


class Commands(TyperGroup):
    """Our commands and those of the entry-point group `stemme.commands`, each of which is imported when it is called.

    Errors that people are meant to handle become one line and an exit code here, for every command.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        ours = super().list_commands(ctx)
        return [*ours, *sorted(name for name in _plugged() if name not in ours)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        ours = super().get_command(ctx, cmd_name)
        if ours is not None or cmd_name not in _plugged():
            return ours
        return _load(_plugged()[cmd_name])

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except StemmeError as error:
            say(f"error: {error} ({error.code})", style="red")
            raise typer.Exit(getattr(error, "exit_code", 2)) from None
        except BrokenPipeError:
            _leave_closed_pipe()
            raise typer.Exit(0) from None


app = typer.Typer(
    cls=Commands,
    name="stemme",
    help="Reads open-ended customer feedback in Norwegian, Danish and Swedish, on this machine.",
    epilog="Try `stemme demo`, then `stemme tag comments.csv -o tagged.csv`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,  # they would show customers' words
)
app.add_typer(keys_commands, name="keys")
app.add_typer(store_commands, name="store")
app.add_typer(corrections_commands, name="corrections")
app.add_typer(alerts_commands, name="alerts")
app.add_typer(report_commands, name="report")
app.add_typer(retention_commands, name="retention")
app.add_typer(audit_commands, name="audit")
app.add_typer(retag_commands, name="retag")
app.add_typer(causes_commands, name="causes")


def main() -> None:
    """What the `stemme` script calls."""
    app()


def load_tagger(model: Path | None, *, threads: int | None = None) -> Any:
    """The tagger of a model folder, the shipped one if none is named; it runs on all cores unless `threads` is said."""
    from nlp.tagger import Tagger  # noqa: PLC0415, `--help` need not wait for the runtime

    return Tagger.load(model, threads=threads)


def _show_version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        typer.echo(f"stemme {version('stemme')}")
    except PackageNotFoundError:
        typer.echo("stemme, run from its source folder (not installed, so without a version)")
    raise typer.Exit


@app.callback()
def stemme(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Reads open-ended customer feedback in Norwegian, Danish and Swedish, on this machine."""


@app.command(
    epilog="""Examples:

- `stemme tag comments.csv -o tagged.parquet`
- `stemme tag svar.csv --id-column nr --text-column kommentar -o tagged.jsonl`
- `cat comments.jsonl | stemme tag - | jq .sentiment.label`
- `stemme tag --text "Pakka kom for seint"`
- `stemme tag --text "prisene" --question "Hva kan bli bedre?"`
- `stemme tag archive -o tagged`
- `stemme tag archive -o tagged --engine ray --workers 8`
"""
)
def tag(
    input_: Annotated[
        str | None,
        typer.Argument(
            metavar="INPUT",
            help="A .csv, .jsonl or .parquet file, a folder of .parquet files, or - for standard input.",
            show_default=False,
        ),
    ] = None,
    *,
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", help="A .csv, .jsonl or .parquet file, a folder for a folder, or - for standard output."
        ),
    ] = STANDARD_STREAM,
    text: Annotated[
        str | None, typer.Option("--text", help="Tag this one text in place of a file, and print its record.")
    ] = None,
    question: Annotated[
        str | None, typer.Option("--question", help="The survey's question that --text answers, if it is known.")
    ] = None,
    id_column: IdColumn = "id",
    text_column: TextColumn = "text",
    question_column: QuestionColumn = None,
    number_rows: NumberRows = False,
    allow_duplicate_ids: Annotated[
        bool,
        typer.Option("--allow-duplicate-ids", help="Tag a row although its id was there before; else it is an error."),
    ] = False,
    input_format: InputFormat = None,
    output_format: Annotated[
        Format | None,
        typer.Option("--output-format", help="Default: by the extension; - is jsonl.", show_default=False),
    ] = None,
    encoding: Encoding = None,
    model: Model = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, max=1024, help="Comments per pass of the model.")
    ] = 64,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, help="Cores for the model, of each worker. Default: all.", show_default=False),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Of a folder: tag every file again, those that are done as well.")
    ] = False,
    engine: Annotated[
        EngineName, typer.Option("--engine", help="Of a folder: who tags its files, this process or a Ray cluster.")
    ] = EngineName.LOCAL,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Processes on Ray. Default: one for each core.", show_default=False),
    ] = None,
    ray_address: Annotated[
        str | None,
        typer.Option("--ray-address", help="Of a Ray cluster, such as auto. Default: this machine, for this run."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Tag every comment of a file, or of a folder of Parquet files: one row out for each row in, in the same order.

    Other columns pass through. A row that cannot be tagged comes out with an error in place of its tags, and the run
    goes on. Each output appears once it is complete; over a folder the same command goes on where a run broke off.
    No text leaves this machine, or the Ray cluster that is named.
    """
    if (input_ is None) == (text is None):
        found = "neither" if input_ is None else "both"
        raise BadUsage(f"INPUT or --text is needed, and {found} is there. Examples: stemme tag --help.")
    if text is not None:
        if output != STANDARD_STREAM:
            raise BadUsage("--text prints its record; --output is for an INPUT. Leave --output out.")
        typer.echo(_as_json(Comment("1", text, as_question(question)), model))
        return
    if question is not None:
        raise BadUsage("--question goes with --text. For an INPUT name its column: --question-column.")
    assert input_ is not None
    roles = Roles(None if number_rows else id_column, text_column, question_column)
    if Path(input_).is_dir():
        if input_format or output_format or encoding:
            raise BadUsage("A folder's files are Parquet: leave --input-format, --output-format and --encoding out.")
        with _stopped(f"Files that are done stay in {output}; the same command, without --overwrite, goes on."):
            tag_folder_command(
                input_,
                output,
                roles=roles,
                unique_ids=not allow_duplicate_ids,
                batch_size=batch_size,
                overwrite=overwrite,
                engine=engine,
                ray_address=ray_address,
                workers=workers,
                threads=threads,
                model=model,
                load_tagger=_loader(model, threads),
                quiet=quiet,
            )
        return
    _refuse_folder_options(overwrite=overwrite, engine=engine, workers=workers, ray_address=ray_address)
    run = Run(
        input=input_,
        output=output,
        input_format=input_format,
        output_format=output_format,
        encoding=encoding,
        roles=roles,
        unique_ids=not allow_duplicate_ids,
        batch_size=batch_size,
    )
    _tag_file(run, load_tagger=_loader(model, threads), quiet=quiet)


@app.command(epilog="Example: `stemme demo -o tagged.jsonl`")
def demo(
    *,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Write the records as well: a .csv, .jsonl or .parquet file."),
    ] = None,
    model: Model = None,
) -> None:
    """Tag the sample that is shipped, 445 invented comments, and print what customers speak about and how."""
    from api.demo import show, tag_sample  # noqa: PLC0415, the other commands have no use for it
    from nlp.taxonomy import Taxonomy  # noqa: PLC0415

    if output == STANDARD_STREAM:
        raise BadUsage("The summary goes to standard output; the records need a file. Name one: -o tagged.jsonl.")
    with _cleaned_up_when_stopped(output or STANDARD_STREAM):
        tagger = load_tagger(model)
        tagged = tag_sample(tagger, output=output)
    show(tagged, Console(), taxonomy=Taxonomy.load(), model=tagger.name)
    if output is not None:
        say(f"{len(tagged)} records are in {output}.")


@app.command(
    epilog="""Examples:

- `stemme nps --by department --period month`
- `stemme nps svar.csv --by department --period month`
- `stemme nps answers.parquet --score-column q1 --period week --time-column at --time-zone Europe/Stockholm -o nps.json`
"""
)
def nps(
    input_: InputOrStore = None,
    *,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by", help="A column, or dimension of the store, to group by; may be said again.", show_default=False
        ),
    ] = None,
    period: PeriodOption = None,
    time_zone: Annotated[
        str, typer.Option("--time-zone", help="Where days begin, and of times without a zone.")
    ] = "Europe/Oslo",
    score_column: Annotated[str, typer.Option("--score-column", help="The column that holds 0 to 10.")] = "nps",
    time_column: Annotated[
        str, typer.Option("--time-column", help="The column that holds the time, for --period.")
    ] = "submitted_at",
    minimum: Annotated[
        int, typer.Option("--minimum", help=f"Fewer answers give no number; {FEWEST_ANSWERS} at least.")
    ] = MINIMUM_ANSWERS,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the figures here, as JSON.")] = None,
    input_format: InputFormat = None,
    encoding: Encoding = None,
    where: Where = None,
    as_of: AsOf = None,
    run: RunOption = None,
    limit: Limit = 100,
    database: Database = None,
) -> None:
    """Net Promoter Score of a file's answers, or of the store's, with its 95 % interval, by any dimension and period.

    --where, --as-of, --run, --limit and --database are for the store; columns, format and encoding are for a file.
    """
    if input_ is None:
        if (score_column, time_column, input_format, encoding) != ("nps", "submitted_at", None, None):
            raise BadUsage(
                "Columns, format and encoding are of a file, and no INPUT is named. Name it, or leave them out."
            )
        nps_of_store(
            by=by or (),
            period=period,
            time_zone=time_zone,
            where=where or (),
            minimum=minimum,
            limit=limit,
            as_of=as_of,
            run=run,
            output=output,
            database=database,
        )
        return
    if where or as_of or run or database:
        raise BadUsage("--where, --as-of, --run and --database are for the store. Leave them out, or leave INPUT out.")
    from api import nps_file  # noqa: PLC0415, the other commands have no use for it

    csv.field_size_limit(MAX_CELL)
    zone, left_out = named_zone(time_zone), nps_file.LeftOut()
    columns = nps_file.NpsColumns(score_column, time_column if period else None, tuple(by or ()))
    answers = nps_file.read_answers(
        input_, columns, left_out=left_out, time_zone=zone, input_format=input_format, encoding=encoding
    )
    rows = score_groups(answers, by=columns.dimensions, period=period, time_zone=zone, minimum=minimum)
    Console().print(nps_file.table(rows, by=columns.dimensions, period=period, minimum=minimum))
    if left_out.counts:
        say(str(left_out))
    if output is not None:
        output.write_text(dumps([nps_file.as_dict(row) for row in rows], indent=2) + "\n", encoding="utf-8")


@app.command(epilog="Example: `stemme serve --port 8080`, then `curl http://127.0.0.1:8080/readyz`")
def serve(
    *,
    host: Annotated[
        str | None,
        typer.Option("--host", help="Address to listen on. Default: STEMME_HOST, else 127.0.0.1.", show_default=False),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", help="Port to listen on. Default: STEMME_PORT, else 8000.", show_default=False),
    ] = None,
    model: Model = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Let every program on this machine in without a key; on loopback only.")
    ] = False,
    refit_at: Annotated[
        str | None,
        typer.Option(
            "--refit-at",
            help="Find causes anew every night at this time, such as 03:00, on the clock of STEMME_REFIT_TIME_ZONE. "
            "Default: STEMME_REFIT_AT, else only when asked for.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Serve the REST interface, to holders of a key (`stemme keys create`).

    Every setting can also come from the environment, as STEMME_ and its name.
    """
    from api.server import serve as serve_until_stopped  # noqa: PLC0415, the other commands need no web server
    from api.settings import read_settings  # noqa: PLC0415

    settings = read_settings(host=host, port=port, model=model, open=open_ or None, refit_at=refit_at)
    serve_until_stopped(settings, load=load_tagger)


app.command(
    epilog="""Examples:

- `stemme ingest export.csv --dry-run`
- `stemme ingest export.csv --mapping qualtrics --column nps=Q3 --tag`
- `stemme ingest export.csv --mapping qualtrics --column nps=Q3 -o comments.jsonl`
- `stemme ingest svar.xlsx --mapping netigate --value "question=Hva kan bli bedre?" -o comments.parquet`
"""
)(ingest)
app.command(epilog="Example: `stemme mappings qualtrics > ours.toml`")(mappings)
app.command(
    epilog="""Examples:

- `stemme topics svar.csv -o causes.html --language nb`
- `stemme topics comments.parquet --by region --score-column q1 -o causes.json --keep topics/`
- `stemme topics --where submitted_from=2026-01-01T00:00:00+01:00 -o causes.html`
"""
)(topics)
app.command(epilog="Example: `stemme erase --respondent kunde-7 --dry-run`")(erase)
app.command("audit-log", epilog="Example: `stemme audit-log --action comments.erasure -n 20`")(audit_log)


def _loader(model: Path | None, threads: int | None) -> Callable[[], Any]:
    return lambda: load_tagger(model) if threads is None else load_tagger(model, threads=threads)


def _refuse_folder_options(
    *, overwrite: bool, engine: EngineName, workers: int | None, ray_address: str | None
) -> None:
    given = {
        "--overwrite": overwrite,
        "--engine ray": engine is not EngineName.LOCAL,
        "--workers": workers is not None,
        "--ray-address": ray_address is not None,
    }
    for option, is_given in given.items():
        if is_given:
            raise BadUsage(f"{option} goes with an INPUT that is a folder. Leave it out for a file.")


def _tag_file(run: Run, *, load_tagger: Callable[[], Any], quiet: bool) -> None:
    csv.field_size_limit(MAX_CELL)
    with (
        _cleaned_up_when_stopped(run.output),
        ProgressBar(Console(stderr=True), quiet=quiet) as bar,
    ):
        summary = tag_file(run, load_tagger=load_tagger, report=bar)
    if not quiet:
        say(str(summary))


def _cleaned_up_when_stopped(output: str) -> AbstractContextManager[None]:
    return _stopped(starts_over(output))


@contextmanager
def _stopped(left: str) -> Iterator[None]:
    """Let SIGTERM, which ends a process on the spot, leave as little behind as Ctrl-C, and say what is left."""

    def terminate(_number: int, _frame: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except KeyboardInterrupt as stop:
        what, code = ("terminated", TERMINATED) if isinstance(stop, Terminated) else ("interrupted", INTERRUPTED)
        say(f"{what}. {left}", style="red")
        raise typer.Exit(code) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _as_json(comment: Comment, model: Path | None) -> str:
    record = load_tagger(model).tag_one(comment)
    # Escaped where it is no text, as a shell can hand over any bytes and a terminal cannot print them.
    return dumps(record.to_dict(), indent=2).encode("utf-8", "backslashreplace").decode("utf-8")


def _leave_closed_pipe() -> None:
    """Let what is still buffered go nowhere, so that Python does not complain about the pipe once more on its exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _plugged() -> Mapping[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=PLUGGED)}


def _load(entry: EntryPoint) -> Any:
    """The command that an entry point names; if it cannot be imported, one that says so when it is called."""
    function: Callable[..., Any]
    settings: dict[str, Any] = {}
    try:
        function = entry.load()
    except Exception as error:  # whatever a package does when it is imported, it must not break the other commands
        function = _unavailable(entry, error)
        settings = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    one = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_show_locals=False)
    one.command(entry.name, context_settings=settings)(function)
    return typer.main.get_command(one)


def _unavailable(entry: EntryPoint, error: Exception) -> Callable[[], None]:
    def command() -> None:
        raise CommandUnavailable(
            f"{entry.name!r} cannot be loaded from {entry.value} ({type(error).__name__}: {error}). Reinstall the "
            "package that brings it, or its extra."
        ) from error

    command.__doc__ = f"Not available: {type(error).__name__} while loading {entry.value}."
    return command


if __name__ == "__main__":
    main()
