"""`stemme eval`: measure a model on comments that people have labelled. Also `python -m eval.command`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final, Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from eval.counting import Score
from eval.floors import compare
from eval.program import run_program
from eval.report import Evaluation, floor_table, tables
from eval.scores import GROUPS, Pair, score_comments, score_signs, score_three_ways
from nlp.labelled import LabelledComment, RatedComment, labelled_comments, rated_comments
from nlp.record import Comment, Record, TaggedComment
from nlp.taxonomy import Taxonomy

THREE_WAY_SOURCE: Final = "norec_sentence"


class Tagging(Protocol):
    """What is measured: comments in, one record each out, in order."""

    @property
    def name(self) -> str: ...

    def tag(self, comments: Iterable[Comment], *, batch_size: int = 64) -> Iterator[Record]: ...


def load_tagger(model: Path | None) -> Tagging:
    """The tagger in a folder, or the shipped one."""
    from nlp.tagger import Tagger  # noqa: PLC0415, `stemme --help` need not wait for the runtime

    return Tagger.load(model)


def evaluate(
    labels: Annotated[Path, typer.Argument(help="Labelled comments: JSON lines, .xz if compressed.")],
    *,
    model: Annotated[Path | None, typer.Option(help="Model folder; the shipped model by default.")] = None,
    reviews: Annotated[
        Path | None, typer.Option(help="Texts rated negative, neutral or positive, to measure sentiment on as well.")
    ] = None,
    originals: Annotated[
        Path | None,
        typer.Option(help="Where the originals of localised comments stand, if not among the labelled comments."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the scores here, as JSON.")] = None,
    floors: Annotated[
        bool, typer.Option("--floors", help="Compare with the linear model; exit with 1 if a score is below it.")
    ] = False,
) -> None:
    """Measure a model on labelled comments: how often its tags are right, by language and by label."""
    gold = labelled_comments(labels, themes=[theme.id for theme in Taxonomy.load().themes])
    rated = rated_comments(reviews) if reviews else []
    elsewhere = labelled_comments(originals) if originals else []
    evaluation = measure(load_tagger(model), gold, rated=rated, originals=elsewhere)
    compared = compare(evaluation.headlines()) if floors else []

    console = Console()
    console.print(f"{evaluation.model}, taxonomy {evaluation.taxonomy}", highlight=False)
    for table in tables(evaluation):
        console.print(table)
    if evaluation.without_original:
        console.print(
            f"{evaluation.without_original:,} of {evaluation.localisations:,} localised comments have no original in "
            "the files given and are not compared with it. Name its file with --originals."
        )
    if compared:
        console.print(floor_table(compared))
    if output:
        text = json.dumps(evaluation.to_dict(compared), ensure_ascii=False, indent=2)
        output.write_text(text + "\n", encoding="utf-8")
    if any(row.verdict == "below" for row in compared):
        raise typer.Exit(1)


def measure(
    tagger: Tagging,
    gold: Sequence[LabelledComment],
    *,
    rated: Sequence[RatedComment] = (),
    originals: Sequence[LabelledComment] = (),
) -> Evaluation:
    """Tag everything once and score it.

    Parameters
    ----------
    tagger : what is measured
    gold : the labelled comments
    rated : texts with a sentiment only
    originals : comments that may be originals of localised ones among `gold`; tagged only where they are
    """
    wanted = {comment.original_id for comment in gold} - {comment.id for comment in gold}
    originals = [comment for comment in originals if comment.id in wanted]
    records = _tagged(tagger, [*gold, *originals, *rated])
    predicted, of_originals = records[: len(gold)], records[len(gold) : len(gold) + len(originals)]

    record_of = {
        comment.id: record for comment, record in zip([*gold, *originals], [*predicted, *of_originals], strict=True)
    }
    localised = [(comment, record) for comment, record in zip(gold, predicted, strict=True) if comment.original_id]
    pairs = [
        (comment.lang, Pair(record_of[comment.original_id], record))
        for comment, record in localised
        if comment.original_id in record_of
    ]
    named = next((record for record in records if isinstance(record, TaggedComment)), None)
    return Evaluation(
        model=named.model if named else tagger.name,
        taxonomy=named.taxonomy if named else "",
        comments={
            group: score_comments(
                [comment for comment in gold if comment.lang in languages],
                [record for comment, record in zip(gold, predicted, strict=True) if comment.lang in languages],
                [pair for language, pair in pairs if language in languages],
            )
            for group, languages in GROUPS.items()
        },
        reviews=_score_rated(rated, records[len(gold) + len(originals) :]),
        localisations=len(localised),
        without_original=len(localised) - len(pairs),
    )


def _score_rated(rated: Sequence[RatedComment], predicted: Sequence[Record]) -> dict[str, dict[str, Score]]:
    """By group, for the groups that occur."""
    scores: dict[str, dict[str, Score]] = {}
    for group, languages in GROUPS.items():
        rows = [row for row in zip(rated, predicted, strict=True) if row[0].lang in languages]
        if rows:
            scores[group] = {"positive_or_negative": score_signs(*_columns(rows))}
        by_hand = [row for row in rows if row[0].source == THREE_WAY_SOURCE]
        if by_hand and group != "all":
            scores[group]["three_way_macro_f1"] = score_three_ways(*_columns(by_hand))
    return scores


def _columns(rows: Sequence[tuple[RatedComment, Record]]) -> tuple[list[RatedComment], list[Record]]:
    return [comment for comment, _ in rows], [record for _, record in rows]


def _tagged(tagger: Tagging, comments: Sequence[LabelledComment | RatedComment]) -> list[Record]:
    """One record a comment, in order, with a bar where somebody watches."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        stream = tagger.tag(Comment(comment.id, comment.text, comment.question) for comment in comments)
        return list(progress.track(stream, total=len(comments), description="Tagging"))


if __name__ == "__main__":
    run_program(evaluate)
