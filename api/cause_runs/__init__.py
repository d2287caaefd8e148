"""Root causes over the store: each run of them is kept, one is shown, and comments that go take their words along."""
