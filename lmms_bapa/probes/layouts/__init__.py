"""How the pictures of a group are arranged, and which places its key picture visits."""

from lmms_bapa.probes.layouts.base import CANVAS, Box, Layout, Place
from lmms_bapa.probes.layouts.grid import grid_boxes
from lmms_bapa.probes.layouts.registry import LAYOUTS, options_of

__all__ = ["CANVAS", "LAYOUTS", "Box", "Layout", "Place", "grid_boxes", "options_of"]
