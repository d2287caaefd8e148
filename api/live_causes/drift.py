"""How far the comments that were assigned since the current run of causes are from those that it has read."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from api.cause_runs.models import CauseMember, CauseRun
from api.live_causes.models import CauseAssignment
from api.live_causes.queue import count_waiting_for_causes
from api.live_causes.topics import CurrentTopics, current_topics
from api.store.database import Store
from api.store.runs import active_run
from nlp.clustering.drift import FEWEST, drift_between
from nlp.topics import Tally, TopicModel, tally_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CauseDrift:
    """What was assigned since the current run, beside what the run has read.

    Attributes
    ----------
    run, found_at : the current run, and when it had read the store
    comments, clauses : that were assigned since; comments that the run had read itself are left out
    waiting : comments whose clauses have no topics yet
    new_share, former_new_share, similarity, former_similarity, stability_index : as in `nlp.clustering.drift.Drift`;
        None where nothing is known
    encoder, active_model : which model the run's topics are of, and which one tags comments; where they differ nothing
        can be assigned
    refit : whether causes should be found anew before the next nightly run
    why : a sentence for people
    """

    run: int
    found_at: datetime
    comments: int
    clauses: int
    waiting: int
    new_share: float | None
    former_new_share: float | None
    similarity: float | None
    former_similarity: float | None
    stability_index: float
    encoder: str
    active_model: str | None
    refit: bool
    why: str


@dataclass(frozen=True, slots=True)
class _Former:
    """What the current run itself was like: it is the same for as long as nobody edits its topics."""

    topics: CurrentTopics
    found_at: datetime
    ids: Sequence[str]
    tally: Tally


@dataclass(frozen=True, slots=True)
class _Sums:
    """Of what was assigned since the current run: as long as they stay the same, so does what each topic has got."""

    topics: CurrentTopics
    comments: int
    clauses: int | None
    fitting_none: int | None
    similarity: float | None
    last: datetime | None


class CauseDrifts:
    """Reads the drift, for somebody who asks often.

    What takes long is counted once: the run's own clauses, until another run or an edit takes its place, and what each
    topic has got since, until more is assigned.
    """

    def __init__(self) -> None:
        self._former: _Former | None = None
        self._since: tuple[_Sums, Mapping[str, int]] | None = None

    def read(self, session: Session) -> CauseDrift | None:
        """The drift since the current run of causes; None before the first."""
        topics = current_topics(session)
        if topics is None:
            return None
        former = self._former
        if former is None or former.topics != topics:
            former = self._former = _former(session, topics)
        sums, since = _sums(session, topics), self._since
        if since is None or since[0] != sums:
            since = self._since = sums, _by_topic(session, topics.run_id)
        return _drift(session, former, *since)


def drift_of_causes(session: Session) -> CauseDrift | None:
    """The drift since the current run of causes; None before the first."""
    return CauseDrifts().read(session)


def _former(session: Session, topics: CurrentTopics) -> _Former:
    query = select(CauseRun.created_at, CauseRun.topics).where(CauseRun.id == topics.run_id)
    found_at, archive = session.execute(query).one()
    assert archive is not None  # or there would be no current topics
    model = TopicModel.from_bytes(archive)
    ids = [topic.id for topic in model.topics]
    return _Former(topics, found_at, ids, tally_of(model.assignment, len(ids)))


def _drift(session: Session, former: _Former, sums: _Sums, counts: Mapping[str, int]) -> CauseDrift:
    run_id, encoder, comments = former.topics.run_id, former.topics.encoder, sums.comments
    found = drift_between(_tally(former.ids, sums, counts), former.tally)
    active = active_run(session)
    other_model = active is not None and active.model != encoder
    return CauseDrift(
        run=run_id,
        found_at=former.found_at,
        comments=comments,
        clauses=found.n_segments,
        waiting=count_waiting_for_causes(session),
        new_share=_known(found.new_share) if comments else None,
        former_new_share=_known(found.former_new_share),
        similarity=_known(found.similarity),
        former_similarity=_known(found.former_similarity),
        stability_index=found.stability_index,
        encoder=encoder,
        active_model=None if active is None else active.model,
        refit=found.refit or other_model,
        why=_why(found.refit, other_model=other_model, n_segments=found.n_segments),
    )


def _tally(ids: Sequence[str], sums: _Sums, counts: Mapping[str, int]) -> Tally:
    """What was assigned to topics with these ids, in their order."""
    own = [counts.get(id_, 0) for id_ in ids]
    mean = math.nan if sums.similarity is None or not sum(own) else sums.similarity / sum(own)
    return Tally(own, new=int(sums.fitting_none or 0), n_segments=int(sums.clauses or 0), similarity=mean)


def _sums(session: Session, topics: CurrentTopics) -> _Sums:
    query = select(
        func.count(),
        func.sum(CauseAssignment.clauses),
        func.sum(CauseAssignment.fitting_none),
        func.sum(CauseAssignment.similarity),
        func.max(CauseAssignment.assigned_at),
    )
    return _Sums(topics, *session.execute(query.where(*_since(topics.run_id))).one())


def _by_topic(session: Session, run_id: int) -> dict[str, int]:
    """The clauses that were assigned to each topic."""
    query = (
        select(CauseMember.topic, func.count())
        .join(
            CauseAssignment,
            (CauseAssignment.version_id == CauseMember.comment_version_id)
            & (CauseAssignment.cause_run_id == CauseMember.cause_run_id),
        )
        .where(*_since(run_id))
        .group_by(CauseMember.topic)
    )
    return dict(session.execute(query).tuples().all())


def _since(run_id: int) -> tuple[ColumnElement[bool], ...]:
    return CauseAssignment.cause_run_id == run_id, ~CauseAssignment.assigned_again


def _why(refit: bool, *, other_model: bool, n_segments: int) -> str:
    if other_model:
        return (
            "Another model is at work than the causes were found with, so new comments get no topics. Find them anew."
        )
    if refit:
        return "What customers say has moved away from the causes that are known. Find them anew."
    if n_segments < FEWEST:
        return f"{n_segments:,} clauses were assigned since; from {FEWEST} on it can be told."
    return "The causes fit what customers say."


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


class DriftLog:
    """Says in the log how far the causes have drifted: when the verdict changes, and how it stands after each batch of
    comments that is a tenth larger than the last one that was told of."""

    GROWTH: Final = 1.1

    def __init__(self, store: Store) -> None:
        self._store, self._drifts = store, CauseDrifts()
        self._told: tuple[int, bool] | None = None
        self._told_comments = 0

    def tell(self) -> None:
        """Look, and log what is worth it.

        Raises
        ------
        StoreUnavailable : if the database does not answer
        """
        with self._store.read() as session:
            drift = self._drifts.read(session)
        if drift is None:
            return
        verdict = drift.run, drift.refit
        if verdict == self._told and drift.comments < self._told_comments * self.GROWTH:
            return
        self._told, self._told_comments = verdict, drift.comments
        figures: dict[str, Any] = asdict(drift)
        logger.log(
            logging.WARNING if drift.refit else logging.INFO,
            "Causes of run %d: %d comments assigned since; fitting no topic %s (before %s), stability index %.3f. %s",
            drift.run,
            drift.comments,
            _percent(figures["new_share"]),
            _percent(figures["former_new_share"]),
            drift.stability_index,
            drift.why,
        )


def _percent(share: float | None) -> str:
    return "not known" if share is None else f"{100 * share:.1f} %"
