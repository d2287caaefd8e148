"""The store: comments, their versions and their tags, in SQLite or PostgreSQL."""
