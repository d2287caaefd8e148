"""Tag runs: which model and taxonomy are at work, which one's tags are shown, and the way from one to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import exists, func, select, text
from sqlalchemy.orm import Session, aliased

from api.store.errors import StoreError
from api.store.history import note_activation
from api.store.models import RunState, Tagging, TagRun

FIRST_RUN_LOCK: Final = 0x72756E
"""Of PostgreSQL: "run" in ASCII."""
MOST_NAMED: Final = 20
"""Runs in a message."""


class UnknownRun(StoreError):
    code, title = "unknown_run", "There is no such run"

    def __init__(self, id_: int, known: Sequence[int]) -> None:
        shown = ", ".join(map(str, known[:MOST_NAMED])) + (" …" if len(known) > MOST_NAMED else "")
        super().__init__(
            f"No run has the id {id_}. Known: {shown or 'none, as nothing has been tagged yet'}. `GET /v1/runs` and "
            "`stemme retag runs` tell of them."
        )


class RunNotReady(StoreError):
    code, title = "run_not_ready", "The run cannot be made active"

    def __init__(self, id_: int, state: str) -> None:
        super().__init__(
            f"Run {id_} is {state}. A run can be made active if it has been before; one that is being prepared becomes "
            "so by itself. `stemme retag runs` lists them."
        )


class NoFormerRun(StoreError):
    code, title = "no_former_run", "There is no run to go back to"

    def __init__(self) -> None:
        super().__init__("No run was active before the present one, so there is nothing to go back to.")


class FormerModel(StoreError):
    """A service with a model that another has taken the place of: it must not take its turn by being restarted."""

    code, title = "former_model", "Another model has taken the place of this one"

    def __init__(self, model: str, active: str) -> None:
        super().__init__(
            f"The store's active run is of {active}, which has taken the place of {model}. Start the service without "
            f"--model (STEMME_MODEL). To go back to {model}: `stemme retag rollback`."
        )


@dataclass(frozen=True, slots=True)
class CountedRun:
    """A run with the number of versions that it has tagged, and of those that it is shown of."""

    run: TagRun
    tagged: int
    shown: int


def active_run(session: Session) -> TagRun | None:
    """The run in which new comments are tagged; None before the first."""
    return session.scalar(select(TagRun).where(TagRun.state == RunState.ACTIVE))


def ensure_run(session: Session, *, model: str, taxonomy: str, folder: str | None = None) -> TagRun:
    """The active run of this model and taxonomy; of a model that the store has not had, a new one takes over.

    The former run's tags are kept, and shown until their comments are tagged again.

    Parameters
    ----------
    folder : where the model lies; None if it came with the package

    Raises
    ------
    FormerModel : if the model was active before and another has taken its place: only a person takes it back
    """
    active = active_run(session)
    if active is not None and (active.model, active.taxonomy) == (model, taxonomy):
        return active
    _one_after_the_other(session)
    active = active_run(session)
    if active is not None and (active.model, active.taxonomy) == (model, taxonomy):
        return active
    same = select(TagRun.id).where(TagRun.model == model, TagRun.taxonomy == taxonomy, TagRun.rank.is_not(None))
    if active is not None and session.scalar(same.limit(1)) is not None:
        raise FormerModel(model, active.model)
    run = prepare_run(session, model=model, taxonomy=taxonomy, folder=folder)
    make_active(session, run)
    return run


def _one_after_the_other(session: Session) -> None:
    """Let two services that begin on an empty store not both make its first run; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": FIRST_RUN_LOCK})


def prepare_run(session: Session, *, model: str, taxonomy: str, folder: str | None) -> TagRun:
    """A new run that is not shown."""
    run = TagRun(model=model, taxonomy=taxonomy, state=RunState.PREPARING, model_folder=folder)
    session.add(run)
    session.flush()
    return run


def make_active(session: Session, run: TagRun) -> None:
    """Show a run's tags before all others', and tag new comments in it: two rows change, whatever it has tagged."""
    former = session.scalar(select(TagRun).where(TagRun.state == RunState.ACTIVE).with_for_update())
    if former is not None and former.id != run.id:
        former.state = RunState.FORMER
        session.flush()  # there is one active run, at any moment
    run.rank = (session.scalar(select(func.max(TagRun.rank))) or 0) + 1
    run.state = RunState.ACTIVE
    session.flush()
    note_activation(session, run)


def lock_active(session: Session) -> None:
    """Let nobody store anything in the active run, or make another active, until the transaction ends."""
    session.execute(select(TagRun.id).where(TagRun.state == RunState.ACTIVE).with_for_update())


def is_active(session: Session, run_id: int) -> bool:
    """Whether a run is the active one; it stays so until the transaction ends."""
    state = session.scalar(select(TagRun.state).where(TagRun.id == run_id).with_for_update(read=True))
    return state == RunState.ACTIVE


def find_run(session: Session, id_: int) -> TagRun:
    """The run with this id.

    Raises
    ------
    UnknownRun : if there is none
    """
    run = session.get(TagRun, id_)
    if run is None:
        raise UnknownRun(id_, session.scalars(select(TagRun.id).order_by(TagRun.id)).all())
    return run


def run_before(session: Session) -> TagRun:
    """The run that was active before the present one.

    Raises
    ------
    NoFormerRun : if there was none
    """
    ranked = select(TagRun).where(TagRun.state == RunState.FORMER).order_by(TagRun.rank.desc()).limit(1)
    run = session.scalar(ranked)
    if run is None:
        raise NoFormerRun
    return run


def list_runs(session: Session) -> Sequence[CountedRun]:
    """Every run, the newest first."""
    runs = session.scalars(select(TagRun).order_by(TagRun.id.desc())).all()
    return _counted(session, runs)


def count_run(session: Session, id_: int) -> CountedRun:
    """One run with its counts.

    Raises
    ------
    UnknownRun : if there is none
    """
    return _counted(session, [find_run(session, id_)])[0]


def _counted(session: Session, runs: Sequence[TagRun]) -> list[CountedRun]:
    # What a run is shown of is what it has tagged less what runs above it have: nothing of the run on top, which has
    # tagged most. Both counts read one index and no row.
    ids = [run.id for run in runs]
    of_run = select(Tagging.run_id, func.count()).where(Tagging.run_id.in_(ids)).group_by(Tagging.run_id)
    tagged = dict(session.execute(of_run).tuples().all())
    ranks = dict(session.execute(select(TagRun.id, TagRun.rank).where(TagRun.rank.is_not(None))).tuples().all())
    counted = []
    for run in runs:
        number, rank = tagged.get(run.id, 0), ranks.get(run.id)
        if rank is None or not number:
            counted.append(CountedRun(run, number, 0))
            continue
        above = [id_ for id_, other in ranks.items() if other is not None and other > rank]
        counted.append(CountedRun(run, number, number - _also_tagged(session, run.id, above)))
    return counted


def _also_tagged(session: Session, run_id: int, others: Sequence[int]) -> int:
    """How many of the run's versions another of these runs has tagged too."""
    if not others:
        return 0
    own, other = aliased(Tagging), aliased(Tagging)
    too = exists().where(other.version_id == own.version_id, other.run_id.in_(others))
    return session.scalar(select(func.count()).select_from(own).where(own.run_id == run_id, too)) or 0
