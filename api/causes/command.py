"""`stemme topics`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from api.cause_runs.command import topics_of_store
from api.cause_runs.doing import DOING
from api.files.destination import open_output
from api.files.errors import BadUsage
from api.files.formats import STANDARD_STREAM
from api.files.identify import Roles
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
from api.files.source import Source
from api.reports.options import Where
from api.store.command import Database
from api.terminal import interrupted, say, starts_over
from api.time_zone import named_zone
from nlp.errors import require

if TYPE_CHECKING:
    from nlp.root_causes import RootCauses

EXTRA = "topics"
DOING_WITH_FILE = {**DOING, "embedding": "reading clauses"}
"""A file's comments have been read before, when they were tagged."""


class ReadBy(StrEnum):
    """Languages of labels and pages."""

    EN = "en"
    NB = "nb"
    NN = "nn"
    DA = "da"
    SV = "sv"


def topics(
    input_: InputOrStore = None,
    *,
    output: Annotated[
        str,
        typer.Option("--output", "-o", help="A .json, .parquet or .html file (a page to read or print), or -."),
    ] = STANDARD_STREAM,
    language: Annotated[ReadBy, typer.Option("--language", help="Of labels and of the page.")] = ReadBy.EN,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            help="A column in whose values causes may concentrate; may be said again. Default: source, department, "
            "touchpoint and channel, as far as they are there. Of the store these are always looked at, and a key of "
            "metadata beside them.",
            show_default=False,
        ),
    ] = None,
    id_column: IdColumn = "id",
    text_column: TextColumn = "text",
    question_column: QuestionColumn = None,
    number_rows: NumberRows = False,
    time_column: Annotated[
        str | None,
        typer.Option("--time-column", help="When it was said. Default: submitted_at or date, if it is there."),
    ] = None,
    score_column: Annotated[
        str | None, typer.Option("--score-column", help="The NPS answer, 0 to 10. Default: nps, if it is there.")
    ] = None,
    respondent_column: Annotated[
        str | None, typer.Option("--respondent-column", help="Who said it. Default: respondent, if it is there.")
    ] = None,
    company: Annotated[
        list[str] | None,
        typer.Option("--company", help="Your company's or a brand's name, which is no cause; may be said again."),
    ] = None,
    smallest: Annotated[
        int | None,
        typer.Option("--smallest", min=2, help="Clauses of the smallest cause. Default: by the file's size."),
    ] = None,
    former: Annotated[
        Path | None,
        typer.Option("--former", help="Folder of the last run (--keep): causes keep their ids, and their given names."),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Folder for the topics, for the next run.", show_default=False)
    ] = None,
    bertopic: Annotated[
        Path | None,
        typer.Option(
            "--bertopic",
            help="Folder for the topics as a BERTopic model, for those who work with BERTopic.",
            show_default=False,
        ),
    ] = None,
    actions: Annotated[
        Path | None,
        typer.Option(
            "--actions", help="A .toml or .json file of what was done about causes: the report says what came of it."
        ),
    ] = None,
    time_zone: Annotated[
        str, typer.Option("--time-zone", help="Where days begin, for times that name a zone.")
    ] = "Europe/Oslo",
    input_format: InputFormat = None,
    encoding: Encoding = None,
    model: Model = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed and comments give the same causes.")] = 1,
    quiet: Quiet = False,
    where: Where = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Without the former run's topics: their ids and given names are not kept.")
    ] = False,
    show: Annotated[
        bool | None,
        typer.Option(
            "--show/--aside",
            help="Whether the service is to show the run. Default: unless --where has more than a period.",
            show_default=False,
        ),
    ] = None,
    database: Database = None,
) -> None:
    """Find the root causes in comments: what they cost in NPS, since when, where, in customers' words.

    A file's comments are tagged first. Without a file it is those of the store, with their tags as they are shown, and
    the run is kept there. --where, --anew, --show, --aside and --database are for the store; columns, format, encoding,
    model, --former, --keep, --bertopic and --actions are for a file. No text leaves this machine.
    """
    if input_ is None:
        of_file = (
            number_rows,
            question_column,
            time_column,
            score_column,
            respondent_column,
            former,
            keep,
            bertopic,
            actions,
        )
        if any(of_file) or (id_column, text_column, input_format, encoding, model) != ("id", "text", None, None, None):
            raise BadUsage(
                "Columns, format, encoding, --model, --former, --keep, --bertopic and --actions are of a file, and no "
                "INPUT is named. Name it, or leave them out: actions on causes of the store are kept there, by "
                "`stemme causes actions add` or POST /v1/causes/{topic}/actions."
            )
        topics_of_store(
            where=where or (),
            asked={
                "smallest": smallest,
                "names": company,
                "metadata": by,
                "time_zone": time_zone,
                "seed": seed,
                "anew": anew,
                "show": show,
            },
            output=output,
            language=language.value,
            database=database,
            quiet=quiet,
        )
        return
    if where or anew or show is not None or database:
        raise BadUsage(
            "--where, --anew, --show, --aside and --database are for the store. Leave them out, or leave INPUT out."
        )
    from api.causes.reading import Columns, read_feedback  # noqa: PLC0415, the other commands have no use for it
    from api.causes.writing import cause_format, write_causes  # noqa: PLC0415

    for module in ("sklearn", "scipy", "simplemma", "ruptures", "jinja2", "babel"):
        require(module, extra=EXTRA)
    if bertopic is not None:
        _check_bertopic_folder(bertopic, keep)
    from api.causes.actions_file import ActionsFile  # noqa: PLC0415, it needs the extra
    from api.causes.outcomes import ActionsOfCauses  # noqa: PLC0415
    from nlp.root_causes import find_root_causes  # noqa: PLC0415
    from nlp.tagger import Tagger  # noqa: PLC0415
    from nlp.topics import TopicModel, TopicSettings  # noqa: PLC0415

    format_, zone = cause_format(output), named_zone(time_zone)
    before = None if former is None else TopicModel.load(former)
    done = ActionsOfCauses(None if actions is None else ActionsFile.read(actions), former=before)
    roles = Roles(None if number_rows else id_column, text_column, question_column)
    columns = Columns(roles, time_column, score_column, respondent_column, tuple(by or ()), done.dimensions)
    csv.field_size_limit(MAX_CELL)
    source = Source(input_, None if input_ == STANDARD_STREAM else Path(input_))
    loaded: list[Any] = []

    def load_tagger() -> Tagger:
        tagger = Tagger.load(model)
        loaded.append(tagger)
        return tagger

    try:
        with open_output(output, source=source) as stream, ProgressBar(Console(stderr=True), quiet=quiet) as bar:
            read = read_feedback(
                input_,
                columns,
                load_tagger=load_tagger,
                report=bar,
                time_zone=zone,
                input_format=input_format,
                encoding=encoding,
            )
            for sentence in (_taken(read.columns), *read.left_out.sentences()):
                bar.notice(sentence)
            found = find_root_causes(
                read.feedback,
                loaded[0],
                settings=TopicSettings(min_topic_size=smallest, names=tuple(company or ())),
                former=before,
                encoder=loaded[0].name,
                seed=seed,
                progress=ShownSteps(bar),
            )
            watched = done.watch(found, read.feedback)
            for sentence in watched.notices:
                bar.notice(sentence)
            write_causes(
                stream, format_, found, read.feedback, language=language.value, today=date.today(), watched=watched
            )
    except KeyboardInterrupt:
        raise interrupted(starts_over(output)) from None
    if keep is not None:
        found.model.save(keep)
    if bertopic is not None:
        _keep_as_bertopic(found, bertopic, language=language.value, names=tuple(company or ()))
    if not quiet:
        say(
            f"{len(found.report.causes):,} causes in {len(read.feedback):,} comments; {len(found.without):,} comments "
            "have neither a cause nor a theme."
        )


class ShownSteps:
    """Shares of a step as the progress bar takes them; what begins at 0 says no more of itself until it is done."""

    def __init__(self, bar: ProgressBar) -> None:
        self._bar, self._step = bar, ""

    def __call__(self, step: str, share: float) -> None:
        if step != self._step:
            self._step = step
            self._bar.step(DOING_WITH_FILE.get(step, step).capitalize(), total=1000 if share else None)
        self._bar.advance(round(1000 * share))


def _check_bertopic_folder(folder: Path, keep: Path | None) -> None:
    """Say before the work what would hinder `--bertopic` after it; it has files of the same names as `--keep`."""
    from nlp.bertopic_frame import CLAUSES, bertopic_library  # noqa: PLC0415, it needs the extra

    bertopic_library()
    if folder.exists() and not folder.is_dir():
        raise BadUsage(f"--bertopic {folder} is a file; name a folder.")
    if keep is not None and folder.resolve() == keep.resolve():
        raise BadUsage(f"--bertopic and --keep both name {folder}; name two folders.")
    if folder.exists() and any(folder.iterdir()) and not (folder / CLAUSES).exists():
        raise BadUsage(f"--bertopic {folder} holds other files; name a new folder, or one of --bertopic.")


def _keep_as_bertopic(found: RootCauses, folder: Path, *, language: str, names: Sequence[str]) -> None:
    """The topics as a BERTopic model in a folder, without the texts of comments."""
    from nlp.bertopic_frame import frame_of, save_frame  # noqa: PLC0415, it needs the extra
    from nlp.topic_segments import SegmentBatch  # noqa: PLC0415

    assert found.embeddings is not None
    batch = SegmentBatch(found.segments, found.embeddings)
    frame = frame_of(batch, find=lambda _segments, _embeddings: found.model, language=language, names=names)
    save_frame(frame, folder, found.segments)


def _taken(columns: Any) -> str:
    """Which columns were read as what, for people."""
    parts = [
        f"{what} from {name!r}"
        for what, name in (
            ("days", columns.time),
            ("NPS answers", columns.score),
            ("respondents", columns.respondent),
        )
        if name is not None
    ]
    if columns.dimensions:
        parts.append("places from " + ", ".join(map(repr, columns.dimensions)))
    return "; ".join(parts) if parts else "no days, NPS answers or places: no column is named for them"
