"""The second back end: the harness's own vLLM adapter, asked as our transformers adapter asks."""
