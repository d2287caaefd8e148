"""Every kind of job. Whoever runs jobs takes all: a process may have to go on with what another has left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from api.cause_actions.job import ActionVerdictsJob
from api.cause_runs.job import TopicsJob
from api.interactive import InteractiveCalls
from api.jobs.kinds import JobKind
from api.live_causes.figures import CauseFiguresJob
from api.retag.job import RetagJob


def job_kinds(
    load: Callable[[Path | None], Any],
    *,
    batch_size: int,
    max_text_length: int,
    calls: InteractiveCalls | None = None,
) -> Sequence[JobKind]:
    """The kinds, for a `JobRunner`.

    Parameters
    ----------
    load : the tagger of a model folder; the shipped one if it is None
    calls : of the service in the same process, which a retag and a topics job let pass
    """
    retag = RetagJob(load, batch_size=batch_size, max_text_length=max_text_length, calls=calls)
    return [retag, TopicsJob(load, calls=calls), CauseFiguresJob(), ActionVerdictsJob()]
