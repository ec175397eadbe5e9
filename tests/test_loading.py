"""Checkpoints: found, refused before their weights are read, and loaded whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lmms_bapa.embedded import embedded_path
from lmms_bapa.errors import UsageError
from lmms_bapa.harness import presets
from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.harness.loading import choose_device, load_model, locate
from lmms_bapa.harness.options import LoadOptions
from lmms_bapa.harness.preset import Preset
from lmms_bapa.steering import UnsupportedModelError

from .harness_runs import adapter, answers

BAD_SOURCES = [
    ("micro-lava", "did you mean micro-llava"),
    ("nothing-like-it", "embedded are micro-llava"),
    ("./no/such/folder", "no such folder"),
    ("a/b/c", "no such folder"),
]


@pytest.mark.parametrize(("name", "line"), BAD_SOURCES)
def test_unknown_checkpoints_are_refused(name: str, line: str) -> None:
    with pytest.raises(UsageError, match=line):
        locate(name)


def save_config(folder: Path, **config: Any) -> LoadOptions:
    (folder / "config.json").write_text(json.dumps(config))
    return LoadOptions(pretrained=str(folder))


def test_checkpoints_that_cannot_work_are_refused_before_their_weights_are_read(
    tmp_path: Path,
) -> None:
    cpu = torch.device("cpu")
    with pytest.raises(UsageError, match=r"no config\.json"):
        load_model(LoadOptions(pretrained=str(tmp_path)), Preset(), cpu, True)
    with pytest.raises(UsageError, match="llama is not an image-text-to-text"):
        load_model(save_config(tmp_path, model_type="llama"), Preset(), cpu, False)
    with pytest.raises(UnsupportedModelError, match="florence2: encoder-decoder"):
        load_model(save_config(tmp_path, model_type="florence2"), Preset(), cpu, True)
    with pytest.raises(UsageError, match="cannot be loaded from a folder or the hub"):
        load_model(save_config(tmp_path, model_type="no-such-type"), Preset(), cpu, True)


def test_inputs_follow_a_device_map() -> None:
    model = HFBapa(pretrained="micro-llava", device_map="cpu", dtype="float32", batch_size=18)
    assert model.device == torch.device("cpu")
    assert answers(model, limit=18) == answers(adapter(batch_size=18), limit=18)


def test_an_absent_device_is_refused() -> None:
    with pytest.raises(UsageError, match="device=cuda:7: not available here"):
        choose_device("cuda:7")
    with pytest.raises(UsageError, match="device=gpu"):
        choose_device("gpu")


def test_presets_are_the_yaml_files() -> None:
    assert presets.llava_bapa.preset.model_args == {"pretrained": "llava-hf/llava-1.5-7b-hf"}
    assert issubclass(presets.hf_bapa, HFBapa)
    with pytest.raises(AttributeError):
        _ = presets.no_such_adapter


def test_facts_about_the_architecture_can_be_replaced() -> None:
    model = adapter(bapa=True, image_unit="first_n")
    assert model.steering.anatomy is not None
    assert model.steering.anatomy.architecture.unit == "first_n"
    model = adapter(bapa=True, image_begin=7, image_unit="run")
    body = model.steering.anatomy
    assert body is not None
    assert (body.begin, body.architecture.unit) == ((7,), "run")
    with pytest.raises(UnsupportedModelError, match="<tile> tells, which this tokenizer does not"):
        adapter(bapa=True, image_unit="run", image_begin="<tile>")
    with pytest.raises(UsageError, match="begin has an effect with unit=run only, not image"):
        adapter(bapa=True, image_begin=7)
    with pytest.raises(UnsupportedModelError, match="image_token=9, but its configuration says"):
        adapter(bapa=True, image_token=9)


def test_weights_that_are_missing_are_not_made_up(tmp_path: Path) -> None:

    source = embedded_path("micro-llava")
    assert source is not None
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    weights.pop(next(name for name in weights if "vision_tower" in name))
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match=r"1 weights are missing, such as .*vision_tower"):
        HFBapa(pretrained=str(tmp_path), device="cpu")


def test_an_attention_that_is_not_there_is_one_line() -> None:
    with pytest.raises(UsageError, match=r"cannot be loaded .*nope"):
        adapter(attn_implementation="nope")


@pytest.mark.parametrize("name", ["image_token", "return_tensors", "device"])
def test_what_is_no_option_of_a_processor_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name}: not an option of LlavaProcessor"):
        adapter(**{f"processor_{name}": "pt"})


def test_an_option_that_the_harness_and_model_args_give_is_refused() -> None:
    with pytest.raises(UsageError, match="batch_size is given twice: as --batch_size and in"):
        HFBapa.create_from_arg_string("pretrained=micro-llava,batch_size=4", {"batch_size": 2})
