"""The whole recipe at smoke size: corpora in, a model folder out that the tagger opens."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'train'")
pytest.importorskip("gensim", reason="needs the extra 'train'")

from nlp import Comment, TaggedComment, Tagger
from nlp.errors import BadModel
from nlp.models.manifest import Manifest
from tests.training import small_corpora
from training.checkpoint import Checkpoint, UnfitCheckpoint
from training.config import DEFAULT, load_recipe
from training.data import Corpora, TranslatedText
from training.made_from import ChangedInputs
from training.pipeline import Workshop
from training.ship import LeastParity, Parity, PoorParity, ship
from training.translate import save_translations

SMOKE = DEFAULT.with_name("smoke.toml")


@pytest.fixture(scope="module")
def recipe():
    return load_recipe(SMOKE)


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


@pytest.mark.slow
def test_the_model_folder_tags(shipped):
    record = Tagger.load(shipped[0]).tag_one(Comment("1", "Pakken kom aldrig frem og ingen svarer 99"))
    assert isinstance(record, TaggedComment)
    assert record.model == "smoke@1"
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


def changed(recipe, part, **keys):
    """The recipe with other numbers in one of its sections."""
    return recipe.model_copy(update={part: getattr(recipe, part).model_copy(update=keys)})


@pytest.mark.parametrize(
    ("key", "value", "step"),
    [
        ("tokenizer.vocabulary_size", 150, "tokenizer.json"),
        ("vectors.window", 3, "vectors.npy"),
        ("pretraining.masked_share", 0.3, "pretraining.pt"),
        ("finetuning.epochs", 13, "finetuning.pt"),
        ("distillation.label_share", 0.9, "distillation.pt"),
    ],
)
def test_what_another_recipe_left_is_refused_by_name(workshop, shipped, key, value, step):
    part, _, name = key.partition(".")
    other = replace(workshop, recipe=changed(workshop.recipe, part, **{name: value}))
    before = getattr(getattr(workshop.recipe, part), name)
    with pytest.raises(ChangedInputs, match=rf"{key} is {value}, was {before}\. Put that back") as refused:
        other.model()
    assert f"made from it: {step}, " in str(refused.value)


def test_what_other_data_left_is_refused_by_name(workshop, shipped, tmp_path):
    data = small_corpora.make(tmp_path)
    small_corpora.write(data / "opinions/train.jsonl", [small_corpora.labelled(7)])
    other = replace(workshop, corpora=Corpora.open(data, own_labels=None))
    with pytest.raises(ChangedInputs, match=r"made from something else: opinions/train\.jsonl has other contents\."):
        other.model()


def test_other_nynorsk_is_refused_by_name(workshop, shipped, tmp_path):
    shutil.copytree(workshop.folder, tmp_path / "work")
    save_translations([TranslatedText("own-7", "nn", "noko anna")], tmp_path / "work/nynorsk.jsonl")
    with pytest.raises(ChangedInputs, match=r"nynorsk\.jsonl has other contents"):
        replace(workshop, folder=tmp_path / "work").model()


def test_a_result_that_nothing_tells_of_is_refused(workshop, shipped, tmp_path):
    (tmp_path / "backbone").mkdir()
    shutil.copy(workshop.folder / "nynorsk.jsonl", tmp_path)
    with pytest.raises(ChangedInputs, match=r"Nothing says what .*backbone was made from: made_from/pretraining\.json"):
        replace(workshop, folder=tmp_path).backbone()


def test_a_step_that_was_cut_short_is_done_again(workshop, shipped, tmp_path):
    """A file or folder that has its name is whole: what was being written has another one."""
    shutil.copytree(workshop.folder, tmp_path / "work")
    again = replace(workshop, folder=tmp_path / "work")
    (again.folder / "backbone").rename(again.folder / "part-backbone")
    (again.folder / "part-backbone/config.json").write_text("{", encoding="utf-8")
    (again.folder / "vectors.npy").unlink()
    (again.folder / "part-vectors.npy").write_bytes(b"half")
    again.backbone()
    again.vectors()
    for name in ("backbone/config.json", "backbone/model.safetensors"):
        assert (again.folder / name).read_bytes() == (workshop.folder / name).read_bytes()
    assert sorted(path.name for path in again.folder.glob("part-*")) == []


def test_a_network_is_gone_on_from_with_its_word_pieces(workshop, shipped, recipe, tmp_path):
    """Pre-training at next to no rate gives the network back that it began with."""
    start = Checkpoint.open(workshop.folder / "backbone")
    (tmp_path / "nynorsk.jsonl").write_bytes((workshop.folder / "nynorsk.jsonl").read_bytes())
    slow = changed(recipe, "pretraining", steps=1, learning_rate=1e-9, matrix_learning_rate=1e-9)
    slow = changed(slow, "tokenizer", vocabulary_size=150)  # not learned, so of no account
    on = replace(workshop, folder=tmp_path, start=start, recipe=slow)
    on.check()
    weights = on.backbone().state_dict()
    for name, tensor in start.backbone().state_dict().items():
        np.testing.assert_allclose(weights[name].numpy(), tensor.numpy(), atol=1e-6, err_msg=name)
    assert (tmp_path / "tokenizer.json").read_bytes() == (workshop.folder / "tokenizer.json").read_bytes()
    assert not (tmp_path / "vectors.npy").exists()
    with pytest.raises(ChangedInputs, match=r"--from, model\.safetensors has other contents"):
        replace(on, start=Checkpoint.open(workshop.folder / "model")).backbone()


def test_a_network_that_does_not_fit_is_refused_before_anything_is_done(workshop, shipped, recipe, tmp_path):
    out, unread = Checkpoint.open(shipped[0]), replace(workshop, folder=tmp_path / "new")
    skipped, kept = changed(recipe, "pretraining", steps=0), changed(recipe, "finetuning", heads="kept")
    wider = changed(recipe, "backbone", width=32)
    alone = changed(recipe, "distillation", epochs=0)
    encoder = Checkpoint.open(workshop.folder / "backbone")
    for message, workshop_of in [
        (r"pretraining\.steps = 0, and no network", {"recipe": skipped}),
        (r'finetuning\.heads = "kept", and there are none', {"recipe": kept}),
        (r"without heads", {"recipe": kept, "start": encoder}),
        (r"another shape than the recipe's \[backbone\]: width 16, not 32\.", {"recipe": wider, "start": out}),
        (r"nobody learns from --teacher", {"recipe": alone, "teachers": (out,)}),
        (r"by_itself = false and names nobody", {"recipe": changed(recipe, "distillation", by_itself=False)}),
        (r"without heads", {"teachers": (encoder,)}),
    ]:
        with pytest.raises(UnfitCheckpoint, match=message):
            replace(unread, **workshop_of).check()
    replace(unread, recipe=changed(skipped, "finetuning", heads="kept"), start=out, teachers=(out,)).check()
    (tmp_path / "new/teachers").mkdir(parents=True)
    with pytest.raises(UnfitCheckpoint, match=r"folder teachers, which is not looked into"):
        unread.check()


def test_a_teacher_that_reads_other_word_pieces_is_refused(workshop, shipped, tmp_path):
    shutil.copytree(shipped[0], tmp_path / "teacher")
    tokenizer = workshop.tokenizer()
    tokenizer.add_tokens(["leverandør"])
    tokenizer.save(str(tmp_path / "teacher/tokenizer.json"))
    with pytest.raises(UnfitCheckpoint, match="is not the tokenizer of this run"):
        replace(workshop, teachers=(Checkpoint.open(tmp_path / "teacher"),)).all_teachers()


@pytest.mark.slow
def test_the_teachers_that_are_named_teach_beside_the_fine_tuned_network(workshop, shipped):
    alone = workshop.all_teachers()
    taught = replace(workshop, teachers=(Checkpoint.open(shipped[0]),)).all_teachers()
    assert (len(alone), len(taught)) == (1, 2)
    others_only = changed(workshop.recipe, "distillation", by_itself=False)
    assert len(replace(workshop, recipe=others_only, teachers=(Checkpoint.open(shipped[0]),)).all_teachers()) == 1


@pytest.mark.parametrize("path", sorted(DEFAULT.parent.glob("*.toml")), ids=lambda path: path.name)
def test_every_recipe_can_be_read(path):
    assert load_recipe(path).name.startswith(("stemme-", "smoke"))
