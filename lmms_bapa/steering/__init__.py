"""How an intervention reaches a Hugging Face model. Knows transformers, not the harness."""

from lmms_bapa.steering.architecture import (
    Anatomy,
    anatomy,
    check_family,
    image_token_id,
    with_options,
)
from lmms_bapa.steering.architectures import ARCHITECTURES, Architecture, row_of
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
    "check_family",
    "image_token_id",
    "intervene",
    "row_of",
    "with_options",
]
