"""A base for what callers send: a field that is not known is refused, and its name not repeated."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, PydanticCustomError


class KnownFields(BaseModel):
    """Refuses a field that it does not know, so that a misspelt one is not lost; says which there are."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"additionalProperties": False})

    @model_validator(mode="before")
    @classmethod
    def _only_known_fields(cls, value: Any) -> Any:
        if isinstance(value, dict) and not value.keys() <= cls.model_fields.keys():
            # Their names are not repeated: they may be anything.
            raise PydanticCustomError(
                "unknown_field", "A field is not known. Allowed: {known}", {"known": ", ".join(cls.model_fields)}
            )
        return value


class WithoutNull(KnownFields):
    """One whose fields are left out where nothing is said: null is refused, and its schema has none."""

    @model_validator(mode="before")
    @classmethod
    def _no_null(cls, value: Any) -> Any:
        if isinstance(value, dict):
            empty = [name for name in cls.model_fields if name in value and value[name] is None]
            if empty:
                raise PydanticCustomError("null", "{name} is null; leave it out", {"name": empty[0]})
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core_schema)
        for field in handler.resolve_ref_schema(schema).get("properties", {}).values():
            some = [each for each in field.get("anyOf", ()) if each != {"type": "null"}]
            if len(some) < len(field.get("anyOf", ())):
                del field["default"], field["anyOf"]
                field.update(some[0] if len(some) == 1 else {"anyOf": some})
        return schema
