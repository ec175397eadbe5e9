"""Figures of the probe: pure functions on records of answers."""
