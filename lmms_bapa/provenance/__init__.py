"""Where results come from: manifests, and doing a run again."""
