"""How an intervention reaches a Hugging Face model. Knows transformers, not the harness."""

from lmms_bapa.steering.architecture import ARCHITECTURES, Anatomy, Architecture, anatomy
from lmms_bapa.steering.errors import SteeringError, UnsupportedModelError
from lmms_bapa.steering.steering import Steering, intervene

__all__ = [
    "ARCHITECTURES",
    "Anatomy",
    "Architecture",
    "Steering",
    "SteeringError",
    "UnsupportedModelError",
    "anatomy",
    "intervene",
]
