"""CSV as Excel, survey tools and databases write it, and what comes out of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.files.decode import MAX_LINE
from api.files.errors import AmbiguousColumn, BrokenHeader, EmptyInput, MissingColumns, UnknownEncoding
from api.files.formats import Format
from api.files.identify import Roles
from api.files.read_csv import MAX_CELL
from tests.api.runs import tag


@pytest.fixture
def long_cells() -> Iterator[None]:
    """The csv module's limit is global; the command line raises it, and a test puts it back."""
    before = csv.field_size_limit(MAX_CELL)
    yield
    csv.field_size_limit(before)


def test_each_row_is_tagged_and_its_columns_pass_through(tmp_path: Path) -> None:
    out = tag(tmp_path, "id,nps,text\na,9,hyggelig\nb,2,sein\n", Format.CSV)
    assert [(r["id"], r["nps"], r["text"], r["sentiment"]["label"]) for r in out.records] == [
        ("a", "9", "hyggelig", "positive"),
        ("b", "2", "sein", "negative"),
    ]


def test_the_record_in_cells(tmp_path: Path) -> None:
    out = tag(tmp_path, "id,text\na,hyggelig men bytter!\n", Format.CSV, Format.CSV)
    (cells,) = out.cells
    assert list(cells) == [
        *["id", "text", "language", "sentiment", "sentiment_score", "sentiment_probabilities", "themes", "factors"],
        *["churn_risk", "churn_risk_confidence", "churn_risk_spans"],
        *["follow_up", "follow_up_confidence", "follow_up_spans", "model", "taxonomy", "error_code", "error_message"],
    ]
    assert (cells["language"], cells["sentiment"], cells["sentiment_score"]) == ("nb", "positive", "1.0")
    assert json.loads(cells["sentiment_probabilities"])["positive"] == 1.0
    assert json.loads(cells["themes"]) == [
        {
            "theme": "staff_service",
            "stage": "support",
            "sentiment": "positive",
            "confidence": 0.9,
            "spans": [{"start": 0, "end": 8}],
        }
    ]
    assert json.loads(cells["factors"])[0]["factor"] == "sympathetic"
    assert (cells["churn_risk"], cells["churn_risk_confidence"]) == ("true", "0.9")
    assert json.loads(cells["churn_risk_spans"]) == [{"start": 13, "end": 19}]
    assert (cells["follow_up"], cells["follow_up_spans"]) == ("false", "[]")
    assert (cells["model"], cells["taxonomy"], cells["error_code"]) == ("stub@1.0.0", "journey@1.0.0", "")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_tells_the_delimiter(tmp_path: Path, delimiter: str) -> None:
    header = delimiter.join(["id", "kø, tid; ro" if delimiter == "\t" else "kø", "text"])
    out = tag(tmp_path, f"{header}\n{delimiter.join(['a', 'x', 'sein'])}\n", Format.CSV)
    assert [(r["id"], r["text"]) for r in out.records] == [("a", "sein")]


def test_a_header_with_more_commas_than_semicolons_is_split_where_the_named_columns_are(tmp_path: Path) -> None:
    question = "Hva er bra, hva er dårlig, og hvorfor?"
    out = tag(tmp_path, f"nr;{question}\na;sein, men hyggelig\n", Format.CSV, roles=Roles("nr", question))
    assert [(r["id"], r[question]) for r in out.records] == [("a", "sein, men hyggelig")]


def test_a_csv_output_keeps_the_delimiter_and_the_byte_order_mark(tmp_path: Path) -> None:
    out = tag(tmp_path, "\ufeffid;text\r\na;sein, altfor sein\r\n", Format.CSV, Format.CSV)
    assert out.data.startswith("\ufeffid;text;language;".encode())
    assert "\na;sein, altfor sein;nb;negative;" in out.data.decode("utf-8-sig")


def test_line_breaks_in_a_quoted_cell_stay_as_they_are(tmp_path: Path) -> None:
    out = tag(tmp_path, 'id,text\r\na,"sein\r\nog ""dyrt""\n"\r\nb,hyggelig\r\n', Format.CSV)
    assert [r["text"] for r in out.records] == ['sein\r\nog "dyrt"\n', "hyggelig"]
    assert [t["spans"] for t in out.records[0]["themes"]] == [[{"start": 0, "end": 4}], [{"start": 10, "end": 14}]]


def test_a_lone_carriage_return_survives_from_csv_to_csv(tmp_path: Path) -> None:
    out = tag(tmp_path, 'id,text\na,"sein\rog dyrt"\n', Format.CSV, Format.CSV)
    assert [cells["text"] for cells in out.cells] == ["sein\rog dyrt"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, encoding: str) -> None:
    out = tag(tmp_path, "id,text\nå,sein på Ærø 📦\n".encode(encoding), Format.CSV)
    assert [(r["id"], r["text"]) for r in out.records] == [("å", "sein på Ærø 📦")]
    assert out.notices == []


def test_a_file_from_excel_on_windows_is_read_as_cp1252_with_a_notice(tmp_path: Path) -> None:
    out = tag(tmp_path, "id;text\na;for sein på lørdag – dårlig\n".encode("cp1252"), Format.CSV)
    assert [r["text"] for r in out.records] == ["for sein på lørdag – dårlig"]
    assert out.codes == [None]
    (notice,) = out.notices
    assert "cp1252" in notice
    assert "--encoding" in notice


def test_an_encoding_can_be_named(tmp_path: Path) -> None:
    out = tag(tmp_path, "id,text\na,blåbær\n".encode("cp865"), Format.CSV, encoding="cp865")
    assert [r["text"] for r in out.records] == ["blåbær"]
    assert out.notices == []


def test_bytes_that_are_not_utf8_are_an_error_of_their_row_only(tmp_path: Path) -> None:
    data = "id,text\na,blåbær\n".encode() + b"b,bl\xe5b\xe6r\n" + b"c,sein\n"
    out = tag(tmp_path, data, Format.CSV)
    assert out.codes == [None, "invalid_unicode", None]
    assert out.records[1]["text"] == "bl\udce5b\udce6r"  # escaped in the file, so that it is valid UTF-8


def test_bytes_that_are_not_utf8_come_out_of_csv_unchanged(tmp_path: Path) -> None:
    data = "id,text\na,blåbær\n".encode() + b"b,bl\xe5b\xe6r\n"
    assert b"\nb,bl\xe5b\xe6r," in tag(tmp_path, data, Format.CSV, Format.CSV).data


def test_bytes_that_are_not_utf8_in_another_column_do_not_keep_the_text_from_being_tagged(tmp_path: Path) -> None:
    data = "id,by,text\na,Tromsø,sein\n".encode() + b"b,Troms\xf8,sein\n"
    assert tag(tmp_path, data, Format.CSV).codes == [None, None]


def test_a_row_with_too_many_cells_keeps_them_all(tmp_path: Path) -> None:
    out = tag(tmp_path, "id,text\na,sein, dyrt, nei\nb,sein\n", Format.CSV)
    assert out.codes == ["wrong_number_of_columns", None]
    assert (out.records[0]["id"], out.records[0]["text"]) == ("a", "sein")
    assert out.records[0]["extra_cells"] == [" dyrt", " nei"]


def test_a_row_with_too_many_cells_keeps_them_in_a_csv_column_of_their_own(tmp_path: Path) -> None:
    out = tag(tmp_path, "id,text\nb,sein\na,sein, dyrt\n", Format.CSV, Format.CSV)
    assert [cells["extra_cells"] for cells in out.cells] == ["", '[" dyrt"]']
    assert [cells["error_code"] for cells in out.cells] == ["", "wrong_number_of_columns"]


def test_a_csv_output_has_no_column_for_extra_cells_where_there_are_none(tmp_path: Path) -> None:
    assert "extra_cells" not in tag(tmp_path, "id,text\na,sein\n", Format.CSV, Format.CSV).cells[0]


def test_a_short_row_is_tagged_if_its_text_is_there(tmp_path: Path) -> None:
    out = tag(tmp_path, "id,text,nps,by\na,sein\n", Format.CSV)
    assert out.codes == [None]
    assert (out.records[0]["nps"], out.records[0]["by"]) == ("", "")


def test_a_short_row_without_its_text_is_an_error(tmp_path: Path) -> None:
    out = tag(tmp_path, "id,nps,text\na,9\nb,9,sein\n", Format.CSV)
    assert out.codes == ["wrong_number_of_columns", None]
    assert "'text'" in out.records[0]["error"]["message"]
    assert out.records[0]["nps"] == "9"


def test_a_quote_that_never_closes_costs_its_own_row_only(tmp_path: Path) -> None:
    rows = "".join(f"{n},hyggelig\n" for n in range(4, 200))
    out = tag(tmp_path, f'id,text\n1,sein\n2,"sein og\n3,dyrt\n{rows}', Format.CSV)
    assert out.codes == [None, "unclosed_quote", *[None] * 197]
    assert (out.records[1]["line"], out.records[1]["raw"]) == (3, '2,"sein og')
    assert "line 3" in out.records[1]["error"]["message"]
    assert [r["id"] for r in out.records[2:]] == [str(n) for n in range(3, 200)]


def test_a_quote_that_the_next_quoted_cell_closes_does_not_swallow_the_rows_between(tmp_path: Path) -> None:
    out = tag(tmp_path, 'id,text\n1,"sein\n2,dyrt\n3,"hyggelig, rask"\n4,sein\n', Format.CSV)
    assert out.codes == ["unclosed_quote", None, None, None]
    assert [r["text"] for r in out.records[1:]] == ["dyrt", "hyggelig, rask", "sein"]


def test_an_unclosed_quote_names_the_line_on_which_it_opens_not_the_one_on_which_its_row_begins(tmp_path: Path) -> None:
    out = tag(tmp_path, 'id,by,text\n1,"Mo i\nRana","sein\n2,Oslo,dyrt\n', Format.CSV)
    assert out.codes == ["unclosed_quote", None]
    assert "line 3" in out.records[0]["error"]["message"]
    assert out.records[0]["raw"] == '1,"Mo i\nRana","sein'
    assert out.records[1]["text"] == "dyrt"


def test_a_quote_in_the_last_row_that_never_closes(tmp_path: Path) -> None:
    assert tag(tmp_path, 'id,text\n1,sein\n2,"', Format.CSV).codes == [None, "unclosed_quote"]


def test_an_unclosed_quote_is_given_up_at_the_limit_of_a_cell(tmp_path: Path) -> None:
    before = csv.field_size_limit(5_000)
    try:
        out = tag(tmp_path, 'id,text\n1,"sein\n' + "".join(f"{n},hyggelig\n" for n in range(2, 1_000)), Format.CSV)
    finally:
        csv.field_size_limit(before)
    assert out.codes == ["unclosed_quote", *[None] * 998]


def test_a_cell_that_goes_on_after_its_closing_quote_is_an_error_of_its_row(tmp_path: Path) -> None:
    out = tag(tmp_path, 'id,text\n1,"sein" og dyrt\n2,sein\n', Format.CSV)
    assert out.codes == ["broken_quotes", None]
    assert out.records[0]["raw"] == '1,"sein" og dyrt'


def test_a_quote_in_the_middle_of_an_unquoted_cell_is_a_letter_like_any_other(tmp_path: Path) -> None:
    out = tag(tmp_path, 'id,text\n1,skjerm 27" kom sein\n2,sein\n', Format.CSV)
    assert out.records[0]["text"] == 'skjerm 27" kom sein'
    assert out.codes == [None, None]


def test_a_cell_of_a_million_letters_is_read(tmp_path: Path, long_cells: None) -> None:
    out = tag(tmp_path, f"id,notes,text\n1,{'å' * 1_000_000},sein\n", Format.CSV)
    assert len(out.records[0]["notes"]) == 1_000_000
    assert out.codes == [None]


def test_a_cell_past_the_limit_is_an_error_of_its_row(tmp_path: Path) -> None:
    before = csv.field_size_limit(100)
    try:
        out = tag(tmp_path, f"id,text\n1,{'x' * 200}\n2,sein\n", Format.CSV)
    finally:
        csv.field_size_limit(before)
    assert out.codes == ["cell_too_long", None]


def test_a_line_that_never_ends_is_skipped_without_being_held(tmp_path: Path) -> None:
    out = tag(tmp_path, f"id,text\n1,{'x' * (MAX_LINE + 10)}\n2,sein\n", Format.CSV)
    assert out.codes == ["line_too_long", None]
    assert out.path.stat().st_size < 2_000


def test_a_long_line_inside_an_open_quote_does_not_take_the_row_before_it_along(tmp_path: Path) -> None:
    out = tag(tmp_path, f'id,text\n1,"sein\n2,{"x" * (MAX_LINE + 10)}\n3,sein\n', Format.CSV)
    assert out.codes == ["unclosed_quote", "line_too_long", None]


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    assert [r["id"] for r in tag(tmp_path, "\nid,text\n\na,sein\n\r\n\nb,sein\n\n", Format.CSV).records] == ["a", "b"]


def test_a_header_without_rows_gives_a_table_without_rows(tmp_path: Path) -> None:
    out = tag(tmp_path, "id,text\n", Format.CSV, Format.CSV)
    assert out.data.decode().startswith("id,text,language,")
    assert out.cells == []


def test_empty_and_repeated_names_of_other_columns_get_names_of_their_own(tmp_path: Path) -> None:
    (record,) = tag(tmp_path, "id,text,,by,by\na,sein,x,Oslo,Moss\n", Format.CSV).records
    assert (record["column_3"], record["by"], record["by_2"]) == ("x", "Oslo", "Moss")


def test_a_column_called_as_a_field_of_the_record_is_kept_beside_it(tmp_path: Path) -> None:
    (cells,) = tag(tmp_path, "id,text,model,input_model\na,sein,X5,X6\n", Format.CSV, Format.CSV).cells
    assert (cells["model"], cells["input_model"], cells["input_input_model"]) == ("stub@1.0.0", "X5", "X6")


def test_an_empty_text_is_an_error_of_its_row(tmp_path: Path) -> None:
    out = tag(tmp_path, "id,text\na,\nb, \nc,sein\n", Format.CSV, Format.CSV)
    assert [cells["error_code"] for cells in out.cells] == ["empty_text", "empty_text", ""]
    assert out.cells[0]["sentiment"] == ""


def test_an_empty_id_is_an_error_of_its_row(tmp_path: Path) -> None:
    out = tag(tmp_path, "id,text\n,sein\nb,sein\n", Format.CSV)
    assert out.codes == ["missing_id", None]
    assert out.records[0]["id"] is None


def test_an_id_that_was_there_already_is_an_error_that_names_the_first(tmp_path: Path) -> None:
    out = tag(tmp_path, 'id,text\na,"sein\nog dyrt"\nb,sein\na,rask\n', Format.CSV)
    assert out.codes == [None, None, "duplicate_id"]
    assert "on line 2 already" in out.records[2]["error"]["message"]
    assert out.summary.errors["duplicate_id"].first_line == 5


def test_duplicate_ids_can_be_allowed(tmp_path: Path) -> None:
    assert tag(tmp_path, "id,text\na,sein\na,rask\n", Format.CSV, unique_ids=False).codes == [None, None]


def test_the_columns_can_be_named(tmp_path: Path) -> None:
    out = tag(tmp_path, "nr;svar;id\n7;sein;x\n", Format.CSV, roles=Roles("nr", "svar"))
    assert [(r["id"], r["nr"], r["svar"], r["input_id"]) for r in out.records] == [("7", "7", "sein", "x")]
    assert out.records[0]["sentiment"]["label"] == "negative"


def test_rows_can_be_numbered(tmp_path: Path) -> None:
    data, roles = 'id,text\nx,"sein\n"\nx,rask\n', Roles(None, "text")
    assert [(r["id"], r["input_id"]) for r in tag(tmp_path, data, Format.CSV, roles=roles).records] == [
        ("1", "x"),
        ("2", "x"),
    ]
    cells = tag(tmp_path, data, Format.CSV, Format.CSV, roles=roles).cells
    assert [(c["id"], c["input_id"]) for c in cells] == [("1", "x"), ("2", "x")]


def test_a_missing_column_names_those_that_are_there_and_the_options(tmp_path: Path) -> None:
    with pytest.raises(MissingColumns) as raised:
        tag(tmp_path, "nr;texts\n1;sein\n", Format.CSV)
    message = str(raised.value)
    assert "'nr', 'texts'" in message
    assert "Did you mean 'texts'?" in message
    for option in ("--id-column", "--text-column", "--number-rows"):
        assert option in message


def test_a_text_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AmbiguousColumn, match="more than one column 'text'"):
        tag(tmp_path, "id,text,text\n1,a,b\n", Format.CSV)


def test_a_file_without_bytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmptyInput, match=r"in\.csv has no bytes"):
        tag(tmp_path, "", Format.CSV)


def test_a_header_that_never_closes_its_quote_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenHeader, match=r"in\.csv"):
        tag(tmp_path, 'id,"text\n1,sein\n', Format.CSV)


@pytest.mark.parametrize("encoding", ["utf8mb4", "base64"])
def test_an_encoding_that_is_none_is_refused(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(UnknownEncoding, match=encoding):
        tag(tmp_path, "id,text\n1,sein\n", Format.CSV, encoding=encoding)


@pytest.mark.parametrize("first", ["sep=;\n", "SEP=;\r\n", '"sep=;"\r\n', "\ufeffsep=;\r\n"])
def test_a_line_that_tells_excel_the_delimiter_is_no_header(tmp_path: Path, first: str) -> None:
    out = tag(tmp_path, first + "id;a,b;text\nx;1;hyggelig, ja\n", Format.CSV)
    assert [(r["id"], r["a,b"], r["text"]) for r in out.records] == [("x", "1", "hyggelig, ja")]


def test_the_line_for_excel_counts_as_a_line_where_a_row_is_named(tmp_path: Path) -> None:
    out = tag(tmp_path, 'sep=;\nid;text\n"x"y;hyggelig\n', Format.CSV)
    assert out.records[0]["line"] == 3
