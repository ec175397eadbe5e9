"""Pictures, canvases and questions of the spatial probe. Knows nothing of models or the harness."""
