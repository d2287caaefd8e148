"""Tagging a part of the archive beside live traffic: that goes first, and the archive not faster than was asked."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.dependencies import CommentTagger
from api.ingest.live import GiveWay
from api.ingest.worker import TaggingFailed
from api.interactive import InteractiveCalls
from api.jobs.kinds import JobContext
from api.problems import describe_bug
from api.tag_all import tag_all
from nlp.record import Comment, FailedComment, Problem, Record

logger = logging.getLogger(__name__)

BESIDE_CALLS: Final = 8
"""Comments of a batch while calls are to be expected: what one that comes meanwhile shares the processor with."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version as the tagger reads it."""

    id: int
    comment: Comment


@dataclass(frozen=True, slots=True)
class Pace:
    """How a retag tags: how many at once, how long a text may be, how many a second at most."""

    batch_size: int
    max_text_length: int
    rate: float | None = None

    def at_once(self, *, beside_calls: bool) -> int:
        """Comments between two looks at the live queue, the calls and the clock."""
        most = min(self.batch_size, BESIDE_CALLS) if beside_calls else self.batch_size
        return most if self.rate is None else max(1, min(most, int(self.rate)))


def tag_versions(
    versions: Sequence[Version],
    *,
    tagger: CommentTagger,
    pace: Pace,
    live: GiveWay,
    calls: InteractiveCalls,
    job: JobContext,
) -> list[tuple[int, Record]]:
    """The record of each version, in order; one that the tagger fails on has that for a record.

    Parameters
    ----------
    live, calls : what goes first: comments that wait to be tagged, and callers who wait for an answer

    Raises
    ------
    Stopped : if the process is to end
    """
    tagged: list[tuple[int, Record]] = []
    begun = time.monotonic()
    while len(tagged) < len(versions):
        job.refuse_if_stopping()
        live.wait(job.pause)
        calls.let_pass(job.pause)
        part = versions[len(tagged) : len(tagged) + pace.at_once(beside_calls=calls.expected)]
        tagged += zip([each.id for each in part], _records(part, tagger, pace), strict=True)
        if pace.rate is not None:
            ahead = len(tagged) / pace.rate - (time.monotonic() - begun)
            if ahead > 0:
                job.pause(ahead)
    return tagged


def _records(part: Sequence[Version], tagger: CommentTagger, pace: Pace) -> list[Record]:
    try:
        return _tagged(part, tagger, pace)
    except Exception as bug:
        # One comment at a time, so that the one at fault does not take its neighbours with it.
        logger.error("A batch of %d comments failed. %s", len(part), describe_bug(bug))  # noqa: TRY400
        return [_alone(each, tagger, pace) for each in part]


def _alone(version: Version, tagger: CommentTagger, pace: Pace) -> Record:
    try:
        (record,) = _tagged([version], tagger, pace)
    except Exception as bug:
        logger.error("Version %d failed. %s", version.id, describe_bug(bug))  # noqa: TRY400
        error = TaggingFailed(2)
        return FailedComment(version.comment.id, Problem(error.code, str(error)))
    return record


def _tagged(part: Sequence[Version], tagger: CommentTagger, pace: Pace) -> list[Record]:
    return tag_all(
        [each.comment for each in part],
        tagger=tagger,
        batch_size=pace.batch_size,
        max_text_length=pace.max_text_length,
    )
