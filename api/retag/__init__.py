"""Re-tagging what is stored: with another model, all of it or a part, shown at once when it is done."""
