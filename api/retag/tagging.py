"""Tagging a part of the archive beside live traffic: live comments first, and not faster than was asked."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from api.dependencies import CommentTagger
from api.ingest.live import GiveWay
from api.ingest.worker import TaggingFailed
from api.jobs.kinds import JobContext
from api.problems import describe_bug
from api.tag_all import tag_all
from nlp.record import Comment, FailedComment, Problem, Record

logger = logging.getLogger(__name__)


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

    @property
    def at_once(self) -> int:
        """Comments between two looks at the live queue and the clock."""
        return self.batch_size if self.rate is None else max(1, min(self.batch_size, int(self.rate)))


def tag_versions(
    versions: Sequence[Version], *, tagger: CommentTagger, pace: Pace, live: GiveWay, job: JobContext
) -> list[tuple[int, Record]]:
    """The record of each version, in order; one that the tagger fails on has that for a record.

    Raises
    ------
    Stopped : if the process is to end
    """
    tagged: list[tuple[int, Record]] = []
    begun = time.monotonic()
    for first in range(0, len(versions), pace.at_once):
        job.refuse_if_stopping()
        live.wait(job.pause)
        part = versions[first : first + pace.at_once]
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
