"""Taggers whose answers one can work out, and a client for the service around them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from threading import Event
from typing import Any

from fastapi.testclient import TestClient

from api.app import create_app
from api.dependencies import CommentTagger
from api.settings import Settings
from nlp.errors import EmptyText, InvalidUnicode, NulCharacter, UntaggableText
from nlp.record import Comment, FailedComment, Flag, Problem, Record, Sentiment, Span, TaggedComment, ThemeTag


class StubTagger:
    """`!` makes a comment negative; its first word carries `staff_service`. A batch takes `seconds_per_batch`."""

    name, taxonomy = "stub@1.0.0", "journey@1.0.0"

    def __init__(self, *, seconds_per_batch: float = 0.0) -> None:
        self.seconds_per_batch = seconds_per_batch
        self.batches: list[int] = []
        self.questions: list[str | None] = []

    def tag(self, comments: Iterable[Comment], *, batch_size: int = 64) -> Iterator[Record]:
        rest = iter(comments)
        while batch := list(islice(rest, batch_size)):
            self.batches.append(len(batch))
            self.questions += [comment.question for comment in batch]
            time.sleep(self.seconds_per_batch)
            yield from map(self.tag_one, batch)

    def tag_one(self, comment: Comment) -> Record:
        try:
            check(comment.text)
        except UntaggableText as error:
            return FailedComment(comment.id, Problem(error.code, str(error)))
        negative = "!" in comment.text
        start = len(comment.text) - len(comment.text.lstrip())
        first_word = Span(start, start + len(comment.text.split()[0]))
        probabilities = {"negative": 0.0, "neutral": 0.0, "mixed": 0.0, "positive": 0.0}
        label = "negative" if negative else "positive"
        return TaggedComment(
            id=comment.id,
            language="nb",
            sentiment=Sentiment(label, -1.0 if negative else 1.0, {**probabilities, label: 1.0}),
            themes=(ThemeTag("staff_service", "support", label, 0.75, (first_word,)),),
            factors=(),
            churn_risk=Flag(flag=negative, confidence=0.5, spans=(first_word,) if negative else ()),
            follow_up=Flag(flag=False, confidence=0.5, spans=()),
            model=self.name,
            taxonomy=self.taxonomy,
        )


class HeldTagger(StubTagger):
    """Says when it has begun, and waits to be let go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.let_go = Event(), Event()

    def tag(self, comments: Iterable[Comment], *, batch_size: int = 64) -> Iterator[Record]:
        self.begun.set()
        assert self.let_go.wait(10)
        return super().tag(comments, batch_size=batch_size)


def client_of(tagger: CommentTagger | None, **settings: Any) -> TestClient:
    """A client of a service that is open: what keys do is tested apart."""
    return TestClient(create_app(Settings(open=True, **settings), tagger))


def comments(*texts: str) -> dict[str, Any]:
    """A request with these texts, named "0", "1", …"""
    return {"comments": [{"id": str(number), "text": text} for number, text in enumerate(texts)]}


def check(text: str) -> None:
    if not text.strip():
        raise EmptyText
    if "\0" in text:
        raise NulCharacter(text.index("\0"))
    for position, character in enumerate(text):
        if "\ud800" <= character <= "\udfff":
            raise InvalidUnicode(position, ord(character))


class BrokenTagger(StubTagger):
    """Fails as a bug would, quoting the text that it stumbled over."""

    def tag_one(self, comment: Comment) -> Record:
        raise KeyError(comment.text)
