"""The same picture elsewhere: layouts, fills and canvases for position-shifted tasks."""
