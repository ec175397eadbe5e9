"""Statistics of runs: pure functions on numbers; they know nothing of files or of the harness."""
