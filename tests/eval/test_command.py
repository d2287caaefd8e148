from __future__ import annotations

import json
import re
import time
from xml.etree import ElementTree as Xml

import pytest
import typer
from typer.testing import CliRunner

from eval import command
from eval.calibration import HEADS
from eval.command import measure
from eval.program import run_program
from nlp.labelled import LabelledComment, RatedComment
from tests.eval.by_hand import StubTagger, failed, labelled, tagged

GOLD = [
    labelled("D1", "Hurtig levering men sur betjening", lang="da", sentiment="mixed",
             themes=["delivery_time:positive", "staff_service:negative"], factors=[("sympathetic:negative", 20, 23)]),
    labelled("S1", "Aldrig mer", lang="sv", sentiment="negative", themes=["loyalty_recommendation:negative"],
             churn_risk=True),
    labelled("D1:nb", "Rask levering, men sur betjening", lang="nb", sentiment="mixed",
             themes=["delivery_time:positive", "staff_service:negative"], factors=["sympathetic:negative"]),
    labelled("D9:nn", "Kvar er pakka mi?", lang="nn", sentiment="neutral", themes=["delivery_time:negative"],
             follow_up=True),
]  # fmt: skip
ANSWERS = {
    "D1": tagged("D1", language="da", sentiment="mixed", themes=["delivery_time:positive", "staff_service:negative"],
                 factors=[("sympathetic:negative", 20, 34)]),
    "S1": tagged("S1", language="sv", sentiment="negative", churn_risk=0.9),
    "D1:nb": tagged("D1:nb", language="nb", sentiment="negative", themes=["staff_service:negative"],
                    factors=["sympathetic:negative"]),
    "D9:nn": failed("D9:nn"),
    "D9": tagged("D9", language="da", themes=["delivery_time:negative"]),
}  # fmt: skip
RATED = [
    RatedComment(id="R1", lang="da", text="God", source="butik", sentiment="positive"),
    RatedComment(id="R2", lang="da", text="Skidt", source="butik", sentiment="negative"),
    RatedComment(id="R3", lang="no", text="Grei nok", source="norec_sentence", sentiment="neutral"),
]
RATED_ANSWERS = {
    "R1": tagged("R1", sentiment="positive"),
    "R2": tagged("R2", sentiment="positive"),
    "R3": tagged("R3", sentiment="mixed"),
}


@pytest.fixture
def tagger(monkeypatch):
    stub = StubTagger(ANSWERS | RATED_ANSWERS)
    monkeypatch.setattr(command, "load_tagger", lambda model: stub)
    return stub


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    app = typer.Typer()
    app.command()(command.evaluate)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def written(path, comments):
    path.write_text("".join(comment.model_dump_json() + "\n" for comment in comments), encoding="utf-8")
    return path


def test_scores_go_to_the_terminal_and_to_json(tmp_path, tagger, run):
    output = tmp_path / "scores.json"
    result = run(written(tmp_path / "labels.jsonl", GOLD), "-o", output)
    assert result.exit_code == 0, result.output
    assert "stub@1, taxonomy journey@1.0.0" in result.output
    scores = json.loads(output.read_text(encoding="utf-8"))
    assert (scores["model"], scores["taxonomy"]) == ("stub@1", "journey@1.0.0")
    of = {group: scores["comments"][group]["headline"] for group in ("da", "sv", "no", "all")}
    assert [of[group]["sentiment_accuracy"]["value"] for group in of] == [1.0, 1.0, 0.0, 0.5]
    # All: 6 due, 3 found, none too many -> 6/9.
    assert [of[group]["themes_f1"]["value"] for group in of] == [1.0, 0.0, 0.5, 0.6667]
    assert of["da"]["evidence_f1"]["value"] == 0.6667
    assert of["no"]["evidence_f1"]["value"] is None
    assert scores["comments"]["no"]["failed"] == 1
    row = {row["label"]: row for row in scores["comments"]["all"]["labels"]["themes"]}["delivery_time"]
    assert row == {"label": "delivery_time", "precision": 1.0, "recall": 0.3333, "f1": 0.5, "gold": 3, "predicted": 1}
    lines = result.output.splitlines()
    assert any("delivery_time" in line and "0.333" in line and "0.500" in line for line in lines)
    assert "1 of 2 localised comments have no original" in result.output


def test_originals_are_looked_for_in_the_labels_and_in_the_other_file(tmp_path, tagger, run):
    more = [labelled("D9", "Hvor er min pakke?", lang="da"), labelled("D7", "Ikke noget med det her", lang="da")]
    output = tmp_path / "scores.json"
    labels, originals = written(tmp_path / "labels.jsonl", GOLD), written(tmp_path / "train.jsonl", more)
    assert run(labels, "--originals", originals, "-o", output).exit_code == 0
    scores = json.loads(output.read_text(encoding="utf-8"))
    assert (scores["localisations"], scores["without_original"]) == (2, 0)
    # D1 has 3 tags, D1:nb 2 of them; D9 has 1, D9:nn none: 2 * 2 / (4 + 2).
    assert scores["comments"]["no"]["headline"]["localisation_f1"]["value"] == 0.6667
    assert scores["comments"]["da"]["headline"]["localisation_f1"]["value"] is None
    assert tagger.asked == ["D1", "S1", "D1:nb", "D9:nn", "D9"]
    assert scores["comments"]["all"]["comments"] == 4


def test_the_question_goes_to_the_tagger_where_the_files_have_one(tmp_path, tagger, run):
    gold = [GOLD[0].model_copy(update={"question": "Hvad var godt?"}), *GOLD[1:]]
    original = labelled("D9", "Hvor er min pakke?", lang="da", question="Andet?")
    rated = [RATED[0].model_copy(update={"question": "Hvorfor?"}), RATED[1]]
    files = {"labels": gold, "originals": [original], "reviews": rated}
    labels, originals, reviews = (written(tmp_path / f"{name}.jsonl", rows) for name, rows in files.items())
    result = run(labels, "--originals", originals, "--reviews", reviews)
    assert result.exit_code == 0, result.output
    asked = {"D1": "Hvad var godt?", "D9": "Andet?", "R1": "Hvorfor?"}
    assert tagger.questions == dict.fromkeys(["D1", "S1", "D1:nb", "D9:nn", "D9", "R1", "R2"]) | asked


def test_reviews_are_scored_by_group(tmp_path, tagger, run):
    output = tmp_path / "scores.json"
    labels, reviews = written(tmp_path / "labels.jsonl", GOLD), written(tmp_path / "reviews.jsonl", RATED)
    assert run(labels, "--reviews", reviews, "-o", output).exit_code == 0
    scores = json.loads(output.read_text(encoding="utf-8"))["reviews"]
    assert list(scores) == ["da", "no", "all"]
    assert scores["all"]["positive_or_negative"]["value"] == 0.5
    assert scores["all"]["three_way_macro_f1"]["value"] == 1.0
    assert scores["da"]["positive_or_negative"]["value"] == 0.5
    assert "three_way_macro_f1" not in scores["da"]
    assert scores["no"]["three_way_macro_f1"]["value"] == 1.0
    assert scores["no"]["positive_or_negative"]["value"] is None


def test_the_speed_of_the_run_is_said_of_all_that_was_tagged(tmp_path, monkeypatch, run):
    class Slow(StubTagger):
        def tag(self, comments, *, batch_size=64):
            for record in super().tag(comments):
                time.sleep(0.01)
                yield record

    monkeypatch.setattr(command, "load_tagger", lambda model: Slow(ANSWERS | RATED_ANSWERS))
    output = tmp_path / "scores.json"
    labels, reviews = written(tmp_path / "labels.jsonl", GOLD), written(tmp_path / "reviews.jsonl", RATED)
    shown = run(labels, "--reviews", reviews, "-o", output).output
    speed = json.loads(output.read_text(encoding="utf-8"))["speed"]
    assert speed["texts"] == 7
    assert speed["seconds"] >= 0.07
    assert speed["comments_per_second"] == pytest.approx(7 / speed["seconds"], rel=0.01)
    assert f"7 texts tagged in {speed['seconds']:.1f} s, {speed['comments_per_second']:.0f} a second" in shown


def test_calibration_is_shown_and_written_for_every_head(tmp_path, tagger, run):
    output = tmp_path / "scores.json"
    shown = run(written(tmp_path / "labels.jsonl", GOLD), "-o", output).output
    scores = json.loads(output.read_text(encoding="utf-8"))["comments"]
    # Danish: 2 themes of 2 right, given with 0.9; the other files' comments have none of their own.
    assert scores["da"]["calibration"]["themes"] == {"value": 0.1, "low": 0.1, "high": 0.1, "support": 2}
    assert scores["da"]["reliability"]["themes"] == [{"says": 0.9, "comes_true": 1.0, "count": 2}]
    assert scores["all"]["reliability"]["factors"] == [{"says": 0.9, "comes_true": 1.0, "count": 2}]
    table = shown.partition("Expected calibration error")[2].splitlines()
    assert [head for head in HEADS if not any(head.replace("_", " ") in line for line in table)] == []


def test_the_sentiment_about_a_theme_is_measured_where_the_tagger_says_how_sure_it_is(tmp_path, monkeypatch, run):
    class Sure(StubTagger):
        def tag_with_theme_sentiments(self, comments, *, batch_size=64):
            for record in self.tag(comments):
                yield record, {tag.theme: 0.75 for tag in getattr(record, "themes", ())}

    monkeypatch.setattr(command, "load_tagger", lambda model: Sure(ANSWERS))
    output = tmp_path / "scores.json"
    run(written(tmp_path / "labels.jsonl", GOLD), "-o", output)
    scores = json.loads(output.read_text(encoding="utf-8"))["comments"]
    # Danish has two themes given and due, bokmål one of its two; all have the right sentiment.
    assert scores["da"]["reliability"]["theme_sentiment"] == [{"says": 0.75, "comes_true": 1.0, "count": 2}]
    assert scores["all"]["calibration"]["theme_sentiment"]["value"] == 0.25
    assert scores["all"]["calibration"]["theme_sentiment"]["support"] == 3
    assert scores["sv"]["calibration"]["theme_sentiment"]["value"] is None


def test_the_plot_is_drawn(tmp_path, tagger, run):
    result = run(written(tmp_path / "labels.jsonl", GOLD), "--plot", tmp_path / "reliability.svg")
    assert result.exit_code == 0, result.output
    root = Xml.parse(tmp_path / "reliability.svg").getroot()
    assert root[0].text == "Reliability of stub@1"
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) > 5


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--plot=reliability.png", r"ends in '\.png'"),
        ("--plot=no/reliability.svg", "no does not exist"),
        ("--output=no/scores.json", "no does not exist"),
    ],
)
def test_an_output_that_could_not_be_written_is_refused_before_tagging(tmp_path, tagger, run, option, said):
    result = run(written(tmp_path / "labels.jsonl", GOLD), option)
    assert isinstance(result.exception, command.BadOutput)
    assert re.search(said, str(result.exception))
    assert tagger.asked == []


def test_a_second_model_stands_beside_the_first_with_their_differences(tmp_path, monkeypatch, run):
    other = ANSWERS | {"S1": tagged("S1", language="sv", sentiment="mixed", churn_risk=0.2)}
    folder = tmp_path / "full-precision"
    asked = []
    answers = {None: ANSWERS, folder: other}
    monkeypatch.setattr(command, "load_tagger", lambda model: asked.append(model) or StubTagger(answers[model]))
    output = tmp_path / "scores.json"
    result = run(written(tmp_path / "labels.jsonl", GOLD), "--against", folder, "-o", output)
    assert result.exit_code == 0, result.output
    assert asked == [None, folder]
    against = json.loads(output.read_text(encoding="utf-8"))["against"]
    assert (against["folder"], against["evaluation"]["model"]) == ("full-precision", "stub@1")
    assert not against["full_precision"]  # a folder of that name
    assert against["evaluation"]["comments"]["sv"]["headline"]["sentiment_accuracy"]["value"] == 0.0
    assert against["evaluation"]["speed"]["texts"] == 4
    row = against["differences"]["comments"]["sv"]["churn_risk_f1"]
    assert row == {"this": 1.0, "other": 0.0, "difference": 1.0, "low": 1.0, "high": 1.0}
    table = result.output.partition("Against full-precision")[2].splitlines()
    (line,) = [line for line in table if "sentiment accuracy" in line]
    this, theirs, difference, _, swedish, *_ = [cell.strip() for cell in re.split("[│┃]", line)[2:-1]]
    assert (this, theirs) == ("0.500", "0.250")
    assert difference.startswith("+0.250 ")
    assert swedish == "+1.000 +1.000–+1.000"
    assert any("calibration error, factors" in line for line in table)


def test_the_two_written_forms_of_norwegian_are_measured_apart(tmp_path, tagger, run):
    output = tmp_path / "scores.json"
    gold = written(tmp_path / "labels.jsonl", GOLD)
    result = run(gold, "-o", output)
    of = {group: row["headline"] for group, row in json.loads(output.read_text(encoding="utf-8"))["comments"].items()}
    assert list(of) == ["da", "sv", "no", "nb", "nn", "all"]
    # D1:nb has one of its two themes, D9:nn could not be tagged.
    assert [of[group]["themes_f1"]["value"] for group in ("no", "nb", "nn")] == [0.5, 0.6667, 0.0]
    heads = [cell.strip() for cell in re.split("[│┃]", result.output.splitlines()[4])]
    assert [head for head in heads if head] == ["da", "sv", "no", "nb", "nn", "all"]


def test_a_form_without_the_other_has_no_column_of_its_own(tmp_path, tagger, run):
    output = tmp_path / "scores.json"
    result = run(written(tmp_path / "labels.jsonl", [GOLD[0], GOLD[2]]), "-o", output, "--against", "other")
    assert json.loads(output.read_text(encoding="utf-8"))["comments"]["nn"]["comments"] == 0
    for title in ("Scores, with", "Against other"):
        head = result.output.partition(title)[2].splitlines()[2]
        assert "no" in head
        assert "nb" not in head
        assert "nn" not in head


def test_full_precision_is_the_models_own_network_before_it_was_made_int8(tmp_path, monkeypatch, run):
    asked = []
    other = ANSWERS | {"S1": tagged("S1", language="sv", sentiment="mixed")}
    monkeypatch.setattr(command, "load_tagger", lambda model: asked.append(("int8", model)) or StubTagger(ANSWERS))
    monkeypatch.setattr(
        command, "load_full_precision", lambda model: asked.append(("full", model)) or StubTagger(other)
    )
    output, gold = tmp_path / "scores.json", written(tmp_path / "labels.jsonl", GOLD)
    result = run(gold, "--model", tmp_path, "--against", "full-precision", "-o", output)
    assert result.exit_code == 0, result.output
    assert asked == [("int8", tmp_path), ("full", tmp_path)]
    against = json.loads(output.read_text(encoding="utf-8"))["against"]
    assert (against["folder"], against["full_precision"]) == ("full-precision", True)
    assert against["differences"]["comments"]["sv"]["sentiment_accuracy"]["difference"] == 1.0


def test_a_folder_of_that_name_goes_before_the_word(tmp_path, monkeypatch, run):
    asked = []
    monkeypatch.setattr(command, "load_tagger", lambda model: asked.append(str(model)) or StubTagger(ANSWERS))
    gold = written(tmp_path / "labels.jsonl", GOLD)
    (tmp_path / "full-precision").mkdir()
    monkeypatch.chdir(tmp_path)
    assert run(gold, "--against", "full-precision").exit_code == 0
    assert asked == ["None", "full-precision"]


def test_rated_texts_are_measured_alone(tmp_path, tagger, run):
    output = tmp_path / "scores.json"
    reviews = written(tmp_path / "reviews.jsonl", RATED)
    result = run("--reviews", reviews, "-o", output, "--floors", "--against", "other")
    assert result.exit_code == 1  # below a floor
    assert "positive or negative" in result.output
    assert "Scores, with" not in result.output
    scores = json.loads(output.read_text(encoding="utf-8"))
    assert scores["comments"] == {}
    assert scores["reviews"]["all"]["positive_or_negative"]["value"] == 0.5
    assert list(scores["against"]["differences"]) == ["reviews"]
    assert {(row["group"], row["verdict"]) for row in scores["floors"]} == {("da", "below"), ("no", "above")}
    assert "Against other" in result.output


def test_a_plot_needs_labels(tmp_path, tagger, run):
    reviews = written(tmp_path / "reviews.jsonl", RATED)
    assert isinstance(run("--reviews", reviews, "--plot", tmp_path / "r.svg").exception, command.BadOutput)
    assert tagger.asked == []


def test_without_any_file_there_is_nothing_to_measure(run):
    result = run()
    assert isinstance(result.exception, command.NothingToMeasure)


def test_every_kind_of_tag_has_its_table_by_label(tmp_path, tagger, run):
    shown = run(written(tmp_path / "labels.jsonl", GOLD)).output
    row = {title: shown.partition(title)[2].splitlines() for title in ("Themes with sentiment, by", "Factors, by")}
    (negative,) = [line for line in row["Themes with sentiment, by"] if "staff_service:negative" in line][:1]
    assert [cell.strip() for cell in re.split("[│┃]", negative)][2:7] == ["2", "2", "1.000", "1.000", "1.000"]
    (factor,) = [line for line in row["Factors, by"] if "sympathetic" in line][:1]
    assert [cell.strip() for cell in re.split("[│┃]", factor)][1:4] == ["sympathetic", "2", "2"]


def test_floors_exit_with_1_when_a_score_lies_below(tmp_path, tagger, run):
    output = tmp_path / "scores.json"
    result = run(written(tmp_path / "labels.jsonl", GOLD), "--floors", "-o", output)
    assert result.exit_code == 1
    rows = {
        (row["group"], row["score"]): row["verdict"] for row in json.loads(output.read_text(encoding="utf-8"))["floors"]
    }
    assert rows["da", "themes_f1"] == "above"
    assert rows["sv", "themes_f1"] == "below"
    assert rows["sv", "factors_with_polarity_f1"] == "not measured"
    assert "below" in result.output


def test_goals_are_listed_and_change_no_exit_status(tmp_path, tagger, run):
    output = tmp_path / "scores.json"
    result = run(written(tmp_path / "labels.jsonl", GOLD), "--goals", "-o", output)
    assert result.exit_code == 0, result.output
    rows = json.loads(output.read_text(encoding="utf-8"))["goals"]
    of = {(row["kind"], row["score"]): (row["goal"], row["value"], row["outcome"]) for row in rows}
    assert of["comments", "themes_f1"] == (0.88, 0.667, "not reached")
    assert of["int8", "largest_difference"] == (0.003, None, "not measured")
    assert of["behaviour", "all"][1:] == (None, "not measured")  # the shipped rates are of another model
    assert "Goals: " in result.output


def test_floors_exit_with_0_when_none_lies_below(tmp_path, monkeypatch, run):
    gold = [comment for comment in GOLD if comment.id in ("D1", "S1")]
    perfect = {
        comment.id: tagged(
            comment.id,
            sentiment=comment.sentiment,
            themes=[f"{tag.theme}:{tag.sentiment}" for tag in comment.themes],
            factors=[tag.tag for tag in comment.factors],
            churn_risk=float(comment.churn_risk),
        )
        for comment in gold
    }
    monkeypatch.setattr(command, "load_tagger", lambda model: StubTagger(perfect))
    result = run(written(tmp_path / "labels.jsonl", gold), "--floors")
    assert result.exit_code == 0, result.output


def test_the_model_folder_is_passed_on(tmp_path, monkeypatch, run):
    asked = []
    monkeypatch.setattr(command, "load_tagger", lambda model: asked.append(model) or StubTagger(ANSWERS))
    run(written(tmp_path / "labels.jsonl", GOLD), "--model", tmp_path)
    run(written(tmp_path / "labels.jsonl", GOLD))
    assert asked == [tmp_path, None]


def test_a_tagger_that_loses_a_comment_is_an_error():
    class Losing(StubTagger):
        def tag(self, comments, *, batch_size=64):
            return (record for record in super().tag(comments) if record.id != "S1")

    with pytest.raises(ValueError, match="zip"):
        measure(Losing(ANSWERS), GOLD)


def test_no_sentence_of_a_customer_is_shown(tmp_path, tagger, run):
    output = tmp_path / "scores.json"
    result = run(written(tmp_path / "labels.jsonl", GOLD), "-o", output)
    shown = result.output + output.read_text(encoding="utf-8")
    assert [comment.text for comment in GOLD if comment.text in shown] == []


def test_bad_labels_end_the_program_with_2_and_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["stemme-eval", str(tmp_path / "none.jsonl")])
    with pytest.raises(SystemExit) as ended:
        run_program(command.evaluate)
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("none.jsonl cannot be read: No such file or directory. (bad_labels)\n")


def test_the_stub_answers_every_comment_of_these_tests():
    assert {comment.id for comment in GOLD} <= ANSWERS.keys()
    assert all(isinstance(comment, LabelledComment) for comment in GOLD)
