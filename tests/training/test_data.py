import pytest

from tests.training import small_corpora
from training.data import Corpora


@pytest.fixture
def corpora(tmp_path):
    return Corpora.open(small_corpora.make(tmp_path), own_labels=None)


def test_dev_comments_are_left_out_wherever_they_stand(corpora):
    dev = {f"own-{number}" for number in range(6)}
    for rows, expected in ((corpora.labelled(), 66), (corpora.rated(), 78), (corpora.translated(), 66)):
        assert len(rows) == expected
        assert not dev & {row.id for row in rows}


def test_a_dev_text_under_another_id_is_left_out(tmp_path):
    folder = small_corpora.make(tmp_path)
    copy = small_corpora.rated(small_corpora.labelled(0)) | {
        "id": "other",
        "text": "HURTIG levering og  en venlig chauffør 0",
    }
    small_corpora.write(folder / "sentiment/train.jsonl.xz", [copy])
    assert Corpora.open(folder, own_labels=None).rated() == []


def test_without_a_dev_file_nothing_is_read(tmp_path):
    folder = small_corpora.make(tmp_path)
    (folder / "opinions/dev.jsonl").unlink()
    with pytest.raises(FileNotFoundError):
        Corpora.open(folder, own_labels=None)


def test_placeholders_and_line_marks_are_cleaned(corpora):
    assert next(iter(corpora.parallel()))["nb"] == "Åpne ordren i"
    assert next(corpora.professional_reviews()) == "En film om pakker\nDen er for lang."


def test_own_labels_come_beside_the_corpora_and_never_from_dev(tmp_path):
    folder = small_corpora.make(tmp_path)
    tags = {"sentiment": "negative", "themes": [], "factors": [], "churn_risk": True, "follow_up": False}
    authored = {"id": "written-1", "lang": "nn", "text": "Eg byter", "question": "Kvifor?", **tags}
    copied = {"id": "written-2", "lang": "da", "text": small_corpora.labelled(0)["text"], **tags}
    small_corpora.write(tmp_path / "own/authored.jsonl", [authored, copied])
    annotations = [{"id": id_, **tags} for id_ in ("stars-3", "own-1", "own-9", "unknown")]
    small_corpora.write(tmp_path / "own/annotations.jsonl", annotations)
    corpora = Corpora.open(folder, own_labels=tmp_path / "own")
    own = corpora.labelled()[len(corpora.corpus_labels()) :]
    # The copy of a dev comment, a dev comment's id, what has labels already and what nobody knows are left out.
    assert [comment.id for comment in own] == ["written-1", "stars-3"]
    assert own[0].question == "Kvifor?"
    assert own[1].text == small_corpora.STARS_ONLY[3]["text"]
    assert own[1].origin == "annotated"
