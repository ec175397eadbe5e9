"""What hooks cannot reach is refused for a reason that holds; and the table misses nothing."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoModelForImageTextToText
from transformers.generation import GenerationMixin
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
)

from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.steering import (
    ARCHITECTURES,
    Architecture,
    UnsupportedModelError,
    intervene,
)

from .refused_models import CONFIGS
from .steering_tools import hooks_of
from .tiny import ALL
from .tiny.spec import in_its_words


def is_known(kind: str) -> bool:
    """Whether the installed transformers has the type, and under this name."""
    listed = kind in CONFIG_MAPPING and kind in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    return listed and CONFIG_MAPPING[kind].model_type == kind


REFUSED = {name: c for name, c in CONFIGS.items() if is_known(name.split(":")[0])}


@cache
def build(name: str) -> Any:
    """The model without weights."""
    kind = name.split(":")[0]
    config = CONFIG_MAPPING[kind](**in_its_words(REFUSED[name]))
    with torch.device("meta"):
        if type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
            return AutoModelForImageTextToText.from_config(config)
        return getattr(transformers, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES[kind])(config)


def modules(model: Any) -> list[tuple[str, str]]:
    """The decoder's modules: (name, class)."""
    return [(name, type(m).__name__) for name, m in model.get_decoder().named_modules()]


def is_encoder_decoder(model: Any) -> bool:
    return model.config.is_encoder_decoder


def attends_across(model: Any) -> bool:
    return any("cross" in (name + kind).lower() for name, kind in modules(model))


def has_no_rotary(model: Any) -> bool:
    return not any("Rotary" in kind for _, kind in modules(model))


def is_blind(model: Any) -> bool:
    return not any(hasattr(m, "get_image_features") for m in model.modules())


def has_no_image_token(model: Any) -> bool:
    return not any("image" in name and "token" in name for name in model.config.to_dict())


def has_mamba_layers(model: Any) -> bool:
    return any("Mamba" in kind for _, kind in modules(model))


def has_sinusoidal_positions(model: Any) -> bool:
    return any("Sinusoidal" in kind for _, kind in modules(model))


def learns_distances(model: Any) -> bool:
    return any("RelativeLogits" in kind for _, kind in modules(model))


def decoder_sees_pixels(model: Any) -> bool:
    return hasattr(model.get_decoder(), "get_image_features")


def takes_features_in_layers(model: Any) -> bool:
    return "deepstack_features" in inspect.signature(model.get_decoder().forward).parameters


def generates_past_itself(model: Any) -> bool:
    """Its generate() calls its language model's, with embeddings, and never its own forward."""
    video = "video" in model.config.model_type
    ids = torch.full((1, model.config.num_query_tokens), 100)
    batch = {"input_ids": ids, "pixel_values": torch.zeros(1, *[1] * video, 3, 28, 28)}
    if "instruct" in model.config.model_type:
        batch["qformer_input_ids"] = ids
    # Masks are looked into, so this one needs values.
    model = AutoModelForImageTextToText.from_config(model.config)
    given: dict[str, Any] = {}
    forwards: list[Any] = []
    model.register_forward_pre_hook(lambda *_: forwards.append(1))
    model.language_model.generate = given.update
    model.generate(**batch)
    return given["inputs_embeds"] is not None and not forwards


def gives_no_text(model: Any) -> bool:
    return not isinstance(model, GenerationMixin)


def takes_proteins(model: Any) -> bool:
    names = inspect.signature(model.forward).parameters
    return any("protein" in n for n in names) and not any("pixel" in n for n in names)


def generates_by_diffusion(model: Any) -> bool:
    return any("Diffusion" in c.__name__ and "Generation" in c.__name__ for c in type(model).mro())


# What a reason says, and how to see on the model whether it is so.
FACTS: dict[str, Callable[[Any], bool]] = {
    "encoder-decoder": is_encoder_decoder,
    "cross-attention": attends_across,
    "no rotary": has_no_rotary,
    "without vision": is_blind,
    "no image token": has_no_image_token,
    "Mamba layers": has_mamba_layers,
    "sinusoidal": has_sinusoidal_positions,
    "bias on the distance": learns_distances,
    "its decoder merges": decoder_sees_pixels,
    "inside the decoder's layers": takes_features_in_layers,
    r"its generate\(\)": generates_past_itself,
    "not text": gives_no_text,
    "proteins": takes_proteins,
    "diffusion": generates_by_diffusion,
}


@pytest.mark.parametrize("name", sorted(REFUSED))
@pytest.mark.parametrize("method", [BaPA(), AGCI(0.3)], ids=["bapa", "agci"])
def test_each_method_is_refused_with_the_reason(name: str, method: Any) -> None:
    model, kind = build(name), name.split(":")[0]
    before = hooks_of(model)
    with pytest.raises(UnsupportedModelError) as refusal:
        intervene(model, method)
    message = str(refusal.value)
    assert message.startswith(f"{kind}: ")
    assert ARCHITECTURES[kind].note
    assert ARCHITECTURES[kind].note in message
    assert "\n" not in message
    assert hooks_of(model) == before


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_the_reason_holds_for_the_model(name: str) -> None:
    note = ARCHITECTURES[name.split(":")[0]].note
    claims = {words: fact for words, fact in FACTS.items() if re.search(words, note)}
    assert claims, f"nothing checks this reason: {note}"
    model = build(name)
    assert not [words for words, fact in claims.items() if not fact(model)]


def test_a_decoder_that_merges_pictures_itself_is_refused_without_a_row() -> None:
    with pytest.raises(UnsupportedModelError, match="merges the pictures itself"):
        intervene(build("chameleon"), BaPA(), architecture=Architecture())


def test_every_architecture_has_a_row() -> None:
    # Old versions list a vision tower among the models.
    missing = set(MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES) - set(ARCHITECTURES) - {"pixtral"}
    assert not missing, f"no row for {', '.join(sorted(missing))}"


def test_what_is_called_proven_or_refused_is_tested() -> None:
    for status, tested in (("proven", ALL), ("refused", CONFIGS)):
        rows = {kind for kind, row in ARCHITECTURES.items() if row.status == status}
        names = {name.split(":")[0] for name in tested}
        assert rows <= names, f"{status}, but without a test: {sorted(rows - names)}"
        assert names <= rows, f"tested, but not {status}: {sorted(names - rows)}"


def test_most_architectures_are_proven() -> None:
    assert sum(row.status == "proven" for row in ARCHITECTURES.values()) >= 45
