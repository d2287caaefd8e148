"""Whole folders of Parquet files, tagged file by file, on this machine or over a Ray cluster."""
