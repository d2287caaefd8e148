"""The language core: text in, tags out. No HTTP, no database."""

from nlp.record import Comment, FailedComment, Record, TaggedComment
from nlp.tagger import Tagger

__all__ = ["Comment", "FailedComment", "Record", "TaggedComment", "Tagger"]
