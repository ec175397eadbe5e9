"""``python -m lmms_bapa``, which launchers of several processes need."""

from lmms_bapa.cli import app

app(prog_name="lmms-bapa")
