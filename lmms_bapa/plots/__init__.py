"""Figures, drawn by matplotlib (the extra ``plots``). Knows nothing of models or the harness."""
