"""Removing comments for good: at a person's request, or because they are old; what is kept is counts."""
