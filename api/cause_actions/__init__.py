"""What was done about causes in the store, and what came of it."""
