"""Whole runs: several settings on one loaded model, each left in the harness's own layout."""
