"""How right the tags are, told from a sample that people have checked: the sample, the sheet, the figures, the card."""
