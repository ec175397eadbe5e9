"""Checks the interventions on one real checkpoint, where the test suite cannot go."""
