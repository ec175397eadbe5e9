"""Encodes a picture once where several questions of a batch ask about it.

Every canvas of the probe is asked twice, and benchmarks such as POPE ask many questions about one
picture. Preprocessing it and running the vision tower then cost more than the answer.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor

from lmms_bapa.steering import row_of


class SharedPictures:
    """Stands before a processor's image processor, and is otherwise just like it.

    Pictures are the same if they are the same object. The short way is taken only where every
    output has one entry a row; with any other layout (patches of all pictures in one list, several
    pictures a row) the image processor is called as if this class were not there.

    Args:
        stock: the image processor.
    """

    def __init__(self, stock: Any) -> None:
        self._stock = stock
        self._repeats: Tensor | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # copying asks for these before there is a stock to ask
            raise AttributeError(name)
        return getattr(self._stock, name)

    def take_repeats(self) -> Tensor | None:
        """For the last batch, the distinct picture of each row; None if they were all distinct."""
        repeats, self._repeats = self._repeats, None
        return repeats

    def __call__(self, images: Any, *args: Any, **kwargs: Any) -> Any:
        """Processes a batch; arguments and result are the image processor's."""
        self._repeats = None
        if not isinstance(images, list | tuple):
            return self._stock(images, *args, **kwargs)
        number: dict[Any, int] = {}
        place = [number.setdefault(_identity(row), len(number)) for row in images]
        if len(number) == len(images):
            return self._stock(images, *args, **kwargs)
        distinct = [images[place.index(i)] for i in range(len(number))]
        output = self._stock(distinct, *args, **kwargs)
        if not all(torch.is_tensor(v) and len(v) == len(distinct) for v in output.values()):
            return self._stock(images, *args, **kwargs)
        self._repeats = torch.tensor(place)
        for name, value in output.items():
            output[name] = value[self._repeats]
        return output


def _identity(row: Any) -> Any:
    return tuple(map(_identity, row)) if isinstance(row, list | tuple) else id(row)


def share_pictures(processor: Any) -> None:
    """Puts a :class:`SharedPictures` into a processor, if it has an image processor."""
    if getattr(processor, "image_processor", None) is not None:
        processor.image_processor = SharedPictures(processor.image_processor)


def encode_once(model: Any, tensors: dict[str, Any], repeats: Tensor | None) -> dict[str, Any]:
    """Runs the vision tower once a distinct picture, before ``generate`` would run it on each row.

    Args:
        model: a model whose encoder returns one tensor a picture and nothing else that is used;
            others are left alone.
        tensors: the arguments of ``generate``.
        repeats: from :meth:`SharedPictures.take_repeats`.

    Returns:
        The arguments of ``generate``, with encoded pictures instead of pixels where that is
        possible.
    """
    row = row_of(model.config.model_type)
    if repeats is None or row is None or row.unit != "image" or row.axes > 1:
        return tensors
    if "mm_encoder_outputs" not in inspect.signature(model.forward).parameters:
        return tensors  # an older transformers takes pixels only
    features_of = model.base_model.get_image_features
    names = [n for n in inspect.signature(features_of).parameters if n in tensors]
    rows = repeats.tolist()
    first = [rows.index(i) for i in range(max(rows) + 1)]
    features = features_of(**{n: tensors[n][first] for n in names}, return_dict=True)
    one_each = features.pooler_output
    # A tensor stays one where all pictures are of one length.
    is_tensor = torch.is_tensor(one_each)
    features.pooler_output = one_each[rows] if is_tensor else [one_each[i] for i in rows]
    rest = {name: value for name, value in tensors.items() if name not in names}
    return rest | {"mm_encoder_outputs": {"image": features}}
