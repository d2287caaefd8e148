import pytest

from tests.training import small_corpora
from training.data import Corpora


@pytest.fixture
def corpora(tmp_path):
    return Corpora.open(small_corpora.make(tmp_path))


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
    assert Corpora.open(folder).rated() == []


def test_without_a_dev_file_nothing_is_read(tmp_path):
    folder = small_corpora.make(tmp_path)
    (folder / "opinions/dev.jsonl").unlink()
    with pytest.raises(FileNotFoundError):
        Corpora.open(folder)


def test_placeholders_and_line_marks_are_cleaned(corpora):
    assert next(iter(corpora.parallel()))["nb"] == "Åpne ordren i"
    assert next(corpora.professional_reviews()) == "En film om pakker\nDen er for lang."
