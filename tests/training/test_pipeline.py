"""The whole recipe at smoke size: corpora in, a model folder out that the tagger opens."""

import shutil

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'train'")
pytest.importorskip("gensim", reason="needs the extra 'train'")

from nlp import Comment, TaggedComment, Tagger
from nlp.errors import BadModel
from nlp.models.manifest import Manifest
from tests.training import small_corpora
from training.config import load_recipe
from training.data import Corpora, TranslatedText
from training.pipeline import Workshop
from training.ship import LeastParity, Parity, PoorParity, ship
from training.translate import save_translations


@pytest.fixture(scope="module")
def recipe():
    recipe = load_recipe()
    pretraining = recipe.pretraining.model_copy(
        update={"steps": 4, "batch_tokens": 128, "window": 16, "warmup_steps": 1}
    )
    return recipe.model_copy(
        update={
            "name": "smoke",
            "tokenizer": recipe.tokenizer.model_copy(update={"vocabulary_size": 200}),
            "backbone": recipe.backbone.model_copy(
                update={"layers": 1, "width": 16, "heads": 2, "feed_forward": 32, "max_tokens": 32}
            ),
            "vectors": recipe.vectors.model_copy(update={"epochs": 1}),
            "pretraining": pretraining,
            "finetuning": recipe.finetuning.model_copy(
                update={
                    "epochs": 12,
                    "batch_tokens": 1024,
                    "learning_rate": 0.02,
                    "average_decay": 0.5,
                    "calibration_share": 0.3,
                }
            ),
        }
    )


@pytest.fixture(scope="module")
def workshop(tmp_path_factory, recipe):
    corpora = Corpora.open(small_corpora.make(tmp_path_factory.mktemp("data")), own_labels=None)
    work = tmp_path_factory.mktemp("work")
    rows = [TranslatedText(text.id, "nn", f"omsett {text.text}") for text in corpora.rated()]
    save_translations(rows, work / "nynorsk.jsonl")  # apertium is Debian's, and not everywhere
    return Workshop(work, corpora, recipe, workers=1)


@pytest.fixture(scope="module")
def shipped(workshop, tmp_path_factory):
    out = tmp_path_factory.mktemp("model")
    return out, ship(workshop, out)


def test_the_model_folder_tags(shipped):
    record = Tagger.load(shipped[0]).tag_one(Comment("1", "Pakken kom aldrig frem og ingen svarer 99"))
    assert isinstance(record, TaggedComment)
    assert record.model == "smoke@0.4.0"
    assert record.sentiment.label == "negative"


def test_int8_agrees_with_full_precision(shipped):
    assert shipped[1].same_tags > 0.95


def test_a_model_whose_int8_says_something_else_is_not_written(workshop, shipped, tmp_path, monkeypatch):
    monkeypatch.setattr("training.ship.compare", lambda *_: Parity(0.99, 0.5, 0.9, comments=800))
    out = tmp_path / "model"
    out.mkdir()
    (out / "model.onnx").write_bytes(b"the one before")
    with pytest.raises(PoorParity, match=r"50\.00% of the tags are the same, .* is as it was") as caught:
        ship(workshop, out)
    assert "sentiments" not in str(caught.value)
    assert [path.name for path in out.iterdir()] == ["model.onnx"]
    assert (out / "model.onnx").read_bytes() == b"the one before"
    assert Tagger.load(workshop.folder / "candidate").name == Tagger.load(shipped[0]).name  # to look at


@pytest.mark.parametrize(
    ("parity", "missed"),
    [
        (Parity(0.98, 0.995, 0.3, 800), []),
        (Parity(0.979, 1.0, 0.1, 800), ["97.90% of the sentiments are the same, at least 98.00% must be"]),
        (Parity(1.0, 0.99, 0.1, 800), ["99.00% of the tags are the same, at least 99.50% must be"]),
        (Parity(float("nan"), 1.0, 0.1, 800), ["nan% of the sentiments are the same, at least 98.00% must be"]),
        (Parity(0.95, 1.0, 0.1, 20), []),  # one comment
        (Parity(0.9, 1.0, 0.1, 20), ["90.00% of the sentiments are the same, at least 98.00% must be"]),
    ],
)
def test_the_least_parity_holds_for_sentiments_and_for_tags(parity, missed):
    assert LeastParity().missed(parity) == missed


def test_full_precision_of_the_model_folder_is_the_network_that_was_trained(shipped, tmp_path):
    comment = Comment("1", "Pakken kom aldrig frem og ingen svarer 99")
    served, trained = Tagger.load(shipped[0]), Tagger.load(shipped[0], full_precision=True)
    of_served, of_trained = served.tag_one(comment), trained.tag_one(comment)
    assert of_trained.sentiment.label == of_served.sentiment.label
    assert of_trained.churn_risk.confidence == pytest.approx(of_served.churn_risk.confidence, abs=0.1)
    shutil.copytree(shipped[0], tmp_path / "served", ignore=shutil.ignore_patterns("config.json"))
    with pytest.raises(BadModel, match="holds no Hugging Face checkpoint"):
        Tagger.load(tmp_path / "served", full_precision=True)


def test_the_checkpoint_beside_tags_as_well(shipped, tmp_path):
    for name in ("config.json", "model.safetensors", "heads.safetensors", "tokenizer.json", "stemme.json"):
        shutil.copy(shipped[0] / name, tmp_path)
    comment = Comment("1", "Pakken kom aldrig frem og ingen svarer 99")
    served, trained = (Tagger.load(folder).tag_one(comment) for folder in (shipped[0], tmp_path))
    assert trained.sentiment.label == served.sentiment.label
    assert [theme.theme for theme in trained.themes] == [theme.theme for theme in served.themes]


def test_the_manifest_names_its_data(shipped):
    assert len(Manifest.load(shipped[0]).data_sha256) == 64


def test_the_manifest_says_how_much_the_weights_were_learned_from(workshop, shipped):
    amounts = Manifest.load(shipped[0]).learned_from
    comments, left_out = workshop.corpora.labelled(), workshop.calibration_comments()
    labelled = {name: count for name, count in amounts.items() if name.startswith("labelled comments, ")}
    assert sum(labelled.values()) == len(comments) - len(left_out) > 0
    assert amounts["machine translations"] == len(workshop.corpora.translated()) + len(workshop.nynorsk()) > 0
    known = {comment.id for comment in comments}
    rated = {text.id for text in workshop.corpora.rated()}
    assert amounts["texts with a sentiment only"] == len(rated - known)


def test_a_second_run_goes_on_from_what_is_there(workshop, shipped, tmp_path, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("a step that was finished ran again")

    for step in ("train_tokenizer", "build_streams", "skip_gram", "pretrain", "finetune"):
        monkeypatch.setattr(f"training.pipeline.{step}", never)
    ship(workshop, tmp_path)
    assert (tmp_path / "model.onnx").stat().st_size == (shipped[0] / "model.onnx").stat().st_size


def test_pretraining_resumes_at_its_step(workshop, shipped, recipe, tmp_path):
    import torch

    from training.pretrain import new_backbone, pretrain

    def run(steps, checkpoint, seed=0):
        torch.manual_seed(seed)
        pretrain(
            new_backbone(recipe.backbone, workshop.tokenizer(), workshop.vectors()),
            workshop.streams(),
            workshop.tokenizer(),
            recipe.pretraining,
            checkpoint=checkpoint,
            seed=1,
            checkpoint_every=2,
            stop_after=steps,
        )
        return torch.load(checkpoint, weights_only=True)

    whole = run(4, tmp_path / "whole.pt")
    run(2, tmp_path / "halves.pt")
    halves = run(4, tmp_path / "halves.pt", seed=99)
    assert halves["step"] == whole["step"] == 4
    for name, tensor in whole["model"].items():
        np.testing.assert_allclose(tensor.numpy(), halves["model"][name].numpy(), atol=1e-3, err_msg=name)
