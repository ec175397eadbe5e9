"""Probes made of pictures that somebody has, each with a caption. Knows nothing of the harness."""
