"""`python -m training` itself, called as its user calls it, at smoke size and with a stand-in for apertium."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

pytest.importorskip("torch", reason="needs the extra 'train'")
pytest.importorskip("gensim", reason="needs the extra 'train'")

from nlp import Comment, Tagger
from nlp.models.labels import LabelSpace
from nlp.taxonomy import Taxonomy
from tests.training import small_corpora
from training.__main__ import train
from training.checkpoint import Checkpoint
from training.config import DEFAULT

SMOKE = DEFAULT.with_name("smoke.toml")
OWN = {
    "id": "written-1",
    "lang": "da",
    "text": "Jeg skifter selskab",
    "sentiment": "negative",
    "themes": [],
    "factors": [],
    "churn_risk": True,
    "follow_up": False,
}
app = typer.Typer()
app.command()(train)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Corpora, the project's own labels, and a program in apertium's place."""
    folder = tmp_path_factory.mktemp("training")
    small_corpora.make(folder / "data")
    small_corpora.write(folder / "labels/authored.jsonl", [OWN])
    small_corpora.write(folder / "labels/annotations.jsonl", [])
    (folder / "bin").mkdir()
    (folder / "bin/apertium").write_text("#!/bin/sh\nsed 's/^/omsett /'\n", encoding="utf-8")
    (folder / "bin/apertium").chmod(0o755)
    return folder


def options(folder, work, out, *more):
    given = {
        "--data": folder / "data",
        "--own-labels": folder / "labels",
        "--work": folder / work,
        "--out": folder / out,
    }
    return [str(word) for pair in given.items() for word in pair] + list(more)


@pytest.fixture(scope="module")
def first(folder):
    """A clean run by two processes."""
    return subprocess.run(
        [sys.executable, "-m", "training", *options(folder, "work", "out", "--recipe", str(SMOKE))],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_clean_run_writes_a_model_that_tags(folder, first):
    assert first.returncode == 0, first.stderr
    assert "int8 gives" in first.stdout
    record = Tagger.load(folder / "out").tag_one(Comment("1", "Pakken kom aldrig frem og ingen svarer 99"))
    assert record.model == "smoke@1"
    assert record.sentiment.label == "negative"


@pytest.mark.slow
def test_it_translates_into_nynorsk_the_written_comments_too(folder, first):
    lines = (folder / "work/nynorsk.jsonl").read_text(encoding="utf-8").splitlines()
    written = {row["id"]: row["text"] for row in map(json.loads, lines)}
    assert written["written-1"] == "omsett Jeg skifter selskab"
    assert "own-0" not in written  # of dev


@pytest.mark.slow
def test_the_work_folder_keeps_the_log_and_every_loss(folder, first):
    lines = (folder / "work/training.log").read_text(encoding="utf-8").splitlines()
    assert any(line.endswith("learning the vocabulary") for line in lines)
    assert "python -m training --data" in lines[0]
    rows = [json.loads(line) for line in (folder / "work/losses.jsonl").read_text(encoding="utf-8").splitlines()]
    pretraining = [(row["step"], row["task"]) for row in rows if row["stage"] == "pretraining"]
    assert pretraining == [(0, "masked words"), (1, "ranking"), (2, "masked words"), (3, "ranking")]
    finetuning = [row["step"] for row in rows if row["stage"] == "finetuning"]
    assert finetuning == list(range(len(finetuning)))
    assert len(finetuning) % 12 == 0  # epochs
    assert {row["stage"] for row in rows} == {"pretraining", "finetuning", "distillation"}
    assert all(np.isfinite(row["loss"]) and row["loss"] != 0 for row in rows)


@pytest.mark.slow
def test_it_goes_on_from_the_model_folder_with_its_heads(folder, first, tmp_path):
    """Trained at next to no rate, and without pre-training, the network is what it was."""
    recipe = SMOKE.read_text(encoding="utf-8")
    for before, after in [
        ("\nsteps = 4\n", "\nsteps = 0\n"),
        ("\nepochs = 12\n", '\nepochs = 1\nheads = "kept"\nseed = 7\n'),
        (
            "\nlearning_rate = 0.02\nmatrix_learning_rate = 0.001\n",
            "\nlearning_rate = 1e-9\nmatrix_learning_rate = 1e-9\n",
        ),
    ]:
        assert recipe.count(before) == 1
        recipe = recipe.replace(before, after)
    (tmp_path / "on.toml").write_text(recipe, encoding="utf-8")
    model = str(folder / "out")
    work = folder / "on"
    work.mkdir()
    (work / "nynorsk.jsonl").write_bytes((folder / "work/nynorsk.jsonl").read_bytes())
    named = ["--recipe", str(tmp_path / "on.toml"), "--workers", "1", "--from", model, "--teacher", model]
    result = CliRunner().invoke(app, options(folder, "on", "on-out", *named))
    assert result.exit_code == 0, result.output
    labels = LabelSpace.of(Taxonomy.load())
    before = Checkpoint.open(folder / "out").network(labels).state_dict()
    after = Checkpoint.open(folder / "on-out").network(labels).state_dict()
    for name, tensor in before.items():
        # The table is fitted anew, and of numbers above 1 half precision keeps three digits.
        near = 2e-3 if name == "ngrams.table" else 1e-7
        np.testing.assert_allclose(after[name].numpy(), tensor.numpy(), atol=1e-3, rtol=near, err_msg=name)
    assert (work / "tokenizer.json").read_bytes() == (folder / "out/tokenizer.json").read_bytes()
    assert not (work / "backbone").exists()
    assert not (work / "vectors.npy").exists()
    noted = json.loads((work / "made_from/distillation.json").read_text(encoding="utf-8"))
    named = {"--from, model.safetensors", "--from, heads.safetensors", "--teacher 1, heads.safetensors"}
    assert named <= set(noted)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--from", "{}/bin"], "bin holds no config.json, model.safetensors, tokenizer.json. Needed are"),
        (["--teacher", "{}/bin"], "bin holds no config.json"),
        (["--recipe", "{}/broken.toml"], "backbone.width: Input should be greater than or equal to 8."),
        (["--recipe", "{}/data/opinions/train.jsonl"], "train.jsonl: Invalid"),
        (["--own-labels", "{}/nowhere"], "nowhere/authored.jsonl is missing."),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(folder, caplog, more, message):
    broken = SMOKE.read_text(encoding="utf-8").replace("width = 16", "width = 1")
    (folder / "broken.toml").write_text(broken, encoding="utf-8")
    more = [word.format(folder) for word in more]
    result = CliRunner().invoke(app, options(folder, "refused", "none", "--recipe", str(SMOKE), *more))
    assert result.exit_code == 2
    assert message in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--from", "--teacher"])
def test_the_network_that_is_learned_from_is_not_written_over(folder, first, caplog, option):
    out = folder / "out"
    more = ["--recipe", str(SMOKE), option, str(out)]
    result = CliRunner().invoke(app, options(folder, "refused", "out", *more))
    assert result.exit_code == 2
    assert "out is a network to go on from or to learn from. Name another folder with --out." in caplog.text


def test_a_gpu_that_is_not_there_is_said(folder, monkeypatch, caplog):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    result = CliRunner().invoke(app, options(folder, "refused", "none", "--device", "cuda"))
    assert result.exit_code == 2
    assert "PyTorch sees no CUDA device. Train with --device cpu" in caplog.text


def test_the_page_lists_every_option():
    page = (Path(__file__).parents[2] / "docs/from-corpora.md").read_text(encoding="utf-8").partition("## Options")[2]
    command = typer.main.get_command(app)
    names = {name for option in command.params for name in option.opts if not name.endswith("completion")}
    assert "--from" in names
    assert [name for name in names if f"| `{name}` |" not in page] == []
