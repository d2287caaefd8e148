"""Causes into a file: JSON, Parquet or a page, by its extension."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from pathlib import PurePath
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from api.causes.as_json import ReaderLanguage, cause_rows
from api.causes.outcomes import WatchedCauses
from api.files.errors import UnknownFormat
from api.files.formats import STANDARD_STREAM
from api.files.jsontext import dumps
from nlp.root_causes import Causes, Feedback


class CauseFormat(StrEnum):
    """What causes are written as; the value is also the file's extension."""

    JSON = "json"
    PARQUET = "parquet"
    HTML = "html"


def cause_format(name: str) -> CauseFormat:
    """The format that a name asks for; `-` is JSON.

    Raises
    ------
    UnknownFormat : if the extension says nothing; it names the extensions

    >>> cause_format("out/Causes.HTML")
    <CauseFormat.HTML: 'html'>
    """
    extension = PurePath(name).suffix.lower().removeprefix(".")
    if name == STANDARD_STREAM:
        return CauseFormat.JSON
    if extension not in set(CauseFormat):
        known = ", ".join(f".{each}" for each in CauseFormat)
        raise UnknownFormat(f"{name} must end in one of {known}, which says what is written.")
    return CauseFormat(extension)


def write_causes(
    stream: IO[bytes],
    format_: CauseFormat,
    found: Causes,
    feedback: Sequence[Feedback],
    *,
    language: ReaderLanguage,
    today: date,
    days: tuple[date, date] | None = None,
    watched: WatchedCauses | None = None,
) -> None:
    """Write what was found.

    Parameters
    ----------
    feedback : what it was found in, or as much of it as is quoted
    days : the first and the last of the comments; of those in `feedback` if None
    watched : what was done about causes
    """
    watched = watched or WatchedCauses()
    if format_ is CauseFormat.HTML:
        from api.causes.page import page  # noqa: PLC0415, JSON needs no template

        stream.write(page(found, feedback, language=language, today=today, days=days, watched=watched).encode())
    elif format_ is CauseFormat.PARQUET:
        rows = cause_rows(found, language=language, watched=watched.by_cause)
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), stream)
    else:
        stream.write((dumps(cause_rows(found, language=language, watched=watched.by_cause), indent=2) + "\n").encode())


def _struct(**fields: Any) -> pa.StructType:
    return pa.struct(list(fields.items()))


_ESTIMATE = _struct(estimate=pa.float64(), low=pa.float64(), high=pa.float64())
_EFFECT = {
    "verdict": pa.string(),
    "fall": _ESTIMATE,
    "decided_on": pa.string(),
    "complaints_before": pa.int64(),
    "comments_before": pa.int64(),
    "complaints_after": pa.int64(),
    "comments_after": pa.int64(),
    "days": pa.int64(),
    "days_for_half": pa.int64(),
}
SCHEMA = pa.schema(
    {
        "rank": pa.int32(),
        "topic": pa.string(),
        "label": pa.string(),
        "theme": pa.string(),
        "sentiment": pa.string(),
        "size": pa.int64(),
        "share": pa.float64(),
        "nps_points_lost": _ESTIMATE,
        "change": _struct(date=pa.string(), strength=pa.float64(), earliest=pa.string(), latest=pa.string()),
        "concentration": pa.list_(
            _struct(
                dimension=pa.string(),
                value=pa.string(),
                lift=pa.float64(),
                p=pa.float64(),
                q=pa.float64(),
                count=pa.int64(),
            )
        ),
        "factors": pa.list_(
            _struct(
                factor=pa.string(),
                polarity=pa.string(),
                count=pa.int64(),
                lift=pa.float64(),
                q=pa.float64(),
                words=pa.list_(pa.string()),
            )
        ),
        "quotes": pa.list_(_struct(id=pa.string(), start=pa.int64(), end=pa.int64())),
        "comments": pa.list_(pa.string()),
        "parent": pa.string(),
        "stage": pa.string(),
        "mean_sentiment": pa.float64(),
        "nps": _struct(answers=pa.int64(), of_cause=pa.float64(), without=pa.float64(), points_lost_plain=_ESTIMATE),
        "points_lost_now": pa.float64(),
        "rank_rising": pa.int32(),
        "points_risen": pa.float64(),
        "growth": _ESTIMATE,
        "weeks": pa.list_(_struct(monday=pa.string(), count=pa.int64(), of=pa.int64())),
        "earlier_causes": pa.list_(
            _struct(topic=pa.string(), stage=pa.string(), customers=pa.int64(), lift=pa.float64())
        ),
        "actions": pa.list_(
            _struct(
                what=pa.string(),
                who=pa.string(),
                since=pa.string(),
                where=pa.list_(_struct(dimension=pa.string(), value=pa.string())),
                until=pa.string(),
                effect=_struct(
                    **_EFFECT,
                    baseline_from=pa.string(),
                    baseline=pa.string(),
                    watched_to=pa.string(),
                    false_alarm_rate=pa.float64(),
                    confidence=pa.float64(),
                    elsewhere=_struct(**_EFFECT),
                ),
            )
        ),
    }
)
