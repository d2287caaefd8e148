"""The JSON Schema of the record, made from `nlp.record`. `python -m api.record_schema` prints it."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any, Final

from pydantic import TypeAdapter

from nlp.record import FailedComment, TaggedComment

DESCRIPTION: Final = (
    "What a tagged comment is, over REST, in files and in exports. This schema is REST's: exactly these fields. A line "
    "of an output file has the columns of the input beside them: check such lines against #/$defs/Line."
)
RECORDS: Final = {"TaggedComment": "TaggedLine", "FailedComment": "FailedLine"}


def record_schema() -> dict[str, Any]:
    """The schema: closed for a record over REST, and open at the top for a line of a file (`#/$defs/Line`)."""
    generated = TypeAdapter(TaggedComment | FailedComment).json_schema(mode="serialization")
    definitions = {name: _closed(definition) for name, definition in generated["$defs"].items()}
    for record, line in RECORDS.items():
        definitions[line] = _open(definitions[record], title=line)
    definitions["Line"] = _any_of(RECORDS.values())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:stemme:record",
        "title": "Record",
        "description": DESCRIPTION,
        **_any_of(RECORDS),
        "$defs": dict(sorted(definitions.items())),
    }


def _any_of(names: Any) -> dict[str, Any]:
    return {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in names]}


def _closed(definition: dict[str, Any]) -> dict[str, Any]:
    return {**definition, "additionalProperties": False}


def _open(definition: dict[str, Any], *, title: str) -> dict[str, Any]:
    return {**deepcopy(definition), "title": title, "additionalProperties": True}


def published() -> str:
    """The schema as docs/record.schema.json holds it."""
    return json.dumps(record_schema(), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    print(published(), end="")
