"""Mappings: what they may say, what they are told when they err, and the ids that follow from what comments say."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.exports.errors import BadMapping, MissingExportColumn, UnknownMapping
from api.exports.mapping import load_mapping, ready_names, ready_text, with_options
from tests.api.exports import Read, write

OWN = 'name = "own"\nsource = "own"\n[[text]]\nname = "svar"\n'


def save(folder: Path, text: str) -> str:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", ready_names())
def test_a_ready_mapping_is_valid_and_called_like_its_file(name: str) -> None:
    mapping = load_mapping(name)
    assert (mapping.name, bool(mapping.title), bool(mapping.description)) == (name, True, True)


def test_every_platform_has_a_ready_mapping() -> None:
    assert ready_names() == (
        *("medallia", "netigate", "qualtrics", "stemme", "surveymonkey", "trustpilot", "trustpilot-products"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "is no TOML"),
        (OWN + "quesion = 'x'", "text.0.quesion is not known. Did you mean 'question'?"),
        (OWN + "[columns]\nrespondant = 'x'", "columns.respondant is not known. Did you mean 'respondent'?"),
        (OWN + "[file]\ndelimiter = '#'", "file.delimiter: Input should be"),
        (OWN + "[file]\nheader_rows = 4", "file.header_rows"),
        (OWN + "[columns.submitted_at]\nname = 'd'\ndate_order = 'dmy'", "columns.submitted_at.date_order"),
        ('name = "own"\nsource = "own"\n[[text]]\npattern = "("\n', "'(' is no regular expression"),
        ('name = "own"\nsource = "own"\n[[text]]\n', "a [[text]] names its column"),
        (OWN + "position = 0", "text.0.position"),
        ('[[text]]\nname = "svar"\n', "name: Field required"),
        (OWN + "[[skip]]\nname = 'Status'\nreason = 'x'", "skip.0.values: Field required"),
    ],
)
def test_a_mapping_that_errs_is_told_where(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadMapping) as error:
        load_mapping(save(tmp_path, text))
    assert message in str(error.value)


def test_an_unknown_mapping_is_told_which_there_are() -> None:
    with pytest.raises(UnknownMapping, match=r"Did you mean 'qualtrics'\? Ready ones: medallia, netigate"):
        load_mapping("qualtrix")
    with pytest.raises(UnknownMapping):
        ready_text("../mapping")


def test_a_missing_column_is_told_with_the_nearest_one(tmp_path: Path) -> None:
    path = write(tmp_path / "e.csv", [["Nr", "Svaret"], ["1", "Bra"]])
    with pytest.raises(MissingExportColumn) as error:
        Read(path, save(tmp_path, OWN))
    assert "looked for 'svar'). Did you mean 'Svaret'? Columns found: 'Nr', 'Svaret'." in str(error.value)


def test_a_mapping_can_extend_a_ready_one(tmp_path: Path) -> None:
    mapping = load_mapping(
        save(
            tmp_path,
            'extends = "qualtrics"\nsource = "butikk"\n[columns]\nnps = "Q3"\ntouchpoint = { value = "visit" }\n',
        )
    )
    assert (mapping.name, mapping.source, mapping.detect) == ("own", "butikk", ())
    assert (mapping.columns.nps.name, mapping.columns.touchpoint.value) == (("Q3",), "visit")
    assert mapping.columns.id == load_mapping("qualtrics").columns.id
    with pytest.raises(UnknownMapping):
        load_mapping(save(tmp_path, 'extends = "qualtrix"\n'))


@pytest.mark.parametrize(
    "text",
    ['name = "SVAR"', "position = 2", "pattern = 'sv.r'", 'import_id = "QID2_TEXT"', 'name = ["Fritekst", "svar"]'],
    ids=["name", "position", "pattern", "ImportId", "the second name"],
)
def test_columns_are_selected(tmp_path: Path, text: str) -> None:
    rows = [
        ["nr", "Svar"],
        ["Nr.", "Hva var bra?"],
        ['{"ImportId":"_recordId"}', '{"ImportId":"QID2_TEXT"}'],
        ["1", "Alt"],
    ]
    mapping = save(tmp_path, f'name = "own"\nsource = "own"\n[[text]]\n{text}\n')
    assert Read(write(tmp_path / "e.csv", rows), mapping).texts == ["Alt"]


def test_translations_constants_own_blanks_and_what_stands_where_a_column_is_blank(tmp_path: Path) -> None:
    mapping = save(
        tmp_path,
        'name = "own"\nsource = "own"\nno_answer = ["vet ikke"]\n[columns]\n'
        'touchpoint = { name = "punkt", translate = { "1" = "delivery", "Kundeservice" = "support" } }\n'
        'channel = { value = "epost" }\ndepartment = { name = "avd", value = "ukjent" }\n[[text]]\nname = "svar"\n',
    )
    rows = [["svar", "punkt", "avd"], ["Bra", "1", ""], ["Vet ikke", "1", ""], ["-", "KUNDESERVICE", "Oslo"]]
    read = Read(write(tmp_path / "e.csv", rows), mapping)
    assert [(c.text, c.touchpoint, c.channel, c.department) for c in read.comments] == [
        ("Bra", "delivery", "epost", "ukjent"),
        ("-", "support", "epost", "Oslo"),
    ]


def test_ids_name_the_question_where_the_mapping_can_read_several(tmp_path: Path) -> None:
    rows = [["nr", "svar1"], ["1", "Bra"]]
    path = write(tmp_path / "e.csv", rows)
    one = save(tmp_path, 'name = "own"\nsource = "own"\ncolumns = { id = "nr" }\n[[text]]\nname = "svar1"\n')
    assert Read(path, one).comments[0].external_id == "1"
    several = save(tmp_path, 'name = "own"\nsource = "own"\ncolumns = { id = "nr" }\n[[text]]\npattern = "svar.*"\n')
    assert Read(path, several).comments[0].external_id == "1:svar1"


ANSWERS = st.lists(
    st.tuples(st.sampled_from(["Bra", "Dyrt", "Sein levering", "Öppet på söndag"]), st.sampled_from(["k1", "k2", ""])),
    min_size=1,
    max_size=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(ANSWERS, st.randoms(use_true_random=False))
def test_derived_ids_do_not_depend_on_the_place_of_a_row_or_a_column(
    tmp_path: Path, answers: list[tuple[str, str]], luck: random.Random
) -> None:
    mapping = save(
        tmp_path,
        'name = "own"\nsource = "own"\ncolumns = { respondent = { name = "hvem" } }\n[[text]]\nname = "svar"\n',
    )
    first = Read(write(tmp_path / "a.csv", [["svar", "hvem"], *answers]), mapping).comments
    shuffled = luck.sample(answers, len(answers))
    rows = [["x", "hvem", "svar"], *(["", who, text] for text, who in shuffled)]
    second = Read(write(tmp_path / "b.csv", rows, delimiter=";", encoding="utf-16"), mapping).comments
    assert {c.external_id: (c.text, c.respondent) for c in first} == {
        c.external_id: (c.text, c.respondent) for c in second
    }
    assert len({c.external_id for c in first}) == len(answers)


def test_derived_ids_stay_when_the_export_grows(tmp_path: Path) -> None:
    few = Read(write(tmp_path / "a.csv", [["Answers"], ["Bra"], ["Bra"], ["Dyrt"]])).comments
    more = Read(write(tmp_path / "b.csv", [["Answers"], ["Fint"], ["Bra"], ["Dyrt"], ["Bra"], ["Bra"]])).comments
    assert {c.external_id for c in few} < {c.external_id for c in more}
    assert few[0].external_id.startswith("auto-")
    assert few[1].external_id == f"{few[0].external_id}-2"


def test_options_take_the_place_of_the_mappings_columns(tmp_path: Path) -> None:
    mapping: Any = with_options(
        load_mapping("qualtrics"), columns={"text": "Q5\nQ6", "nps": "Q3"}, values={"channel": "sms"}
    )
    assert [rule.name for rule in mapping.text] == [("Q5",), ("Q6",)]
    assert (mapping.columns.nps.name, mapping.columns.nps.optional) == (("Q3",), False)
    assert (mapping.columns.channel.name, mapping.columns.channel.value) == ((), "sms")
