"""Tagging a list of comments, with the service's limit on their length."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from api.dependencies import CommentTagger
from nlp.errors import TextTooLong
from nlp.record import Comment, FailedComment, Problem, Record


class CallerGone(Exception):
    """Nobody waits for the answer any more."""


def _never() -> bool:
    return False


def tag_all(
    comments: Sequence[Comment],
    *,
    tagger: CommentTagger,
    batch_size: int,
    max_text_length: int,
    gone: Callable[[], bool] = _never,
) -> list[Record]:
    """One record per comment, in order.

    Parameters
    ----------
    batch_size : comments that the tagger encodes together
    max_text_length : in characters; a longer text never reaches the tagger
    gone : whether the caller has hung up; asked between batches

    Raises
    ------
    CallerGone : if so; what is left is not tagged
    RuntimeError : if the tagger gives more or fewer records than it got comments: callers match them by place
    """
    refused = [_too_long(comment, max_text_length) for comment in comments]
    within = [comment for comment, failed in zip(comments, refused, strict=True) if failed is None]
    tagged: list[Record] = []
    for record in tagger.tag(within, batch_size=batch_size):
        tagged.append(record)
        if len(tagged) % batch_size == 0 and len(tagged) < len(within) and gone():
            raise CallerGone
    if len(tagged) != len(within):
        raise RuntimeError(f"{len(within)} comments went to the tagger, and {len(tagged)} records came back.")
    in_order = iter(tagged)
    return [next(in_order) if failed is None else failed for failed in refused]


def _too_long(comment: Comment, limit: int) -> FailedComment | None:
    if len(comment.text) <= limit:
        return None
    return FailedComment(comment.id, Problem(TextTooLong.code, str(TextTooLong(len(comment.text), limit))))
