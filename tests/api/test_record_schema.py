"""The published schema of the record."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

import api
from api.record_schema import published, record_schema
from nlp.record import Comment
from tests.api.rest_stub import StubTagger

FILE = Path(api.__file__).parents[1] / "docs" / "record.schema.json"


def validate(instance: Any, *, definition: str | None = None) -> None:
    schema = record_schema()
    Draft202012Validator.check_schema(schema)
    if definition:
        schema = {"$ref": f"#/$defs/{definition}", "$defs": schema["$defs"]}
    Draft202012Validator(schema).validate(instance)


def tagged() -> dict[str, Any]:
    (record,) = StubTagger().tag([Comment("1", "Dårleg service!")])
    return dict(_plain(record.to_dict()))


def _plain(value: Any) -> Any:
    """As JSON has it: tuples are arrays."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def test_the_published_file_is_what_the_code_says() -> None:
    assert FILE.read_text(encoding="utf-8") == published(), "run: python -m api.record_schema > docs/record.schema.json"


def test_the_command_prints_it_without_the_web_framework() -> None:
    probe = (
        "import runpy, sys; runpy.run_module('api.record_schema', run_name='__main__'); "
        "assert 'fastapi' not in sys.modules"
    )
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, check=True, cwd=FILE.parents[1])
    assert ran.stdout.decode() == published()


def test_a_tagged_comment_validates() -> None:
    validate(tagged())


def test_a_failed_comment_validates_with_and_without_an_id() -> None:
    (record,) = StubTagger().tag([Comment("1", " ")])
    validate(record.to_dict())
    validate({**record.to_dict(), "id": None})


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("sentiment", "score"), 1.01),
        (("sentiment", "score"), -1.01),
        (("sentiment", "label"), "angry"),
        (("sentiment", "probabilities", "negative"), 1.01),
        (("sentiment", "probabilities", "angry"), 0.5),
        (("themes", 0, "confidence"), -0.01),
        (("themes", 0, "confidence"), 1.01),
        (("themes", 0, "sentiment"), "mixed"),
        (("themes", 0, "spans", 0, "start"), -1),
        (("themes", 0, "spans", 0, "end"), 0),
        (("themes", 0, "extra"), 1),
        (("churn_risk", "flag"), "yes"),
        (("language",), "de"),
        (("nps",), 3),
        (("id",), None),
    ],
)
def test_what_is_out_of_bounds_does_not_validate(path: tuple[str | int, ...], wrong: Any) -> None:
    record: Any = tagged()
    inner = record
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = wrong
    with pytest.raises(ValidationError):
        validate(record)


def test_a_line_of_a_file_may_have_the_columns_of_the_input_beside_the_record() -> None:
    validate({**tagged(), "nps": 3, "question": "Hvorfor?"}, definition="Line")


def test_a_line_of_a_file_is_a_record_all_the_same() -> None:
    line = {**tagged(), "nps": 3, "language": "de"}
    with pytest.raises(ValidationError):
        validate(line, definition="Line")
