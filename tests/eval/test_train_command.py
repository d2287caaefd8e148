"""`stemme train` from a labelled file to a folder that the tagger opens."""

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra 'train'")
pytest.importorskip("onnx", reason="needs the extra 'train'")

import typer
from typer.testing import CliRunner

import eval.customization
import training.customize
from eval.train_command import BadName, OutputExists, train
from nlp import Comment, Tagger
from nlp.labelled import BadLabels
from nlp.models.manifest import Manifest
from tests.training.tiny_base import LEARNS_FAST, make_base, quick, sour
from training.customize import CustomRecipe, NoCheckpoint, TooFewLabels

COMMENTS = [*(sour(number) for number in range(80)), *(quick(number) for number in range(80, 160))]
OWN = [quick(number, "R") for number in range(120, 220)]  # 40 of them say what comments of the file say
PAGE = Path(__file__).parents[2] / "docs" / "training.md"


def written(path, comments):
    path.write_text("".join(comment.model_dump_json() + "\n" for comment in comments), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("model") / "base")


@pytest.fixture(scope="module")
def call():
    app = typer.Typer()
    app.command()(train)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def made(base, call, tmp_path_factory):
    """One whole run: its folder, what it printed, and all texts that the network was given to learn from."""
    folder, learned = tmp_path_factory.mktemp("made"), []
    finetune = training.customize.finetune

    def spy(model, examples, *arguments, **named):
        learned.extend(example.text for example in (*examples.labelled, *examples.translated, *examples.rated))
        return finetune(model, examples, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        patch.setattr(training.customize, "finetune", spy)
        patch.setattr(training.customize, "CustomRecipe", LEARNS_FAST)
        patch.setattr(eval.customization, "REHEARSAL", written(folder / "own.jsonl", OWN))
        labels = written(folder / "labels.jsonl", COMMENTS)
        result = call(labels, "--model", base, "-o", folder / "new", "--name", "ours", "--epochs", 5)
    assert result.exit_code == 0, result.output
    return folder, result.output, learned


@pytest.mark.slow
def test_the_tagger_opens_the_result_by_its_path(made):
    record = Tagger.load(made[0] / "new").tag_one(Comment("1", "sur betjening og svar"))
    assert [(tag.theme, tag.sentiment) for tag in record.themes] == [("staff_service", "negative")]
    assert record.model == Manifest.load(made[0] / "new").id
    assert record.model.startswith("ours@")


def test_what_is_held_out_is_never_learned_from(made):
    folder, _, learned = made
    numbers = json.loads((folder / "new/training.json").read_text(encoding="utf-8"))
    held_out = {comment.text for comment in COMMENTS if comment.id in numbers["held_out"]}
    assert len(held_out) == len(numbers["held_out"]) > 20
    assert not held_out & set(learned)
    assert set(learned) == {comment.text for comment in [*COMMENTS, *OWN]} - held_out


def test_before_and_after_stand_on_the_terminal_in_json_and_on_the_card(made):
    folder, output, _ = made
    numbers = json.loads((folder / "new/training.json").read_text(encoding="utf-8"))
    (themes,) = [one for one in numbers["changes"] if (one["group"], one["score"]) == ("all", "themes_f1")]
    assert (themes["before"], themes["after"], themes["verdict"]) == (0.0, 1.0, "better")
    (row,) = [line for line in output.splitlines() if "themes F1" in line and "│" in line]
    assert [cell.strip() for cell in row.strip("│").split("│")][1:3] == ["0.000", "1.000"]
    assert "Better: " in output
    assert "Thresholds and temperatures were kept" in output
    card = (folder / "new/README.md").read_text(encoding="utf-8")
    assert "| themes F1 | 0.000 | 1.000 |" in card
    assert "from tiny@1 on" in card
    assert Manifest.load(folder / "new").scores["all.themes_f1"] == 1.0


def test_nothing_is_left_beside_the_folder_and_no_customers_word_in_it(made):
    folder, output, _ = made
    assert sorted(path.name for path in folder.iterdir()) == ["labels.jsonl", "new", "own.jsonl"]
    written_down = output + "".join((folder / "new" / name).read_text() for name in ("README.md", "training.json"))
    assert "betjening" not in written_down


def test_an_interrupted_run_writes_nothing_and_says_how_to_go_on(base, call, tmp_path, monkeypatch):
    def interrupted(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(eval.customization, "customize", interrupted)
    result = call(written(tmp_path / "labels.jsonl", COMMENTS), "--model", base, "-o", tmp_path / "new")
    assert result.exit_code == 130
    assert "the same command goes on" in result.output
    assert not (tmp_path / "new").exists()


def test_another_file_can_be_held_out(base, tmp_path):
    wanted = eval.customization.Customization.of(
        written(tmp_path / "labels.jsonl", COMMENTS),
        model=base,
        held_out=written(tmp_path / "held_out.jsonl", [sour(number, "H") for number in range(30)]),
        work=tmp_path / "work",
        name="ours",
        seed=1,
        recipe=CustomRecipe(),
    )
    assert [comment.id for comment in wanted.learned] == [comment.id for comment in COMMENTS[30:]]
    assert [comment.id for comment in wanted.held_out] == [f"H{number}" for number in range(30)]
    assert wanted.notes() == ["Learning from 130 comments; 30 are held out."]


def test_labels_with_few_examples_are_named_before_it_begins(base, tmp_path):
    comments = [*(sour(number) for number in range(4)), *COMMENTS[80:], *(quick(n) for n in range(160, 260))]
    wanted = eval.customization.Customization.of(
        written(tmp_path / "labels.jsonl", comments),
        model=base,
        held_out=written(tmp_path / "held_out.jsonl", [quick(number, "H") for number in range(300, 330)]),
        work=tmp_path / "work",
        name="ours",
        seed=1,
        recipe=CustomRecipe(),
    )
    assert wanted.notes()[1].endswith(
        ": staff_service 4, sympathetic:negative 4, churn_risk 4, follow_up 4, negative 4."
    )


def refused(result, kind, said):
    assert isinstance(result.exception, kind)
    assert re.search(said, str(result.exception))


def test_what_cannot_work_is_refused_before_it_begins(base, call, tmp_path):
    labels, out = written(tmp_path / "labels.jsonl", COMMENTS), tmp_path / "new"
    strange = COMMENTS[0].model_dump() | {"themes": [{"theme": "staff_servise", "sentiment": "negative"}]}
    unknown = tmp_path / "unknown.jsonl"
    unknown.write_text(json.dumps(strange) + "\n", encoding="utf-8")
    few = written(tmp_path / "few.jsonl", COMMENTS[:50])
    without_weights = make_base(tmp_path / "without")
    (without_weights / "config.json").unlink()
    refused(call(labels, "--model", base, "-o", tmp_path), OutputExists, "is there already")
    refused(call(tmp_path / "none.jsonl", "--model", base, "-o", out), BadLabels, "none.jsonl cannot be read")
    refused(call(unknown, "--model", base, "-o", out), BadLabels, "line 1: .*Did you mean 'staff_service'")
    refused(call(few, "--model", base, "-o", out), TooFewLabels, "needed are at least 100 and 25")
    refused(call(labels, "--model", without_weights, "-o", out), NoCheckpoint, r"without config\.json")
    refused(call(labels, "--model", base, "-o", out, "--name", "our model"), BadName, "'our model' cannot be")
    assert not out.exists()


def test_the_page_names_every_option_and_no_other(call):
    known = {*re.findall(r"--[a-z][a-z-]*", call("--help").output)} - {"--help", "--install-completion"}
    known -= {"--show-completion"}
    of_train = PAGE.read_text(encoding="utf-8").partition("## Options")[2].partition("\n## ")[0]
    assert set(re.findall(r"--[a-z][a-z-]*", of_train)) == known
