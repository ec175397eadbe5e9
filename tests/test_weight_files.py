"""What is loaded: safetensors alone. Pickles are never opened, and no code comes from the hub."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers
from packaging.version import Version
from safetensors.torch import load_file, save_file

from lmms_bapa.embedded import embedded_path
from lmms_bapa.errors import UsageError
from lmms_bapa.harness.loading import load_model
from lmms_bapa.harness.options import LoadOptions
from lmms_bapa.harness.preset import Preset
from lmms_bapa.harness.weight_files import adapter_folder

from .hub_likeness import COMMIT, hub

CPU = torch.device("cpu")


class Trap:
    """A pickle that writes a file when it is opened."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.file),)

    def save(self, path: Path) -> None:
        path.write_bytes(pickle.dumps(self))


def micro_llava(folder: Path, weights: bool = True) -> Path:
    source = embedded_path("micro-llava")
    assert source is not None
    shutil.copytree(source, folder)
    if not weights:
        (folder / "model.safetensors").unlink()
    return folder


def load(pretrained: object, **options: object) -> object:
    return load_model(LoadOptions(pretrained=str(pretrained), **options), Preset(), CPU, True)[0]


def lora(folder: Path, pickled: Path | None = None) -> Path:
    """A PEFT adapter, of a LoRA that changes one layer; its weights may be a trap as well."""
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(load("micro-llava"), LoraConfig(r=2, target_modules=["q_proj"]))
    model.save_pretrained(folder)
    if pickled is not None:
        Trap(pickled).save(folder / "adapter_model.bin")
    return folder


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "pytorch_model-00001-of-2.bin"])
def test_pickled_weights_are_refused_and_not_opened(tmp_path: Path, name: str) -> None:
    folder = micro_llava(tmp_path / "model", weights=False)
    Trap(tmp_path / "sprung").save(folder / name)
    with pytest.raises(UsageError, match=rf"no safetensors, but {name}: .*save_pretrained") as told:
        load(folder)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "sprung").exists()


def test_weights_of_an_adapter_that_are_pickled(tmp_path: Path) -> None:
    folder = lora(tmp_path / "lora", pickled=tmp_path / "sprung")
    load("micro-llava", peft=str(folder))  # with both, safetensors count
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(UsageError, match=r"peft=.*but adapter_model\.bin: .*save_pretrained"):
        load("micro-llava", peft=str(folder))
    assert not (tmp_path / "sprung").exists()


def test_an_index_that_names_a_pickle(tmp_path: Path) -> None:
    folder = micro_llava(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    save_file(weights, folder / "a.safetensors", {"format": "pt"})
    index = folder / "model.safetensors.index.json"
    names = dict.fromkeys(weights, "a.safetensors")
    index.write_text(json.dumps({"metadata": {}, "weight_map": names}))
    load(folder)
    Trap(tmp_path / "sprung").save(folder / "b.bin")
    names[next(iter(names))] = "b.bin"
    index.write_text(json.dumps({"metadata": {}, "weight_map": names}))
    with pytest.raises(UsageError, match=r"names b\.bin, which is no safetensors"):
        load(folder)
    index.write_text("{")
    with pytest.raises(UsageError, match=r"index\.json cannot be read"):
        load(folder)
    assert not (tmp_path / "sprung").exists()


def test_an_adapter_in_place_of_a_model(tmp_path: Path) -> None:
    # transformers would load whatever base model its configuration names.
    folder = lora(tmp_path / "lora")
    source = embedded_path("micro-llava")
    assert source is not None
    shutil.copy(source / "config.json", folder)
    with pytest.raises(UsageError, match=r"is a PEFT adapter.*pretrained=, and peft="):
        load(folder)


def test_cut_off_weights_are_one_line(tmp_path: Path) -> None:
    folder = micro_llava(tmp_path / "model")
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-100])
    with pytest.raises(UsageError, match="cannot be loaded") as told:
        load(folder)
    assert "\n" not in str(told.value)


def test_attention_from_the_hub_is_code_too(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"own/flash: is code from the hub"):
        load("micro-llava", attn_implementation="own/flash")
    if Version(transformers.__version__).major < 5:  # which pass it over in a config.json
        return
    folder = micro_llava(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"attn_implementation": "own/flash"}))
    with pytest.raises(UsageError, match=r"own/flash: is code from the hub"):
        load(folder)


ON_A_HUB = """
import json, sys
from lmms_bapa.errors import UsageError
from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.provenance.model_facts import model_facts

for options in json.loads(sys.argv[1]):
    try:
        print("loaded", model_facts(HFBapa(device="cpu", **options)).commit)
    except UsageError as error:
        print(error)
"""


def test_of_a_hub_nothing_else_is_fetched_and_nothing_sent(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    sound = micro_llava(tmp_path / "sound")
    Trap(sprung).save(sound / "pytorch_model.bin")
    pickled = micro_llava(tmp_path / "pickled", weights=False)
    Trap(sprung).save(pickled / "pytorch_model.bin")
    adapter = lora(tmp_path / "lora", pickled=sprung)
    old_adapter = lora(tmp_path / "old", pickled=sprung)
    (old_adapter / "adapter_model.safetensors").unlink()
    index = micro_llava(tmp_path / "index", weights=False)
    (index / "model.safetensors.index.json").write_text('{"weight_map": {"x": "b.bin"}}')
    Trap(sprung).save(index / "b.bin")
    places = {"a/sound": sound, "a/pickled": pickled, "a/lora": adapter, "a/old": old_adapter}
    places["a/index"] = index
    wanted = [
        {"pretrained": "a/sound"},
        {"pretrained": "a/pickled"},
        {"pretrained": "micro-llava", "peft": "a/lora"},
        {"pretrained": "micro-llava", "peft": "a/old"},
        {"pretrained": "a/index"},
    ]
    with hub(places) as (address, asked):
        online = {"HF_ENDPOINT": address, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "home")}
        done = subprocess.run(
            [sys.executable, "-c", ON_A_HUB, json.dumps(wanted)], capture_output=True, text=True,
            env={**os.environ, **online, "HF_HUB_DISABLE_XET": "1"}, timeout=300,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, second, third, fourth, fifth = done.stdout.strip().splitlines()
    assert (first, third) == (f"loaded {COMMIT}", "loaded None")
    assert second.startswith("pretrained=a/pickled: has no safetensors: ")
    assert fourth.startswith("peft=a/old: has no adapter_model.safetensors")
    assert "names b.bin, which is no safetensors file" in fifth
    assert not sprung.exists()
    assert f"GET /a/sound/resolve/{COMMIT}/model.safetensors" in asked
    assert not [request for request in asked if request.endswith((".bin", ".pt"))]
    # Discussions and commits are where a conversion by a service of the hub begins.
    assert not [r for r in asked if r.startswith("POST") or "discussions" in r or "commits" in r]


def test_an_adapter_that_is_nowhere() -> None:
    with pytest.raises(
        UsageError, match="peft=no/where: cannot be loaded from a folder or the hub"
    ):
        adapter_folder("no/where")
