"""A customer's labels change what a model says, and only what is meant to be learned from is."""

from datetime import date

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'train'")
pytest.importorskip("onnx", reason="needs the extra 'train'")

from safetensors.torch import load_file

from nlp import Comment, Tagger
from nlp.models.manifest import Manifest
from tests.eval.by_hand import labelled
from tests.nlp.by_hand import LABELS
from tests.training.tiny_base import LEARNS_FAST, make_base, quick, sour
from training import customize as module
from training.customize import (
    CustomRecipe,
    NoCheckpoint,
    TooFewLabels,
    can_calibrate,
    check_enough,
    customize,
    of_labelled,
    open_base,
    rare_labels,
)

COMMENTS = [*(sour(number) for number in range(60)), *(quick(number) for number in range(60, 120))]
REHEARSAL = [quick(number, "R") for number in range(200, 260)]
RECIPE = LEARNS_FAST(epochs=4)


class Spy:
    """Stands before `finetune` and notes what it was given to learn from."""

    def __init__(self):
        self.learned, self.rehearsed = [], []

    def __call__(self, model, examples, *arguments, **named):
        self.learned += [example.text for example in examples.labelled]
        self.rehearsed += [(example.text, example.weight) for example in examples.translated]
        assert not examples.rated
        return real_finetune(model, examples, *arguments, **named)


real_finetune = module.finetune


@pytest.fixture
def spy(monkeypatch):
    spy = Spy()
    monkeypatch.setattr(module, "finetune", spy)
    return spy


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("model") / "base")


def run(base, out, work, *, comments=COMMENTS, recipe=RECIPE, report=lambda seen, total: None):
    return customize(
        base,
        comments,
        REHEARSAL,
        out,
        work=work,
        name="ours",
        day=date(2026, 11, 27),
        seed=1,
        recipe=recipe,
        report=report,
    )


@pytest.fixture(scope="module")
def made(base, tmp_path_factory):
    """One whole run: the folder, what was made, and all that was reported."""
    folder, reports = tmp_path_factory.mktemp("made"), []
    result = run(base, folder / "new", folder / "work", report=lambda *seen: reports.append(seen))
    return folder / "new", result, reports


@pytest.mark.slow
def test_the_new_model_says_what_the_labels_taught(base, made):
    old, new = Tagger.load(base), Tagger.load(made[0])
    text = "sur betjening og svar"
    assert [tag.theme for tag in old.tag_one(Comment("1", text)).themes] == []
    record = new.tag_one(Comment("1", text))
    assert [(tag.theme, tag.sentiment) for tag in record.themes] == [("staff_service", "negative")]
    assert [(tag.factor, tag.polarity) for tag in record.factors] == [("sympathetic", "negative")]
    assert (record.sentiment.label, record.churn_risk.flag, record.follow_up.flag) == ("negative", True, True)
    other = new.tag_one(Comment("2", "hurtig levering"))
    assert [(tag.theme, tag.sentiment) for tag in other.themes] == [("delivery_time", "positive")]
    assert (other.sentiment.label, other.churn_risk.flag) == ("positive", False)


def test_every_record_names_the_new_model_and_its_weights(made):
    folder, result, _ = made
    name, _, version = Tagger.load(folder).tag_one(Comment("1", "svar")).model.partition("@")
    assert (name, version) == ("ours", result.manifest.version)
    assert version.startswith("2026.11.27-")
    assert len(version) == len("2026.11.27-") + 8


def test_it_can_be_trained_further_and_weighs_half(base, made):
    assert open_base(made[0]).name == "ours"
    assert {tensor.dtype for tensor in load_file(made[0] / "model.safetensors").values()} == {torch.float16}
    assert open_base(base).id == "tiny@1"
    assert not (base / "model.onnx").exists()


def test_progress_counts_the_comments_of_all_epochs(made):
    _, result, reports = made
    total = 4 * (120 + 12)
    assert (result.learned, result.rehearsed) == (120, 12)
    assert {of for _, of in reports} == {total}
    assert [seen for seen, _ in reports] == sorted(seen for seen, _ in reports)
    assert reports[-1] == (total, total)


def test_few_labels_are_all_learned_from_and_thresholds_are_kept(base, made, spy, tmp_path):
    assert made[1].calibrated == 0
    assert made[1].manifest.calibration == Manifest.load(base).calibration
    run(base, tmp_path / "new", tmp_path / "work", recipe=CustomRecipe(epochs=1))
    assert sorted(spy.learned) == sorted(comment.text for comment in COMMENTS)
    assert set(spy.rehearsed) == {(comment.text, 0.5) for comment in REHEARSAL}


def test_thresholds_are_fitted_on_comments_that_are_not_learned_from(base, spy, tmp_path, monkeypatch):
    seen = []
    fit = module.calibrate
    monkeypatch.setattr(module, "calibrate", lambda encoder, rows: seen.extend(rows) or fit(encoder, rows))
    comments = [*(sour(number) for number in range(120)), *(quick(number) for number in range(120, 150))]
    recipe = CustomRecipe(epochs=1, calibration_share=0.4, least_calibration=40)
    result = run(base, tmp_path / "new", tmp_path / "work", comments=comments, recipe=recipe)
    texts = [comment.text for comment in seen]
    assert (result.calibrated, result.learned) == (len(texts), 150 - len(texts))
    assert 40 < len(texts) < 80
    assert not set(texts) & set(spy.learned)
    assert result.manifest.calibration != Manifest.load(base).calibration
    assert Manifest.load(tmp_path / "new").calibration == result.manifest.calibration


@pytest.mark.parametrize(
    ("sours", "quicks", "enough"), [(30, 10, True), (24, 30, False), (30, 9, False), (0, 40, False)]
)
def test_thresholds_need_enough_comments_with_each_kind_of_tag(sours, quicks, enough):
    comments = of_labelled([*(sour(n) for n in range(sours)), *(quick(n) for n in range(sours, sours + quicks))])
    assert can_calibrate(LABELS, comments, least=40) is enough


class Stopped(Exception):
    """Somebody pressed Ctrl-C."""


@pytest.mark.slow
def test_an_interrupted_run_goes_on_and_ends_where_a_whole_one_does(base, made, tmp_path):
    def stop(seen, total):
        if seen > total * 0.6:
            raise Stopped

    with pytest.raises(Stopped):
        run(base, tmp_path / "new", tmp_path / "work", report=stop)
    assert not (tmp_path / "new").exists()
    reports = []
    result = run(base, tmp_path / "new", tmp_path / "work", report=lambda *seen: reports.append(seen))
    assert 0.5 < reports[0][0] / reports[0][1] < 0.6
    assert result.manifest == made[1].manifest


@pytest.mark.slow
def test_other_labels_do_not_go_on_from_an_interrupted_run(base, tmp_path):
    def stop_late(seen, total):
        if seen > total * 0.3:
            raise Stopped

    first = []

    def stop_at_once(seen, total):
        first.append(seen / total)
        raise Stopped

    with pytest.raises(Stopped):
        run(base, tmp_path / "new", tmp_path / "work", report=stop_late)
    with pytest.raises(Stopped):
        run(base, tmp_path / "new", tmp_path / "work", comments=COMMENTS[1:], report=stop_at_once)
    assert first[0] < 0.1


def test_comments_without_a_word_are_passed_over():
    assert [comment.id for comment in of_labelled([labelled("1", " \n"), labelled("2", "svar")])] == ["2"]


def test_a_folder_without_weights_says_which_are_missing(tmp_path):
    base = make_base(tmp_path / "base")
    (base / "model.safetensors").unlink()
    (base / "heads.safetensors").unlink()
    with pytest.raises(NoCheckpoint, match=r"tiny@1 without model\.safetensors, heads\.safetensors\. .* --model"):
        run(base, tmp_path / "new", tmp_path / "work")


def test_too_few_comments_are_refused_with_the_numbers_needed():
    with pytest.raises(TooFewLabels, match=r"99 comments to learn from and 60 held out .* at least 100 and 25"):
        check_enough(99, 60, CustomRecipe())
    with pytest.raises(TooFewLabels, match="400 comments to learn from and 24 held out"):
        check_enough(400, 24, CustomRecipe())
    check_enough(100, 25, CustomRecipe())


def test_rare_labels_are_counted():
    comments = [*(sour(number) for number in range(3)), *(quick(number) for number in range(10, 25))]
    rare = {"staff_service": 3, "sympathetic:negative": 3, "churn_risk": 3, "follow_up": 3, "negative": 3}
    assert rare_labels(LABELS, comments) == rare
