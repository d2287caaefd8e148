"""Jobs: long work that goes on where it was after a crash. A kind of job says what is done; this says how it lasts."""
