"""Read labelled files: what a comment's tags should have been.

One JSON object a line, in UTF-8, plain or xz-compressed (`.xz`). The fields are those of the published record, with
`lang` for the language, and `origin` if it matters where the comment comes from; a record as `stemme tag` writes it
will do too, once its tags are put right and its text stands in it. Errors name the file, the line and the field, never
the customer's words.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import IO, Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nlp.errors import StemmeError, UnknownLabel
from nlp.record import FactorName, Polarity, SentimentLabel, ThemeSentiment

Written = Literal["nb", "nn", "no", "da", "sv", "other"]
LOCALISED: Final = ("nb", "nn")
NOT_JSON: Final = (
    "no JSON object. The file must be JSON lines, one object a line: a table (CSV, Excel) has no place for a comment's "
    "several themes"
)
NO_TEXT: Final = (
    "text: Field required. A record has no text of its own: keep the column beside it that `stemme tag` read, as `text`"
)
NOT_TAGGED: Final = "a comment that could not be tagged has no tags to measure by. Label it or leave it out"
SENTIMENT_ONLY: Final = (
    "the comment has a sentiment and no other label. Such a file is measured by `stemme eval --reviews`"
)


class BadLabels(StemmeError):
    code, title = "bad_labels", "The labelled file cannot be used"


class _Labels(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class LabelledTheme(_Labels):
    """A theme that the comment speaks about, and the sentiment about it."""

    theme: str
    sentiment: ThemeSentiment


class LabelledFactor(_Labels):
    """A factor; `start` and `end` are code points of the words that show it, None where nobody marked them."""

    factor: FactorName
    polarity: Polarity
    start: Annotated[int, Field(ge=0)] | None = None
    end: Annotated[int, Field(ge=0)] | None = None

    @property
    def tag(self) -> str:
        """`factor:polarity`."""
        return f"{self.factor}:{self.polarity}"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.start is None) != (self.end is None):
            raise ValueError("'start' and 'end' belong together: give both or neither")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(f"'end' ({self.end}) must lie after 'start' ({self.start})")
        return self


class _Written(_Labels):
    """What somebody wrote, in which language, and the survey's question where it is known."""

    id: str
    lang: Written
    text: str
    question: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_record(cls, fields: Any) -> Any:
        return _as_labels(fields) if isinstance(fields, dict) else fields


class LabelledComment(_Written):
    """A comment with every tag that it should get; `version_of` names the comment where a file holds several versions
    of its text."""

    version_of: str | None = None
    sentiment: SentimentLabel
    themes: tuple[LabelledTheme, ...]
    factors: tuple[LabelledFactor, ...]
    churn_risk: bool
    follow_up: bool
    origin: str = ""

    @property
    def original_id(self) -> str | None:
        """The id of the comment that this one was localised from ("A17" for "A17:nb"), None if it is no localisation.

        >>> LabelledComment(id="A17:nb", lang="nb", text="Fint", sentiment="positive", themes=(), factors=(),
        ...                 churn_risk=False, follow_up=False).original_id
        'A17'
        """
        return _original_id(self.id)

    @property
    def stem(self) -> str:
        """The comment that this one is a version or a localisation of, its own id if it is neither."""
        base = self.version_of or self.id
        return _original_id(base) or base

    @model_validator(mode="after")
    def _check(self) -> Self:
        ends = [factor.end for factor in self.factors if factor.end is not None]
        if ends and max(ends) > len(self.text):
            raise ValueError(f"a factor ends at {max(ends)}, but the text has {len(self.text)} characters")
        return self


class RatedComment(_Written):
    """A text with a sentiment only: from a customer's stars, or by hand."""

    source: str = ""
    sentiment: Literal["negative", "neutral", "positive"]


def _original_id(id_: str) -> str | None:
    stem, _, language = id_.rpartition(":")
    return stem if stem and language in LOCALISED else None


Labelled = TypeVar("Labelled", LabelledComment, RatedComment)


def labelled_comments(path: Path, *, themes: Collection[str] | None = None) -> list[LabelledComment]:
    """Read comments with full tags.

    Parameters
    ----------
    path : JSON lines, `.xz` if compressed
    themes : the themes that may occur; any theme may if None

    Raises
    ------
    BadLabels : if the file cannot be read, holds nothing, names an id twice or breaks the form; it names the line
    """
    comments = _read(path, LabelledComment)
    if themes is not None:
        for number, comment in comments:
            for label in comment.themes:
                if label.theme not in themes:
                    unknown = UnknownLabel("theme", label.theme, sorted(themes))
                    raise BadLabels(f"{path.name}, line {number}: {unknown}")
    return [comment for _, comment in comments]


def rated_comments(path: Path) -> list[RatedComment]:
    """Read texts with a three-way sentiment.

    Raises
    ------
    BadLabels : as `labelled_comments`
    """
    return [comment for _, comment in _read(path, RatedComment)]


def _read(path: Path, kind: type[Labelled]) -> list[tuple[int, Labelled]]:
    """Each line's number and what it holds; blank lines hold nothing."""
    comments: list[tuple[int, Labelled]] = []
    lines_of: dict[str, int] = {}
    for number, line in _lines(path):
        try:
            comment = kind.model_validate_json(line)
        except ValidationError as error:
            raise BadLabels(f"{path.name}, line {number}: {_what_is_wrong(line, error)}.") from None
        if comment.id in lines_of:
            raise BadLabels(f"{path.name}, line {number}: id {comment.id!r} stands on line {lines_of[comment.id]} too.")
        lines_of[comment.id] = number
        comments.append((number, comment))
    if not comments:
        raise BadLabels(f"{path.name} holds no comment. Expected is one JSON object a line.")
    return comments


def _as_labels(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A record's fields in the form of labels; what already has that form stays as it is."""
    labels = dict(fields)
    if "language" in labels:
        labels.setdefault("lang", labels["language"])
    for field, part in (("sentiment", "label"), ("churn_risk", "flag"), ("follow_up", "flag")):
        value = labels.get(field)
        if isinstance(value, dict) and part in value:
            labels[field] = value[part]
    if isinstance(factors := labels.get("factors"), list):
        labels["factors"] = [part for factor in factors for part in _by_span(factor)]
    return labels


def _by_span(factor: Any) -> list[Any]:
    """A record's factor has all its words in it; labels have one entry for each stretch of words."""
    spans = factor.get("spans") if isinstance(factor, dict) else None
    if not spans or not all(isinstance(span, dict) for span in spans):
        return [factor]
    return [{**factor, "start": span.get("start"), "end": span.get("end")} for span in spans]


def _what_is_wrong(line: str, error: ValidationError) -> str:
    """The first fault, and what to do where people often bring another kind of file."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    missing = {fault["loc"][0] for fault in faults if fault["type"] == "missing"}
    if not line.lstrip().startswith("{"):
        return NOT_JSON
    if error.title == LabelledComment.__name__ and missing:
        fields = json.loads(line)
        if fields.get("error"):
            return NOT_TAGGED
        if missing == {"text"} and "taxonomy" in fields:
            return NO_TEXT
        if missing == {"themes", "factors", "churn_risk", "follow_up"}:
            return SENTIMENT_ONLY
    place = ".".join(map(str, faults[0]["loc"]))
    return f"{place + ': ' if place else ''}{faults[0]['msg']}"


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise BadLabels(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    except UnicodeDecodeError as error:
        raise BadLabels(f"{path.name} is not UTF-8 ({error.reason}). Save it as UTF-8.") from error


def _open(path: Path) -> IO[str]:
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8-sig", newline="\n")
    return path.open(encoding="utf-8-sig", newline="\n")
