"""Encodes a picture once where several questions of a batch ask about it.

Every canvas of the probe is asked twice, and benchmarks such as POPE ask many questions about one
picture. Preprocessing it and running the vision tower then cost more than the answer.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from lmms_bapa.steering import row_of

PATCHES, GRID = "pixel_values", "image_grid_thw"
# Of these, the patches of all pictures stand in one list, and each picture is encoded by itself.
PATCHED = ("qwen2_vl", "qwen2_5_vl")


class SharedPictures:
    """Stands before a processor's image processor, and is otherwise just like it.

    Pictures are the same if they are the same object. The short way is taken only where every
    output has one entry a row, or where the patches of all pictures stand in one list, counted by
    ``image_grid_thw``; with any other layout (several pictures a row) the image processor is called
    as if this class were not there.

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
        """For the last batch, which distinct picture each one is; None if they were all distinct.

        Pictures are counted by rows, or one by one where their patches stand in one list.
        """
        repeats, self._repeats = self._repeats, None
        return repeats

    def __call__(self, images: Any, *args: Any, **kwargs: Any) -> Any:
        """Processes a batch; arguments and result are the image processor's."""
        self._repeats = None
        if not isinstance(images, list | tuple):
            return self._stock(images, *args, **kwargs)
        is_patched = GRID in getattr(self._stock, "model_input_names", ())
        each = _flat(images) if is_patched else images
        number: dict[Any, int] = {}
        place = [number.setdefault(_identity(one), len(number)) for one in each]
        if len(number) == len(each):
            return self._stock(images, *args, **kwargs)
        distinct = [each[place.index(i)] for i in range(len(number))]
        output = self._stock(distinct, *args, **kwargs)
        if is_patched and output.keys() == {PATCHES, GRID} and len(output[GRID]) == len(distinct):
            self._repeats = torch.tensor(place)
            output.update(chosen(output, place))
            return output
        rows = None if is_patched else len(distinct)
        if not all(torch.is_tensor(v) and len(v) == rows for v in output.values()):
            return self._stock(images, *args, **kwargs)
        self._repeats = torch.tensor(place)
        for name, value in output.items():
            output[name] = value[self._repeats]
        return output


def chosen(inputs: Mapping[str, Any], places: Sequence[int]) -> dict[str, Tensor]:
    """Some pictures of a list of patches.

    Args:
        inputs: ``pixel_values``, the patches of all pictures, and ``image_grid_thw``.
        places: numbers of the pictures, which may repeat.

    Returns:
        The two tensors for these pictures.
    """
    grid = inputs[GRID]
    patches = torch.split(inputs[PATCHES], grid.prod(dim=-1).tolist())
    return {PATCHES: torch.cat([patches[i] for i in places]), GRID: grid[list(places)]}


def first_of_each(repeats: Tensor) -> list[int]:
    """Where each distinct picture stands for the first time."""
    places = repeats.tolist()
    return [places.index(i) for i in range(max(places) + 1)]


def _flat(images: Sequence[Any]) -> list[Any]:
    rows = [row if isinstance(row, list | tuple) else [row] for row in images]
    return [picture for row in rows for picture in row]


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
    kind = model.config.model_type
    row = row_of(kind)
    is_patched = kind in PATCHED
    if repeats is None or row is None or row.unit != "image":
        return tensors
    if (row.axes > 1 or GRID in tensors) and not is_patched:
        return tensors
    if "mm_encoder_outputs" not in inspect.signature(model.forward).parameters:
        return tensors  # an older transformers takes pixels only
    features_of = model.base_model.get_image_features
    names = [n for n in inspect.signature(features_of).parameters if n in tensors]
    first = first_of_each(repeats)
    once = chosen(tensors, first) if is_patched else {n: tensors[n][first] for n in names}
    features = features_of(**once, return_dict=True)
    one_each, rows = features.pooler_output, repeats.tolist()
    # A tensor stays one where all pictures are of one length.
    is_tensor = torch.is_tensor(one_each)
    features.pooler_output = one_each[rows] if is_tensor else [one_each[i] for i in rows]
    # Positions are counted by the grid, which the encoder is not the only one to read.
    rest = {name: value for name, value in tensors.items() if name not in names or name == GRID}
    return rest | {"mm_encoder_outputs": {"image": features}}
