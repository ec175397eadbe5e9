"""Sweeps: every setting of a grid on one loaded model; knows the harness side."""
