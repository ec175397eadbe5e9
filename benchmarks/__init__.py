"""Benchmarks: each prints ratios that it measured side by side in one run."""
