"""lmms-eval's side: registration, adapter and tasks."""
