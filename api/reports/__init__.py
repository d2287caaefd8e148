"""Reports over the store: scores, themes and factors by group and period, of any moment; and what two runs differ in."""
