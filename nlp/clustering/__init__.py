"""The steps of topic clustering, each of which knows nothing of the others: `nlp.topics` runs them in order."""
