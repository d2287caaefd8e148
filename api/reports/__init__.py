"""Reports over the store: scores, themes and factors by group and period, of any moment; and how two runs differ."""
