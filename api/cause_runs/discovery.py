"""Finding causes in comments whose clauses have been read; the run is put into the store, where nobody sees it yet.

Needs no model, only the store: so it can be done in a process of its own (`api.cause_runs.apart`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from api.cause_runs import reading
from api.cause_runs.embeddings import KeptReader, NotKept
from api.cause_runs.errors import TopicsNotKept
from api.cause_runs.make_report import make_report
from api.cause_runs.models import CauseMember, CauseRun
from api.cause_runs.runs import current_run, load_topics, stage_run
from api.ingest.live import GiveWay
from api.retag.request import filters_of
from api.store.database import Store
from api.store.search import Filters
from nlp.causes.rank import Developments, FormerRun, developments
from nlp.root_causes import RootCauses, find_root_causes
from nlp.topics import TopicModel, TopicSettings

Progress = Callable[[str, float], None]

READ_AT_ONCE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What a job has read; it can be written as JSON (`asdict`).

    Parameters
    ----------
    job_id, parameters : the job, and what it was asked
    total : about how many comments
    up_to : the newest version
    begun_at : when reading began, as ISO 8601
    tag_run_id : the active run then
    encoder : the model, as `name@version`
    model : the same as a hash: `api.cause_runs.embeddings.model_of`
    """

    job_id: int
    parameters: Mapping[str, Any]
    total: int
    up_to: int
    begun_at: str
    tag_run_id: int
    encoder: str
    model: str


def discover(store: Store, read: Reading, *, progress: Progress) -> int | None:
    """Find causes in what was read and store them.

    Parameters
    ----------
    progress : called with what is being done and the share of it that is done; may raise what ends the work

    Returns
    -------
    the id of the run, which is not ready; None if comments were tagged or corrected so that there is more to be read

    Raises
    ------
    NoTopics : if nothing is said often enough
    """
    former, asked = current_run(store), read.parameters
    live = GiveWay(store)
    comments = reading.read(
        store,
        filters_of(asked),
        up_to=read.up_to,
        time_zone=ZoneInfo(asked["time_zone"]),
        metadata=asked["metadata"],
        before_each=lambda: live.wait(time.sleep),
    )
    try:
        found = find_root_causes(
            comments,
            KeptReader(store, read.job_id, model=read.model),
            settings=TopicSettings(min_topic_size=asked["smallest"], names=tuple(asked["names"])),
            former=None if asked["anew"] else _former_topics(store, former, encoder=read.encoder),
            encoder=read.encoder,
            seed=asked["seed"],
            expected=read.total,
            spool=True,
            progress=lambda step, share: progress("collecting" if step == "embedding" else step, share),
        )
    except NotKept:
        return None
    progress("comparing", 0.0)
    since = None if former is None else _developments(store, found, former)
    report = make_report(found, read_up_to=read.up_to, since=since, former=None if former is None else former.report)
    progress("storing", 0.0)
    return stage_run(
        store,
        found=found,
        report=report,
        parameters=asked,
        tag_run_id=read.tag_run_id,
        created_at=datetime.fromisoformat(read.begun_at),
        job_id=read.job_id,
        progress=lambda share: progress("storing", share),
    )


def _former_topics(store: Store, former: CauseRun | None, *, encoder: str) -> TopicModel | None:
    """The topics that keep their identity; embeddings of another encoder cannot be compared."""
    if former is None or former.encoder != encoder:
        return None
    with suppress(TopicsNotKept):
        return load_topics(store, former.id)
    return None


def _developments(store: Store, found: RootCauses, former: CauseRun) -> Developments | None:
    """What became of each cause since the former run."""
    causes: dict[str, set[str]] = {cause["topic"]: set() for cause in former.report["causes"]}
    with store.read() as session:
        of_run = select(CauseMember.topic, CauseMember.comment_version_id).where(
            CauseMember.cause_run_id == former.id, CauseMember.assigned_at.is_(None)
        )
        for topic, version in session.execute(of_run.execution_options(yield_per=READ_AT_ONCE)):
            causes.setdefault(topic, set()).add(str(version))
        comments = reading.ids(session, _filters_then(former), up_to=former.report.get("read_up_to", 0))
    comments.update(*causes.values())
    if not comments:
        return None  # all that it read is gone
    return developments(set(found.observations.ids), found.members, FormerRun(comments, causes))


def _filters_then(former: CauseRun) -> Filters:
    return filters_of(former.parameters) if "filters" in former.parameters else Filters()
