"""Questions per second of both back ends: ``vllm_bapa`` and ``hf_bapa``, side by side.

They answer the same questions with the same weights in float32 on one machine, in turn, drawing
included. vLLM keeps what it computed of a picture and of a prompt's beginning; that is emptied
before each round, so that no round profits from another one. Every engine answers all questions
once before it is timed. ``micro-llava`` is a toy; the other model is a LLaVA of some 100 million
random weights with 576 image tokens, as LLaVA-1.5 has.

Run it with ``python -m benchmarks.vllm_speed`` where vLLM is installed (``nox -s vllm`` makes such
an environment), on a machine that does nothing else. vLLM is as it comes; what stands behind, such
as ``enforce_eager=true``, goes to its engine. What it finds on a CPU says nothing of a GPU.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from lmms_eval.tasks import TaskManager
from lmms_eval.utils import simple_parse_args_string
from loguru import logger
from rich.console import Console
from rich.table import Table
from transformers import LlavaConfig, LlavaForConditionalGeneration

from benchmarks.speed import answer
from lmms_bapa.embedded import embedded_path
from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.harness.discovery import register_tasks
from lmms_bapa.harness.vllm.adapter import VLLMBapa
from lmms_bapa.interventions import AGCI, BaPA, Intervention
from lmms_bapa.provenance.surroundings import hardware, versions

TASK = "spatial_probe_lite"
SETTINGS: dict[str, tuple[Intervention, ...]] = {"off": (), "BaPA + AGCI 0.3": (BaPA(), AGCI(0.3))}
PACKAGES = ("vllm", "torch", "transformers")
VISION = dict(
    hidden_size=512, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=8,
    image_size=336, patch_size=14, projection_dim=512,
)  # fmt: skip
TEXT = dict(
    hidden_size=640, intermediate_size=1728, num_hidden_layers=12, num_attention_heads=10,
    num_key_value_heads=10, head_dim=64, max_position_embeddings=1024, initializer_range=0.08,
)  # fmt: skip


def toy(folder: Path) -> tuple[str, str]:
    """Its name and what ``model=`` has to be."""
    del folder
    return "micro-llava", "micro-llava"


def random_llava(folder: Path) -> tuple[str, str]:
    """The same of a larger model with random weights, made in a folder."""
    source = embedded_path("micro-llava")
    assert source is not None
    for path in source.iterdir():
        if path.suffix != ".safetensors":
            shutil.copy(path, folder / path.name)
    words = json.loads((source / "config.json").read_text(encoding="utf-8"))
    words["text_config"] |= TEXT
    words["vision_config"] |= VISION
    words["image_seq_length"] = (VISION["image_size"] // VISION["patch_size"]) ** 2
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(LlavaConfig(**words))
    model.save_pretrained(folder)
    _name_as_vllm_does(folder / "model.safetensors")
    shutil.copy(source / "generation_config.json", folder)
    _resize(folder / "processor_config.json")
    millions = round(sum(p.numel() for p in model.parameters()) / 1e6)
    return f"random LLaVA, {millions} M", str(folder)


def _name_as_vllm_does(weights: Path) -> None:
    """Names of the vision tower as vLLM wants them: transformers reads both, and writes others."""
    from safetensors.torch import load_file, save_file

    old, new = "vision_tower.", "vision_tower.vision_model."
    named = {
        k if k.startswith(new) or not k.startswith(old) else new + k.removeprefix(old): v
        for k, v in load_file(weights).items()
    }
    save_file(named, weights, metadata={"format": "pt"})


def _resize(config: Path) -> None:
    """Pictures as large as the vision tower takes them."""
    words = json.loads(config.read_text(encoding="utf-8"))
    size = dict(height=VISION["image_size"], width=VISION["image_size"])
    words["image_processor"] |= dict(size=size, crop_size=size)
    words["patch_size"] = VISION["patch_size"]
    config.write_text(json.dumps(words), encoding="utf-8")


@dataclass(frozen=True)
class Part:
    """One model of the table.

    Attributes:
        make: writes it into a folder.
        questions: how many are asked in a round.
        batch: how many at once, of both back ends.
        rounds: how often.
    """

    make: Callable[[Path], tuple[str, str]]
    questions: int
    batch: int
    rounds: int


PARTS = (Part(toy, 360, 64, 5), Part(random_llava, 6, 6, 3))


def forget(adapter: VLLMBapa) -> None:
    """Empties what the engine keeps of pictures and prompts."""
    engine = adapter._engine()._harness.client.llm_engine
    engine.reset_mm_cache()
    engine.reset_encoder_cache()
    if not engine.reset_prefix_cache():
        raise SystemExit("vLLM did not empty its prefix cache")


def rounds(part: Part, ours: HFBapa, theirs: VLLMBapa, task: Any) -> Iterator[tuple[float, float]]:
    """Seconds of transformers and of vLLM, once to warm up and then each round."""
    requests = {adapter: requests_of(task, adapter, part.questions) for adapter in (ours, theirs)}
    for number in range(part.rounds + 1):
        seconds: dict[Any, float] = {}
        replies: dict[Any, list[str]] = {}
        for adapter in (ours, theirs) if number % 2 else (theirs, ours):
            if adapter is theirs:
                forget(theirs)
            seconds[adapter], replies[adapter] = answer(adapter, requests[adapter])
        if replies[ours] != replies[theirs]:
            raise SystemExit("the replies differ: the speeds cannot be compared")
        if number:
            yield seconds[ours], seconds[theirs]


def requests_of(task: Any, adapter: Any, questions: int) -> list[Any]:
    """The harness's own requests for the first questions of the task."""
    adapter.task_dict[TASK] = task.dataset
    task.build_all_requests(limit=questions, rank=0, world_size=1)
    return list(task.instances)


def measure(part: Part, task: Any, table: Table, engine: dict[str, Any]) -> None:
    """Rows of one model."""
    with tempfile.TemporaryDirectory() as folder:
        name, path = part.make(Path(folder))
        ours = HFBapa(pretrained=path, dtype="float32", batch_size=part.batch)
        theirs = VLLMBapa(model=path, dtype="float32", batch_size=part.batch, **engine)
        ours.keep_loaded = theirs.keep_loaded = True
        for setting, interventions in SETTINGS.items():
            ours.steer(*interventions)
            theirs.steer(*interventions)
            found = list(rounds(part, ours, theirs, task))
            rates = [part.questions / statistics.median(side) for side in zip(*found, strict=True)]
            times = [one / other for one, other in found]
            spread = f"{statistics.median(times):.2f} ({min(times):.2f} to {max(times):.2f})"
            table.add_row(name, setting, *(f"{rate:.1f}" for rate in rates), spread)
        theirs.release()


def machine() -> str:
    """What the figures belong to."""
    here = hardware()
    gpus = ", ".join(here.gpus) or "no GPU"
    known = versions("vllm")
    packages = ", ".join(f"{name} {known[name]}" for name in PACKAGES)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return f"{here.cpu}, {here.cores} cores, {gpus}; {packages}; load {load:.1f} before"


def main() -> None:
    """Prints the table."""
    logger.remove()
    told, typed = machine(), ",".join(sys.argv[1:])
    engine = simple_parse_args_string(typed)
    register_tasks()
    task = TaskManager(include_defaults=False).load_task_or_group(TASK, "chat")[TASK]
    table = Table(title=f"{TASK}, questions per second in float32; vLLM {typed or 'as it comes'}")
    for heading in ("model", "setting", "transformers", "vLLM", "vLLM is so many times as fast"):
        table.add_column(heading, justify="left" if heading in ("model", "setting") else "right")
    for part in PARTS:
        measure(part, task, table, engine)
    Console(width=110).print(table)
    print(told)
    counts = ", ".join(f"{p.rounds} rounds of {p.questions} questions" for p in PARTS)
    print(f"replies equal in all rounds ({counts}); drawing included; median, and the range")
    print("A ratio on a CPU says nothing of a GPU.")


if __name__ == "__main__":
    main()
