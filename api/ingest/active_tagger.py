"""The tagger of the active run: a service has one model loaded, and it is that run's, whoever made the run active."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from api.dependencies import CommentTagger
from api.store.database import Store
from api.store.errors import StoreError
from api.store.models import TagRun
from api.store.runs import FormerModel, active_run, ensure_run
from nlp.errors import BadModel

logger = logging.getLogger(__name__)

LoadTagger = Callable[[Path | None], CommentTagger]


class ActiveModelMissing(StoreError):
    code, title = "active_model_missing", "The active run's model is not here"

    def __init__(self, run: TagRun, found: str) -> None:
        where = "came with a version of stemme" if run.model_folder is None else f"lay in {run.model_folder}"
        super().__init__(
            f"New comments are tagged by the active run's model, {run.model}, which {where}; {found}. They wait until "
            "it is there. Put it back, or go to another: `stemme retag --model`, `stemme retag rollback`."
        )


class ActiveTagger:
    """Gives the active run and its tagger, and loads another when another run has become active.

    Parameters
    ----------
    load : makes the tagger of a folder; None stands for the shipped model
    preferred : the folder that the operator has named, if any
    """

    def __init__(self, store: Store, load: LoadTagger, preferred: Path | None) -> None:
        self._store, self._load, self._preferred = store, load, preferred
        self._tagger: CommentTagger | None = None

    @property
    def tagger(self) -> CommentTagger | None:
        """The tagger that is loaded."""
        return self._tagger

    def start(self) -> CommentTagger:
        """Load the model: the one that the operator has named, else the active run's, else the shipped one.

        A model that the store has not had takes over. One that another has taken the place of does not take it back
        by being started again, or two services would take turns: then the active run's is loaded in its place.

        Raises
        ------
        ActiveModelMissing : if the active run's model is no longer where it was
        BadModel : if the model that was named cannot be used
        """
        with self._store.read() as session:
            run = active_run(session)
        if self._preferred is not None or run is None or run.model_folder is None:
            folder = self._preferred
            tagger = self._load(folder)
        else:
            folder = Path(run.model_folder)
            try:
                tagger = self._load(folder)
            except BadModel as error:
                raise ActiveModelMissing(run, str(error)) from None
        try:
            with self._store.write() as session:
                ensure_run(session, model=tagger.name, taxonomy=tagger.taxonomy, folder=_whole(folder))
        except FormerModel as error:
            assert run is not None
            logger.warning("%s That one is loaded now.", error)
            tagger = self._loaded(run)
        self._tagger = tagger
        return tagger

    def now(self) -> tuple[int, CommentTagger]:
        """The active run's id and its tagger.

        Raises
        ------
        ActiveModelMissing : if its model is not here
        """
        with self._store.read() as session:
            run = active_run(session)
        if run is None:
            tagger = self._tagger or self.start()
            with self._store.write() as session:
                run = ensure_run(session, model=tagger.name, taxonomy=tagger.taxonomy, folder=_whole(self._preferred))
        if self._tagger is None or not _is_of(self._tagger, run):
            self._tagger = self._loaded(run)
            logger.info("Run %d is active: new comments are tagged by %s.", run.id, run.model)
        return run.id, self._tagger

    def _loaded(self, run: TagRun) -> CommentTagger:
        # Where the run has it, where this service was told, the shipped one: on another machine it may lie elsewhere.
        recorded = None if run.model_folder is None else Path(run.model_folder)
        found = []
        for folder in dict.fromkeys([recorded, self._preferred, None]):
            try:
                tagger = self._load(folder)
            except BadModel as error:
                found.append(str(error).rstrip("."))
                continue
            if _is_of(tagger, run):
                return tagger
            found.append(f"{'the shipped model' if folder is None else folder} is {tagger.name}")
        raise ActiveModelMissing(run, "; ".join(found))


def _is_of(tagger: CommentTagger, run: TagRun) -> bool:
    return (tagger.name, tagger.taxonomy) == (run.model, run.taxonomy)


def _whole(folder: Path | None) -> str | None:
    return None if folder is None else str(folder.resolve())
