"""Lets the site be searched when it is opened from a folder.

Browsers do not let a page in a folder fetch JSON; the theme then loads the index as a script, which
its own plugin writes together with a link to another host.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.plugins import event_priority


@event_priority(-100)  # after the index is there
def on_post_build(config: Any) -> None:
    """Called by MkDocs when the site is written."""
    folder = Path(config.site_dir) / "search"
    index = (folder / "search_index.json").read_text(encoding="utf-8")
    (folder / "search_index.js").write_text(f"var __index = {index}", encoding="utf-8")
