"""Errors that users meet: a stable code for programs, a sentence for people, never a customer's words."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType
from typing import ClassVar


class StemmeError(Exception):
    """Base of every error that a caller is meant to handle.

    `code` is stable and machine-readable, `title` is the short human name that goes with it, and `str(error)` says
    what was found, what is allowed and what to do next.
    """

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Error"


class MissingExtra(StemmeError):
    code, title = "missing_extra", "An optional part is not installed"


class UnknownLabel(StemmeError):
    code, title = "unknown_label", "Unknown label"

    def __init__(self, kind: str, label: str, known: Sequence[str]) -> None:
        near = get_close_matches(label, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"{kind} {label!r} is not in the taxonomy.{hint} Known: {', '.join(known)}.")


class BadTaxonomy(StemmeError):
    code, title = "bad_taxonomy", "The taxonomy file is not valid"


class BadModel(StemmeError):
    code, title = "bad_model", "The model folder cannot be used"


class UntaggableText(StemmeError):
    """One comment cannot be tagged; the others of the run are not touched by it."""

    code, title = "untaggable_text", "The comment cannot be tagged"


class EmptyText(UntaggableText):
    code, title = "empty_text", "The comment is empty"

    def __init__(self) -> None:
        super().__init__("The text is empty or only white space. There is nothing to tag.")


class TextTooLong(UntaggableText):
    code, title = "text_too_long", "The comment is too long"

    def __init__(self, length: int, limit: int) -> None:
        super().__init__(f"The text has {length:,} characters; at most {limit:,} are allowed. Split it and send parts.")


class InvalidUnicode(UntaggableText):
    code, title = "invalid_unicode", "The comment is not valid Unicode text"

    def __init__(self, position: int, code_point: int) -> None:
        super().__init__(
            f"Character {position} is U+{code_point:04X}, which no text may contain (half of a surrogate pair, or a "
            "byte that could not be decoded). Send UTF-8; for a file from Excel on Windows name its encoding."
        )


class NulCharacter(UntaggableText):
    code, title = "nul_character", "The comment holds a NUL character"

    def __init__(self, position: int) -> None:
        super().__init__(f"Character {position} is NUL (U+0000), which no database or text file keeps. Remove it.")


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional dependency, or say which extra brings it.

    Raises
    ------
    MissingExtra : if the module is not installed. A module that is installed and broken raises its own error.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise MissingExtra(f"{module} is not installed. Run: pip install 'stemme[{extra}]'") from error
