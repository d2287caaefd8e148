"""`stemme topics`: root causes of a file of comments, as JSON, Parquet or a page that can be read and printed."""
