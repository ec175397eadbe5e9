"""Runs the vision encoder once a batch, for as many settings as follow.

What the encoder returns does not depend on the interventions, which take hold behind it. So the
base model's ``get_image_features`` is wrapped, below the steering, by a memory of what it returned
for the same arguments.

A call is remembered as a whole. The last bits of a matrix product depend on how many pictures it is
for, even on a CPU: a picture from another batch would be the same picture, and not bit for bit the
features of a run without this. Pictures that a batch has several times are encoded once anyhow (see
:mod:`lmms_bapa.harness.shared_pictures`).
"""

from __future__ import annotations

import functools
import hashlib
import inspect
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.utils import ModelOutput

from lmms_bapa.harness.spill import Spill

_METHOD = "get_image_features"
# Fields of the encoder's output that no model looks at outside its encoder.
_UNUSED = {"hidden_states", "attentions"}


class VisionOnce:
    """Wraps one model's encoder until :meth:`remove`.

    Args:
        model: a transformers model that nothing is attached to.
        store: keeps the features; the caller closes it.

    Attributes:
        computed: pictures that went through the encoder, counted by the entries of its output (of
            families that cut pictures into tiles, by the tiles).
        reused: pictures whose features were there already.
        store: see above.
    """

    def __init__(self, model: Any, store: Spill) -> None:
        self.computed = 0
        self.reused = 0
        self.store = store
        self._base = _encoding_module(model)
        stock = getattr(self._base, _METHOD, None)
        if stock is None:
            return
        signature = inspect.signature(stock)

        # generate() reads the signature, so the wrapper has to keep it.
        @functools.wraps(stock)
        def remembered(*args: Any, **kwargs: Any) -> Any:
            key = _digest(dict(signature.bind(*args, **kwargs).arguments))
            features = store.get(key)
            if features is not None:
                self.reused += _count(features)
                return features
            features = _used(stock(*args, **kwargs))
            self.computed += _count(features)
            store.put(key, features)
            return features

        self._base.__dict__[_METHOD] = remembered

    def remove(self) -> None:
        """Takes the wrapper away. May be called more than once."""
        self._base.__dict__.pop(_METHOD, None)


def _encoding_module(model: Any) -> Any:
    """The innermost module around the decoder that encodes pictures, where the steering looks."""
    decoder = model.get_decoder()
    around = [m for m in model.modules() if hasattr(m, _METHOD)]
    return [model, *(m for m in around if any(part is decoder for part in m.modules()))][-1]


def _used(features: Any) -> Any:
    """The output without what nobody reads, which is most of it."""
    if not isinstance(features, ModelOutput):
        return features
    used = {name: value for name, value in features.items() if name not in _UNUSED}
    if used.keys() <= {"last_hidden_state", "pooler_output"}:
        # The pictures are the one, or where a family lacks it, the other.
        name = "pooler_output" if "pooler_output" in used else "last_hidden_state"
        return BaseModelOutputWithPooling(**{name: used[name]})
    return type(features)(**used)


def _count(features: Any) -> int:
    each = getattr(features, "pooler_output", features)
    return len(each) if isinstance(each, list | tuple | Tensor) else 1


def _digest(arguments: dict[str, Any]) -> bytes:
    """Of all arguments by content; equal ones are bit for bit the same."""
    digest = hashlib.sha256()
    leaves, shape = pytree.tree_flatten(arguments)
    digest.update(repr(shape).encode())
    for leaf in leaves:
        if torch.is_tensor(leaf):
            digest.update(f"{leaf.dtype} {tuple(leaf.shape)}".encode())
            flat = leaf.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().tobytes())
        else:
            digest.update(f"{type(leaf).__name__} {leaf!r}".encode())
    return digest.digest()
