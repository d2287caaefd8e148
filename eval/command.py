"""`stemme eval`: measure a model on comments that people have labelled. Also `python -m eval.command`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from eval.against import differences
from eval.behaviour.gate import SHIPPED as GATE
from eval.behaviour.gate import Gate
from eval.counting import score
from eval.floors import compare
from eval.goals import beside_goals, goal_table, goals_to_dict, values_of
from eval.plot import write_reliability
from eval.program import run_program
from eval.rated import count_rated
from eval.report import Against, Evaluation, show
from eval.scores import GROUPS, score_comments
from eval.tagging import Tagged, Tagging, load_full_precision, load_tagger, tag_all
from nlp.errors import StemmeError
from nlp.labelled import LabelledComment, RatedComment, labelled_comments, rated_comments
from nlp.taxonomy import Taxonomy

FULL_PRECISION: Final = "full-precision"


class BadOutput(StemmeError):
    code, title = "bad_output", "The output cannot be written"


class NothingToMeasure(StemmeError):
    code, title = "nothing_to_measure", "There is nothing to measure"


def evaluate(
    labels: Annotated[
        Path | None, typer.Argument(help="Labelled comments: JSON lines, .xz if compressed. Or --reviews alone.")
    ] = None,
    *,
    model: Annotated[Path | None, typer.Option(help="Model folder; the shipped model by default.")] = None,
    reviews: Annotated[
        Path | None, typer.Option(help="Texts rated negative, neutral or positive, to measure sentiment on, too.")
    ] = None,
    originals: Annotated[
        Path | None,
        typer.Option(help="Where the originals of localised comments stand, if not among the labelled comments."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a second model: its scores on the same texts, and how far they are apart. Or "
            f"{FULL_PRECISION!r}: the model's own network before it was made int8."
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the scores here, as JSON.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw here, as .svg, how often confidences of each size come true.")
    ] = None,
    floors: Annotated[
        bool, typer.Option("--floors", help="Compare with the linear model; exit with 1 if a score is below it.")
    ] = False,
    goals: Annotated[
        bool, typer.Option("--goals", help="List every goal of the project, and whether it is reached.")
    ] = False,
) -> None:
    """Measure a model on labelled comments: how often its tags are right, by language and by label."""
    _check_outputs(output, plot)
    if plot is not None and labels is None:
        raise BadOutput("--plot draws confidences beside labels. Name a file of labelled comments, or leave it out.")
    if labels is None and reviews is None:
        raise NothingToMeasure("Name a file of labelled comments, or one of rated texts with --reviews.")
    gold = labelled_comments(labels, themes=[theme.id for theme in Taxonomy.load().themes]) if labels else []
    rated = rated_comments(reviews) if reviews else []
    elsewhere = labelled_comments(originals) if originals else []
    rates = Gate.load(GATE) if goals else None
    tagger, other = load_tagger(model), _second(against, model) if against else None
    tagged = tag_all(tagger, gold, rated=rated, originals=elsewhere)
    evaluation = scored(tagged)
    beside = None
    if against and other:
        tagged_by_other = tag_all(other, gold, rated=rated, originals=elsewhere)
        beside = Against(
            against.resolve().name,
            scored(tagged_by_other),
            differences(tagged, tagged_by_other),
            full_precision=_is_full_precision(against),
        )
    compared = compare(evaluation.headlines()) if floors else []
    aims = beside_goals(values_of(evaluation, beside, rates)) if rates else []

    console = Console()
    show(evaluation, compared, beside, console)
    if aims:
        console.print(goal_table(aims))
    if output:
        found = evaluation.to_dict(compared, beside) | goals_to_dict(aims)
        text = json.dumps(found, ensure_ascii=False, indent=2)
        output.write_text(text + "\n", encoding="utf-8")
    if plot:
        write_reliability(plot, evaluation.shown, title=f"Reliability of {evaluation.model}")
    if any(row.verdict == "below" for row in compared):
        raise typer.Exit(1)


def measure(
    tagger: Tagging,
    gold: Sequence[LabelledComment],
    *,
    rated: Sequence[RatedComment] = (),
    originals: Sequence[LabelledComment] = (),
) -> Evaluation:
    """Tag everything once and score it; the parameters are those of `eval.tagging.tag_all`."""
    return scored(tag_all(tagger, gold, rated=rated, originals=originals))


def scored(tagged: Tagged) -> Evaluation:
    """Every score of what was tagged, by group of languages; of rated texts, for the groups that occur.

    Of comments there is no group at all where no comment has labels.
    """
    parts = {group: tagged.of(languages) for group, languages in GROUPS.items()}
    of_comments = parts if tagged.gold else {}
    counted_reviews = {group: count_rated(part.rated, part.predicted_rated) for group, part in parts.items()}
    return Evaluation(
        model=tagged.model,
        taxonomy=tagged.taxonomy,
        speed=tagged.speed,
        comments={
            group: score_comments(part.gold, part.predicted, part.pairs, part.theme_sentiments)
            for group, part in of_comments.items()
        },
        reviews={
            group: {name: score(counted) for name, counted in scores.items()}
            for group, scores in counted_reviews.items()
            if scores
        },
        localisations=tagged.localisations,
        without_original=tagged.without_original,
    )


def _second(against: Path, model: Path | None) -> Tagging:
    """The model to compare with."""
    return load_full_precision(model) if _is_full_precision(against) else load_tagger(against)


def _is_full_precision(against: Path) -> bool:
    """Whether the word stands there and not a folder of that name."""
    return str(against) == FULL_PRECISION and not against.exists()


def _check_outputs(output: Path | None, plot: Path | None) -> None:
    """Refuse before tagging what would fail after it."""
    for path in (output, plot):
        if path is not None and not path.parent.is_dir():
            raise BadOutput(f"{path.parent} does not exist. Create the folder or name another.")
    if plot is not None and plot.suffix != ".svg":
        raise BadOutput(f"--plot {plot.name} ends in {plot.suffix!r}; the plot is written as .svg only. Name it so.")


if __name__ == "__main__":
    run_program(evaluate)
