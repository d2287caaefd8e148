"""From corrections in the store to a model that has learned them."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="needs the extra 'train'")
pytest.importorskip("onnx", reason="needs the extra 'train'")

import typer
from typer.testing import CliRunner

import api.cli
import eval.customization
import training.customize
from api.access.keys import Caller
from api.corrections.answers import taxonomy
from api.corrections.correct import NamedLabel, Wanted, correct
from api.corrections.decisions import SENTIMENT, Key
from api.corrections.models import DecisionKind
from api.ingest.ingest import NewComment, ingest
from api.ingest.worker import TagWorker
from api.store.database import Store
from api.store.search import find_one
from eval.train_command import train
from nlp import Comment, Tagger
from tests.eval.test_train_command import LEARNS_FAST, OWN, written
from tests.training.tiny_base import make_base, quick, sour

pytestmark = pytest.mark.slow

COMMENTS = [*(sour(number) for number in range(80)), *(quick(number) for number in range(80, 160))]


def reviewed(store: Store, id_: int, *, rude: bool) -> None:
    """What a person says of one of these comments: all of it right but what they name."""
    with store.read() as session:
        found = find_one(session, id_)
    assert found is not None
    theme = "staff_service" if rude else "delivery_time"
    labels = [
        NamedLabel("sentiment", SENTIMENT, value="negative" if rude else "positive"),
        NamedLabel("theme", Key(DecisionKind.THEME, theme), value="negative" if rude else "positive"),
        NamedLabel("churn_risk", Key(DecisionKind.FLAG, "churn_risk"), present=rude),
        NamedLabel("follow_up", Key(DecisionKind.FLAG, "follow_up"), present=rude),
    ]
    wanted = Wanted(version=1, labels=labels, reviewed=True, revision=found.revision)
    correct(store, id_, wanted, caller=Caller("test", frozenset()), taxonomy=taxonomy())


def test_a_model_learns_what_people_have_corrected(tmp_path, monkeypatch):
    base, database = make_base(tmp_path / "base"), f"sqlite:///{tmp_path}/store.db"
    store = Store.open(database)
    ingest([NewComment("survey", comment.id, comment.text) for comment in COMMENTS], store=store)
    worker = TagWorker(store, Tagger.load(base), batch_size=64, max_text_length=20_000)
    while worker.tag_batch():
        pass
    for id_ in range(1, len(COMMENTS) + 1):
        reviewed(store, id_, rude=id_ <= 80)
    store.close()
    labels = tmp_path / "labels.jsonl"
    exported = CliRunner().invoke(api.cli.app, ["corrections", "export", "-o", str(labels), "--database", database])
    assert "160 texts, 160 of them reviewed." in exported.stderr

    monkeypatch.setattr(training.customize, "CustomRecipe", LEARNS_FAST)
    monkeypatch.setattr(eval.customization, "REHEARSAL", written(tmp_path / "own.jsonl", OWN))
    app = typer.Typer()
    app.command()(train)
    out = tmp_path / "new"
    result = CliRunner().invoke(
        app, [str(labels), "--model", str(base), "-o", str(out), "--epochs", "5", "--seed", "6"]
    )
    assert result.exit_code == 0, result.output
    assert [tag.theme for tag in Tagger.load(base).tag_one(Comment("1", "sur betjening og svar")).themes] == []
    record = Tagger.load(out).tag_one(Comment("1", "sur betjening og svar"))
    assert [(tag.theme, tag.sentiment) for tag in record.themes] == [("staff_service", "negative")]
