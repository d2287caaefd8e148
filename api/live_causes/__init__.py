"""Root causes from day to day: new comments get topics, drift is told, analysts edit, a nightly run refits."""
