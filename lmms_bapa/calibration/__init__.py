"""Chooses a setting on a held-out split of the probe."""
