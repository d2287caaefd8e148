"""The index for searching texts, with every text that is there."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

# SQLite: FTS5 reads the texts where they lie, and triggers tell it what comes and goes. Versions never change.
# Letters keep their marks: å is a letter of its own, no a.
SQLITE = (
    """CREATE VIRTUAL TABLE comment_search USING fts5(
        text, content='comment_versions', content_rowid='id', tokenize="unicode61 remove_diacritics 0"
    )""",
    """CREATE TRIGGER comment_search_added AFTER INSERT ON comment_versions BEGIN
        INSERT INTO comment_search (rowid, text) VALUES (new.id, new.text);
    END""",
    """CREATE TRIGGER comment_search_removed AFTER DELETE ON comment_versions BEGIN
        INSERT INTO comment_search (comment_search, rowid, text) VALUES ('delete', old.id, old.text);
    END""",
    "INSERT INTO comment_search (comment_search) VALUES ('rebuild')",
)
# As in api.store.search, but fixed for ever: a migration does not change with the code.
POSTGRESQL = r"to_tsvector('simple', translate(text, '-./@_+&?=#~\:', '             '))"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for statement in SQLITE:
            op.execute(statement)
    else:
        op.execute(f"CREATE INDEX ix_comment_versions_search ON comment_versions USING gin (({POSTGRESQL}))")
