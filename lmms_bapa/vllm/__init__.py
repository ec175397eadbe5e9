"""How interventions reach a vLLM engine: a plugin, no fork.

vLLM itself is imported only by the modules that an engine loads.
"""

# The version that the proof was run with. Engine code is no public interface, so it is pinned.
TESTED = "0.32.0"

# Whoever starts an engine sets it, and its processes inherit it: the interventions as JSON. Without
# it the plugin does nothing.
VARIABLE = "LMMS_BAPA_VLLM"
