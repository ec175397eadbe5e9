"""The checkpoint under test, and the prompts it is asked."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.loading import choose_device, load_model, steering_options
from lmms_bapa.harness.messages import encode, move
from lmms_bapa.harness.options import parse_options
from lmms_bapa.harness.preset import load_preset
from lmms_bapa.harness.presets import preset_path
from lmms_bapa.interventions import Intervention
from lmms_bapa.probes.canvas import compose
from lmms_bapa.probes.questions import PROMPT
from lmms_bapa.steering import image_token_id, intervene
from lmms_bapa.validation import reason

NEW_TOKENS = 8
SIDE = 336  # of a picture, in pixels
PICTURES = (("red star",), ("blue circle", "green heart", "yellow square", "red star"))
SHORT = "What is in the image?"


def _picture(number: int) -> Any:
    tiles = PICTURES[number]
    return compose(tiles, tuple(range(len(tiles))), round(len(tiles) ** 0.5), SIDE)


def _message(text: str, *pictures: int) -> list[dict[str, Any]]:
    images: list[dict[str, Any]] = [{"type": "image", "url": _picture(i)} for i in pictures]
    return [{"role": "user", "content": [*images, {"type": "text", "text": text}]}]


@dataclass(frozen=True)
class Subject:
    """A loaded model and prompts for it.

    Attributes:
        name: what the user calls it.
        model: the model, in evaluation mode.
        facts: arguments of :func:`lmms_bapa.steering.intervene`.
        image_token: id of the image token.
        one: a prompt with one picture.
        other: a longer prompt with another picture.
        both: the two of them as a padded batch.
        two: a prompt with two pictures, or None if the model cannot be asked it.
        no_two: why not.
    """

    name: str
    model: Any
    facts: Mapping[str, Any]
    image_token: int
    one: dict[str, Any]
    other: dict[str, Any]
    both: dict[str, Any]
    two: dict[str, Any] | None
    no_two: str

    def steer(self, *interventions: Intervention) -> AbstractContextManager[Any]:
        """The model with interventions on."""
        return intervene(self.model, *interventions, **self.facts)

    def logits(self, inputs: Mapping[str, Any]) -> Tensor:
        """Logits of one forward pass, shape (B, L, vocabulary), in fp32."""
        with torch.inference_mode():
            output: Tensor = self.model(**inputs, use_cache=False).logits
        return output.float()

    def decode(self, inputs: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        """Greedy decoding: the sequences, and the logits (B, steps, vocabulary) in fp32."""
        with torch.inference_mode():
            output = self.model.generate(
                **inputs,
                do_sample=False,
                num_beams=1,
                max_new_tokens=NEW_TOKENS,
                min_new_tokens=NEW_TOKENS,
                # A generated image token could not be recomputed.
                suppress_tokens=[self.image_token],
                pad_token_id=self.facts["tokenizer"].pad_token_id,
                return_dict_in_generate=True,
                output_logits=True,
            )
        return output.sequences, torch.stack(output.logits, dim=1).float()

    def seconds(self, inputs: Mapping[str, Any]) -> float:
        """Time of one forward pass."""
        start = self._clock()
        self.logits(inputs)
        return self._clock() - start

    def _clock(self) -> float:
        if self.model.device.type == "cuda":
            torch.cuda.synchronize(self.model.device)
            return time.perf_counter()
        # Elsewhere other programs' share of the time must not count.
        return time.process_time() if self.model.device.type == "cpu" else time.perf_counter()


def load_subject(pretrained: str, adapter: str, model_args: Mapping[str, Any]) -> Subject:
    """Loads a checkpoint as the adapter would, and prepares the prompts.

    Args:
        pretrained: hub id, folder or the name of an embedded model.
        adapter: one of ``model_configs/``.
        model_args: loading options.

    Raises:
        UsageError: it cannot be loaded, or cannot be steered.
    """
    preset = load_preset(preset_path(adapter))
    if preset.backend != "transformers":
        raise UsageError(
            f"--adapter {adapter}: is of {preset.backend}, and verify looks into a model of "
            "transformers: take --adapter hf_bapa"
        )
    parsed = parse_options({**model_args, "pretrained": pretrained}, preset.model_args)
    if parsed.interventions:
        raise UsageError("verify switches the interventions itself: leave them out of --model_args")
    options = parsed.load
    device = choose_device(options.device)
    model, processor = load_model(options, preset, device, is_steered=True)
    if options.device_map is not None:
        device = model.device

    def prompt(*messages: list[dict[str, Any]]) -> dict[str, Any]:
        inputs = move(encode(processor, messages), device, model.dtype)
        inputs.pop("labels", None)  # PaliGemma's processor is ready for training
        return inputs

    one = _message(SHORT, 0)
    other = _message(PROMPT.format(caption="a blue circle"), 1)
    try:
        two = prompt(_message(SHORT, 0, 1))
        # Some templates write no second picture, some models take one only.
        with torch.inference_mode():
            model(**two)
        no_two = ""
    except Exception as error:
        two, no_two = None, reason(error)
    facts = steering_options(options, model.config, processor)
    image_token = image_token_id(model.config, facts["architecture"])
    assert image_token is not None  # load_model has checked it
    return Subject(
        name=pretrained,
        model=model,
        facts=facts,
        image_token=image_token,
        one=prompt(one),
        other=prompt(other),
        both=prompt(one, other),
        two=two,
        no_two=no_two,
    )
