"""The embedding stub as a service has it: slow, broken or of another name where a test wants it so."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import func, select

from api.cause_runs.models import CauseMember
from api.ingest.active_tagger import ActiveTagger
from api.ingest.ingest import NewComment, ingest
from api.ingest.worker import TagWorker
from api.live_causes.assigner import CauseAssigner, assign_waiting
from api.live_causes.models import WaitingForCauses
from api.store.database import Store
from api.store.models import CommentVersion, StoredComment
from nlp.models.encoder import Floats
from nlp.record import Comment, Record
from tests.embedding_stub import EmbeddingStub


class LiveStub(EmbeddingStub):
    """Reading a clause takes `seconds`; one with the word `broken` in it fails, as a bug would, while it is set."""

    taxonomy = EmbeddingStub.taxonomy_id

    def __init__(self, *, seconds: float = 0.0, broken: str = "", name: str = EmbeddingStub.name) -> None:
        self.seconds, self.broken, self.name = seconds, broken, name
        self.read: list[str] = []

    def tag_and_embed(self, comments: Iterable[Comment]) -> Iterator[tuple[Record, Floats | None]]:
        for comment in comments:
            time.sleep(self.seconds)
            if self.broken and self.broken in comment.text:
                raise KeyError(comment.text)
            self.read.append(comment.text)
            yield from super().tag_and_embed([comment])


def add_tagged(store: Store, texts: dict[str, str], *, tagger: Any = None) -> None:
    """Comments of the source `live` by their external ids, tagged."""
    ingest([NewComment("live", name, text) for name, text in texts.items()], store=store)
    active = ActiveTagger(store, lambda _: tagger or LiveStub(), None)
    active.start()  # a model that the store has not had takes over
    worker = TagWorker(store, active, batch_size=100, max_text_length=20_000)
    while worker.tag_batch():
        pass


def assigner_of(store: Store, tagger: Any = None, *, batch_size: int = 50) -> CauseAssigner:
    stub = tagger or LiveStub()
    return CauseAssigner(store, lambda: stub, batch_size=batch_size)


def assign(store: Store, tagger: Any = None) -> int:
    """Assign whatever waits; how many versions."""
    return assign_waiting(assigner_of(store, tagger))


def topics_of(store: Store, run_id: int, *names: str) -> dict[str, list[str]]:
    """The topics of comments of the source `live` in a run, as their clauses stand."""
    with store.read() as session:
        rows = session.execute(
            select(StoredComment.external_id, CauseMember.topic)
            .join(CommentVersion, CommentVersion.comment_id == StoredComment.id)
            .join(CauseMember, CauseMember.comment_version_id == CommentVersion.id)
            .where(CauseMember.cause_run_id == run_id, StoredComment.external_id.in_(names))
            .order_by(CauseMember.comment_version_id, CauseMember.start)
        )
        found: dict[str, list[str]] = {}
        for name, topic in rows:
            found.setdefault(name, []).append(topic)
        return found


def waiting(store: Store) -> int:
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(WaitingForCauses)) or 0
