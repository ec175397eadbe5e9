"""The interventions inside vLLM, against transformers on the same small checkpoints.

Collected only where vLLM is installed.
"""
