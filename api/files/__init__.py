"""Comments in files: CSV, JSON Lines and Parquet, read, tagged and written row by row."""
