"""One run of `stemme train`: measure, learn, measure again, and leave a model folder that says what has changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from eval.before_after import Training, card, changes, languages_of
from eval.tagging import load_tagger, tag_all
from nlp.labelled import LabelledComment, labelled_comments
from nlp.models.manifest import Manifest
from nlp.taxonomy import Taxonomy
from training.customize import (
    REHEARSAL,
    Customized,
    CustomRecipe,
    check_enough,
    customize,
    open_base,
    rare_labels,
)
from training.holdout import hold_out, without

HELD_OUT_SHARE: Final = 0.2
CARD, NUMBERS = "README.md", "training.json"


@dataclass(frozen=True, slots=True)
class Customization:
    """What is asked for, checked.

    Parameters
    ----------
    model, base : the folder to begin with, and what it says of itself
    learned, held_out : comments to learn from, and others to measure before and after on
    work : folder that holds what an interrupted run has reached
    name : of the new model
    """

    model: Path
    base: Manifest
    learned: Sequence[LabelledComment]
    held_out: Sequence[LabelledComment]
    work: Path
    name: str
    seed: int
    recipe: CustomRecipe

    @classmethod
    def of(
        cls,
        labels: Path,
        *,
        model: Path,
        held_out: Path | None,
        work: Path,
        name: str,
        seed: int,
        recipe: CustomRecipe,
    ) -> Customization:
        """Read the labelled file, and hold a fifth of it out unless another file is held out.

        Raises
        ------
        BadModel : if the model folder cannot be used, or not be trained further
        BadLabels : if a file cannot be used, or names a theme that is not in the taxonomy
        TooFewLabels : if nothing can be learned or measured
        """
        base, themes = open_base(model), [theme.id for theme in Taxonomy.load().themes]
        comments = labelled_comments(labels, themes=themes)
        if held_out is None:
            learned, measured = hold_out(comments, HELD_OUT_SHARE, seed=seed)
        else:
            measured = labelled_comments(held_out, themes=themes)
            learned = without(comments, measured)
        check_enough(len(learned), len(measured), recipe)
        return cls(model, base, learned, measured, work, name, seed, recipe)

    def notes(self) -> list[str]:
        """What to know before it begins."""
        notes = [f"Learning from {len(self.learned):,} comments; {len(self.held_out):,} are held out."]
        if rare := rare_labels(self.base.labels, self.learned):
            listed = ", ".join(f"{label} {count}" for label, count in rare.items())
            notes.append(f"Fewer than 10 comments to learn from, so expect little of these labels: {listed}.")
        return notes

    def run(self, folder: Path, *, console: Console) -> Training:
        """Do it, and leave the finished model in `folder`; the console gets a bar where somebody watches."""
        before = tag_all(load_tagger(self.model), self.held_out)
        shutil.rmtree(folder, ignore_errors=True)
        made = self._customized(folder, console)
        after = tag_all(load_tagger(folder), self.held_out)
        training = Training(
            base=self.base.id,
            model=made.manifest.id,
            day=date.today(),
            seed=self.seed,
            epochs=self.recipe.epochs,
            learned=made.learned,
            rehearsed=made.rehearsed,
            calibrated=made.calibrated,
            held_out=[comment.id for comment in self.held_out],
            languages=languages_of([*self.learned, *self.held_out]),
            changes=changes(before, after),
        )
        made.manifest.model_copy(update={"scores": training.scores}).save(folder)
        (folder / CARD).write_text(card(training), encoding="utf-8")
        text = json.dumps(training.to_dict(), ensure_ascii=False, indent=2)
        (folder / NUMBERS).write_text(text + "\n", encoding="utf-8")
        return training

    def _customized(self, folder: Path, console: Console) -> Customized:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("Learning", total=None)
            return customize(
                self.model,
                self.learned,
                without(labelled_comments(REHEARSAL), self.held_out),
                folder,
                work=self.work,
                name=self.name,
                day=date.today(),
                seed=self.seed,
                recipe=self.recipe,
                report=lambda seen, total: progress.update(task, completed=seen, total=total),
            )
