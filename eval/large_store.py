"""A large SQLite store, made by SQL alone, for `python -m eval.store_scale`. No model has seen its comments."""

# ruff: noqa: S608, E501 - every part of these statements is a constant of this file or a whole number

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from api.store.database import Store
from eval.retag_store import SAMPLE
from nlp.taxonomy import Taxonomy

AT_ONCE: Final = 50_000
YEARS: Final = 3
COMMENTS_OF_A_RESPONDENT: Final = 5
DEPARTMENTS: Final = ("Bergen", "Oslo", "Trondheim", "Tromsø", "Aarhus", "Odense", "Malmö", "Göteborg", "Umeå", "nett")
TOUCHPOINTS: Final = ("delivery", "store", "support", "website", "app", "invoice", "returns")
CHANNELS: Final = ("email", "sms", "web", "app")
SOURCES: Final = ("survey", "reviews", "chat", "after-delivery")
LANGUAGES: Final = ("nb", "nb", "nb", "nn", "da", "da", "sv", "sv", "sv", "other")
SENTIMENTS: Final = (
    ("negative", -0.8),
    ("negative", -0.6),
    ("positive", 0.9),
    ("positive", 0.7),
    ("neutral", 0.0),
    ("mixed", 0.1),
)
FACTORS: Final = ("professional", "sympathetic", "trustworthy")
MULTIPLIERS: Final = {
    name: 2_654_435_761 + 2 * place * 7_919
    for place, name in enumerate(
        [
            "source",
            "nps",
            "answered",
            "touchpoint",
            "channel",
            "department",
            "respondent",
            "day",
            "text",
            "language",
            "sentiment",
            "theme",
            "theme2",
            "theme3",
            "more",
            "about",
            "factor",
            "flag",
        ]
    )
}


def fill_large(file: Path, comments: int, *, corrected: int, also_by_a_former_run: float) -> None:
    """Make a store of so many comments of the last three years, one version each, with three to six tags each.

    Parameters
    ----------
    file : must not be there
    corrected : comments of which people have decided a theme and the sentiment
    also_by_a_former_run : share of the comments, the oldest, that another run has tagged before
    """
    Store.open(f"sqlite:///{file}").close()  # the schema, as migrations make it
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        with _without_indexes(connection):
            _fixed_rows(connection)
            for first in range(1, comments + 1, AT_ONCE):
                last = min(first + AT_ONCE - 1, comments)
                _numbers(connection, first, last)
                _comments(connection, comments)
                if last <= comments * also_by_a_former_run:
                    _tags(connection, run=1, first_id=comments)
                _tags(connection, run=2, first_id=0)
            _corrections(connection, comments, corrected)
        connection.execute("INSERT INTO comment_search (comment_search) VALUES ('rebuild')")
        connection.execute("PRAGMA journal_mode = WAL")


@contextmanager
def _without_indexes(connection: sqlite3.Connection) -> Iterator[None]:
    """Make indexes and triggers when the rows are there: sorting once is quicker than a million insertions."""
    kept = connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
    ).fetchall()
    for kind, name, _ in kept:
        connection.execute(f"DROP {kind} {name}")
    yield
    for _, _, sql in kept:
        connection.execute(sql)


def _fixed_rows(connection: sqlite3.Connection) -> None:
    moment = f"{datetime.now(UTC) - timedelta(days=365 * YEARS):%Y-%m-%d %H:%M:%S.%f}"
    connection.executemany(
        "INSERT INTO sources VALUES (?, ?, ?)", [(at, name, moment) for at, name in enumerate(SOURCES, 1)]
    )
    runs = [(1, "former@1.0.0", "former", 1), (2, "large@2.0.0", "active", 2)]
    connection.executemany(
        "INSERT INTO tag_runs (id, model, taxonomy, state, rank, started_at) VALUES (?, ?, 'journey@1.0.0', ?, ?, ?)",
        [(*run, moment) for run in runs],
    )
    connection.executemany("INSERT INTO run_activations (run_id, at) VALUES (?, ?)", [(id_, moment) for id_ in (1, 2)])
    with SAMPLE.open(encoding="utf-8", newline="") as sample:
        texts = [row["text"] for row in csv.DictReader(sample)]
    lists: dict[str, list[tuple[object, ...]]] = {
        "texts": [(text,) for text in texts],
        "themes": [(theme.id, theme.stage) for theme in Taxonomy.load().themes],
        "languages": [(each,) for each in LANGUAGES],
        "sentiments": list(SENTIMENTS),
        "departments": [(each,) for each in DEPARTMENTS],
        "touchpoints": [(each,) for each in TOUCHPOINTS],
        "channels": [(each,) for each in CHANNELS],
        "factors": [(each,) for each in FACTORS],
    }
    for name, rows in lists.items():
        columns = [f"v{place}" for place in range(len(rows[0]))]
        connection.execute(f"CREATE TEMP TABLE {name} (place INTEGER PRIMARY KEY, {', '.join(columns)})")
        marks = ", ".join("?" * (len(columns) + 1))
        connection.executemany(
            f"INSERT INTO {name} VALUES ({marks})", [(place, *row) for place, row in enumerate(rows)]
        )
    connection.execute("CREATE TEMP TABLE numbers (i INTEGER PRIMARY KEY)")


def _numbers(connection: sqlite3.Connection, first: int, last: int) -> None:
    connection.execute("DELETE FROM numbers")
    connection.execute(
        "INSERT INTO numbers WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT i FROM n",
        (first, last),
    )


def _draw(name: str, most: int) -> str:
    """SQL for a number from 0 to `most` - 1 that looks drawn by chance, and is the same each time."""
    return f"(((i * {MULTIPLIERS[name]}) % 2147483647) / 64 % {most})"


def _of(table: str, name: str, size: int) -> str:
    return f"(SELECT v0 FROM {table} WHERE place = {_draw(name, size)})"


def _comments(connection: sqlite3.Connection, comments: int) -> None:
    (texts,) = connection.execute("SELECT count(*) FROM texts").fetchone()
    begin = f"{datetime.now(UTC) - timedelta(days=365 * YEARS):%Y-%m-%d %H:%M:%S}"
    seconds_each = 365 * YEARS * 86_400 / comments
    at = "strftime('%Y-%m-%d %H:%M:%S.000000', '{begin}', printf('%+d seconds', CAST({seconds} AS INTEGER)))"
    arrival = f"i * {seconds_each}"
    # In the order of arrival, and written up to a day before.
    arrived = at.format(begin=begin, seconds=arrival)
    written = at.format(begin=begin, seconds=f"{arrival} - {_draw('day', 86_400)}")
    connection.execute(
        "INSERT INTO comments (id, source_id, external_id, version, nps, touchpoint, channel, department, respondent,"
        " submitted_at, received_at, metadata) "
        f"SELECT i, 1 + {_draw('source', len(SOURCES))}, 'a-' || i, 1,"
        f" CASE WHEN {_draw('answered', 10)} < 8 THEN {_draw('nps', 11)} END,"
        f" {_of('touchpoints', 'touchpoint', len(TOUCHPOINTS))}, {_of('channels', 'channel', len(CHANNELS))},"
        f" {_of('departments', 'department', len(DEPARTMENTS))},"
        f" 'r-' || {_draw('respondent', max(1, comments // COMMENTS_OF_A_RESPONDENT))}, {written}, {arrived}, '{{}}'"
        " FROM numbers"
    )
    connection.execute(
        "INSERT INTO comment_versions (id, comment_id, number, text, received_at) "
        f"SELECT i, i, 1, {_of('texts', 'text', texts)} || ' (nr. ' || i || ')', {arrived} FROM numbers"
    )


def _tags(connection: sqlite3.Connection, *, run: int, first_id: int) -> None:
    """What a run says of the numbers' comments; `first_id` is added to a version's id to have the tagging's."""
    sentiment = f"(SELECT {{}} FROM sentiments WHERE place = ({_draw('sentiment', len(SENTIMENTS))} + {run}) % {len(SENTIMENTS)})"
    probabilities = """'{"negative": 0.4, "neutral": 0.1, "mixed": 0.1, "positive": 0.4}'"""
    connection.execute(
        "INSERT INTO taggings (id, version_id, run_id, tagged_at, language, sentiment, score, probabilities) "
        f"SELECT i + {first_id}, i, {run}, c.received_at, {_of('languages', 'language', len(LANGUAGES))},"
        f" {sentiment.format('v0')}, {sentiment.format('v1')}, {probabilities}"
        " FROM numbers JOIN comments c ON c.id = numbers.i"
    )
    theme = (
        "SELECT i + {first} AS tagging, 0 AS place, 'theme', t.v0, t.v1, CASE {about} WHEN 0 THEN 'negative' "
        "WHEN 1 THEN 'positive' ELSE 'neutral' END, 1, 0.5 + {about} / 8.0, '[[0, 4]]' "
        "FROM numbers JOIN themes t ON t.place = {which} WHERE {chance}"
    )
    themes = [
        theme.format(first=first_id, about=_draw("about", 3), which=which, chance=chance)
        for which, chance in (
            # Some themes are common and some are rare; a comment's second and third are others.
            (f"min({_draw('theme', 6)}, {_draw('theme2', 6)})", "1"),
            (f"6 + min({_draw('theme2', 6)}, {_draw('theme3', 6)})", f"{_draw('more', 10)} < 5"),
            (f"12 + {_draw('theme3', 6)}", f"{_draw('more', 10)} < 2"),
        )
    ]
    factor = (
        f"SELECT i + {first_id}, 1, 'factor', {_of('factors', 'factor', 3)}, NULL, CASE {_draw('about', 2)} WHEN 0 THEN "
        f"'negative' ELSE 'positive' END, 1, 0.75, '[[0, 4]]' FROM numbers WHERE {_draw('factor', 10)} < 4"
    )
    flags = [
        f"SELECT i + {first_id}, {place}, 'flag', '{name}', NULL, NULL, {_draw('flag', 100)} < {percent}, 0.5, '[]' FROM numbers"
        for place, name, percent in ((2, "churn_risk", 4), (3, "follow_up", 7))
    ]
    parts = " UNION ALL ".join([*themes, factor, *flags])
    connection.execute(
        "INSERT INTO tags (tagging_id, kind, label, stage, sentiment, raised, confidence, spans) "
        f"SELECT tagging, k, l, s, about, r, c, spans FROM ("
        f"SELECT NULL AS tagging, NULL AS place, NULL AS k, NULL AS l, NULL AS s, NULL AS about, NULL AS r, NULL AS c, NULL AS spans WHERE 0 UNION ALL {parts}"
        ") ORDER BY tagging, place"
    )


def _corrections(connection: sqlite3.Connection, comments: int, corrected: int) -> None:
    """People have decided, of comments all over the archive, that it is about the contract and that it is negative."""
    every = max(1, comments // max(corrected, 1))
    connection.execute(
        "INSERT INTO corrections (version_id, at, key, key_name, reviewed, model, taxonomy) SELECT id, received_at,"
        f" 'anna', 'Anna', 0, 'large@2.0.0', 'journey@1.0.0' FROM comments WHERE id % {every} = 0 LIMIT {corrected}"
    )
    for kind, label, value, stage in (
        ("theme", "contract_terms", "negative", "use"),
        ("sentiment", "", "negative", None),
    ):
        connection.execute(
            "INSERT INTO label_decisions (correction_id, version_id, kind, label, polarity, present, value, stage,"
            " spans, named, model_present, model_value, standing) SELECT id, version_id, ?, ?, '', 1, ?, ?, '[]', 1, 0,"
            " NULL, 1 FROM corrections",
            (kind, label, value, stage),
        )
