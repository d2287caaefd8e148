"""Making another run active: back to the former one, or to any that was active before."""

from __future__ import annotations

from pathlib import Path

from api.store.audit import note
from api.store.database import Store
from api.store.errors import StoreError
from api.store.models import RunState, TagRun
from api.store.runs import RunNotReady, find_run, lock_active, make_active, run_before
from nlp.errors import BadModel
from nlp.models.manifest import Manifest
from nlp.models.shipped import SHIPPED


class RunModelMissing(StoreError):
    code, title = "run_model_missing", "The run's model is not here"

    def __init__(self, run: TagRun, found: str) -> None:
        super().__init__(
            f"Run {run.id} was tagged by {run.model}, and {found}. New comments would wait for it. Put it back, or "
            "make the run active all the same: `force` (`--force`)."
        )


def activate(store: Store, run_id: int | None, *, by: str, force: bool = False) -> TagRun:
    """Show a run's tags before all others', and tag new comments by its model; at once, for every reader.

    Parameters
    ----------
    run_id : None for the run that was active before the present one
    by : who does it, for the audit log
    force : although its model is not here, so that new comments wait

    Raises
    ------
    UnknownRun, NoFormerRun : if there is no such run
    RunNotReady : if it is being prepared, was cancelled or has failed
    RunModelMissing : if its model is not here
    """
    with store.write() as session:
        lock_active(session)
        run = run_before(session) if run_id is None else find_run(session, run_id)
        if run.state == RunState.ACTIVE:
            return run
        if run.state != RunState.FORMER:
            raise RunNotReady(run.id, run.state)
        if not force:
            _refuse_without_model(run)
        make_active(session, run)
        note(session, by=by, action="run.activated", subject=str(run.id), detail={"model": run.model})
        return run


def _refuse_without_model(run: TagRun) -> None:
    folder = SHIPPED if run.model_folder is None else Path(run.model_folder)
    try:
        found = Manifest.load(folder).id
    except BadModel as error:
        raise RunModelMissing(run, str(error).rstrip(".")) from None
    if found != run.model:
        raise RunModelMissing(run, f"{'the shipped model' if run.model_folder is None else folder} is {found}")
