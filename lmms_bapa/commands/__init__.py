"""The larger commands of ``lmms-bapa``, one a file; :mod:`lmms_bapa.cli` lists them."""
