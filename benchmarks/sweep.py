"""What a sweep costs beside separate runs of the harness.

``commands``: eight settings as one ``lmms-bapa sweep`` and as eight ``lmms-eval`` commands, with
the same answers. ``model``: the same in one process on a random model with the proportions of
Qwen2.5-VL-7B, where computing dominates: time in the model, and pictures in the vision tower.
``start``: from typing to the first answer. Run all of it with ``python -m benchmarks.sweep``, or
name some parts.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

TASK, MODEL_ARGS, BATCH = "spatial_probe_lite", "pretrained=micro-llava,device=cpu", 32
GRID = {"bapa": ["false", "true"], "agci_lambda": ["0", "0.1", "0.3", "1"]}
OFF = {"bapa": "false", "agci_lambda": "0"}
SETTINGS = [
    {key: value for key, value in zip(GRID, values, strict=True) if value != OFF[key]}
    for values in itertools.product(*GRID.values())
]
# Of the model with Qwen's proportions. In larger batches a run encodes a picture that two questions
# share once by itself, so that less is left to save.
QUESTIONS, MODEL_BATCH, PIXELS = 12, 1, 448 * 448
REPLY = "max_new_tokens=2"  # Yes or No and the end; a random model would never end
START_QUESTIONS, START_ROUNDS = 18, 3
COMMANDS_GOAL, MODEL_GOAL, START_GOAL = 0.35, 0.8, 0.3


def label(options: dict[str, str]) -> str:
    """A setting as ``--model_args`` has it."""
    return ",".join(f"{key}={value}" for key, value in sorted(options.items()))


def program(name: str) -> str:
    """A command of this environment."""
    return str(Path(sys.executable).with_name(name))


def harness(options: dict[str, str], output: Path, *extra: str) -> list[str]:
    """One setting as a command of the harness."""
    arguments = ",".join(filter(None, [MODEL_ARGS, label(options)]))
    command = [program("lmms-eval"), "--model", "hf_bapa", "--model_args", arguments]
    command += ["--tasks", TASK, "--batch_size", str(BATCH), "--log_samples"]
    return [*command, "--output_path", str(output), *extra]


def ours(output: Path, *extra: str) -> list[str]:
    """All settings as one command."""
    command = [program("lmms-bapa"), "sweep", "--model_args", MODEL_ARGS, "--tasks", TASK]
    for key, values in GRID.items():
        command += ["--grid", f"{key}={','.join(values)}"]
    return [*command, "--batch_size", str(BATCH), "--output", str(output), *extra]


def surroundings() -> dict[str, str]:
    """The environment of all commands."""
    return os.environ | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


def spent(command: Sequence[str]) -> tuple[float, float]:
    """Runs a command: wall seconds and CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, env=surroundings(), capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def answers(folder: Path) -> dict[int, Any]:
    """Reply and margin of every document of a run."""
    (log,) = folder.rglob("*_samples_*.jsonl")
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return {line["doc_id"]: (line["filtered_resps"], line.get("margin")) for line in lines}


def commands(table: Table) -> None:
    """One sweep against separate commands."""
    with tempfile.TemporaryDirectory() as parent:
        separate = [0.0, 0.0]
        for number, options in enumerate(track(SETTINGS, description="separate commands")):
            for i, seconds in enumerate(spent(harness(options, Path(parent) / str(number)))):
                separate[i] += seconds
        one = spent(ours(Path(parent) / "sweep"))
        for number, options in enumerate(SETTINGS):
            swept = Path(parent) / "sweep" / (label(options) or "off")
            if answers(swept) != answers(Path(parent) / str(number)):
                raise SystemExit(f"{label(options)}: the answers differ")
    for name, ours_, theirs in zip(("wall", "CPU"), one, separate, strict=True):
        line = f"one sweep against {len(SETTINGS)} lmms-eval commands, {name} time"
        add(table, line, ours_, theirs, COMMANDS_GOAL)


def add(table: Table, what: str, ours_: float, theirs: float, goal: float) -> None:
    """A row: seconds of both, their ratio, and the ratio that is wanted."""
    table.add_row(what, f"{ours_:.1f}", f"{theirs:.1f}", f"{ours_ / theirs:.2f}", f"{goal:.2f}")


def save_model(folder: Path) -> Path:
    """A random model: a quarter of Qwen2.5-VL-7B's depth and a quarter of its width.

    That is, of 32 vision layers of width 1280 and 28 decoder layers of width 3584.
    """
    from tests.checkpoints import ALL
    from tests.checkpoints.qwen_like import _tokens

    rope = dict(rope_type="default", mrope_section=[16, 24, 24], rope_theta=10000.0)
    tower = dict(depth=8, hidden_size=320, num_heads=4, intermediate_size=856, out_hidden_size=896)
    decoder = dict(hidden_size=896, intermediate_size=4736, num_hidden_layers=7)
    heads = dict(num_attention_heads=7, num_key_value_heads=1, max_position_embeddings=4096)
    checkpoint = dataclasses.replace(
        ALL["qwen2_5_vl"],
        spread=0.02,
        config=lambda ids: _tokens(
            ids,
            vision_config=dict(tower, patch_size=14, window_size=112, fullatt_block_indexes=[7]),
            text_config=decoder | heads | dict(rope_parameters=rope),
        ),
    )
    return checkpoint.save("qwen2_5_vl", folder)


class Watch:
    """Time in the model, and pictures in its vision tower."""

    def __init__(self, adapter: Any) -> None:
        self.seconds, self.pictures = 0.0, 0
        answer: Callable[[Any], Any] = adapter.generate_until

        def timed(requests: Any) -> Any:
            start = time.perf_counter()
            replies = answer(requests)
            self.seconds += time.perf_counter() - start
            return replies

        def count(module: Any, args: Any, kwargs: Any) -> None:
            del module
            self.pictures += len(kwargs["grid_thw"] if "grid_thw" in kwargs else args[1])

        adapter.generate_until = timed
        adapter.model.base_model.visual.register_forward_pre_hook(count, with_kwargs=True)


def model(table: Table) -> None:
    """Eight settings with and without the pictures of the settings before, on one live model."""
    from lmms_eval.utils import simple_parse_args_string

    from lmms_bapa.harness.adapter import HFBapa
    from lmms_bapa.harness.evaluate import evaluate_setting
    from lmms_bapa.harness.fast_tasks import manager_for
    from lmms_bapa.harness.quiet import quiet_harness
    from lmms_bapa.probes.canvas import canvas_of

    with quiet_harness(), tempfile.TemporaryDirectory() as parent:
        manager = manager_for([TASK])
        path = save_model(Path(parent) / "model")
        adapter = HFBapa(
            pretrained=str(path), device="cpu", max_pixels=PIXELS, batch_size=MODEL_BATCH
        )
        adapter.keep_loaded = True
        watch = Watch(adapter)
        found: dict[str, tuple[float, int, list[Any]]] = {}
        for name in ("separate", "sweep"):
            if name == "sweep":
                adapter.keep_pictures(folder=Path(parent))
            watch.seconds, watch.pictures, said = 0.0, 0, []
            for number, options in enumerate(track(SETTINGS, description=name)):
                output, typed = Path(parent) / name / str(number), label(options)
                settings = simple_parse_args_string(typed)
                evaluate_setting(
                    adapter, settings, [TASK], manager, output, QUESTIONS, gen_kwargs=REPLY
                )
                said.append(answers(output))
            found[name] = watch.seconds, watch.pictures, said
        adapter.drop_pictures()
        documents = manager.load_task_or_group(TASK, "chat")[TASK].eval_docs
        canvases = [canvas_of(documents[i]).tobytes() for i in range(QUESTIONS)]
    distinct = len({hashlib.sha256(canvas).digest() for canvas in canvases})
    if found["separate"][2] != found["sweep"][2]:
        raise SystemExit("the answers differ")
    what = f"{len(SETTINGS)} settings, proportions of Qwen2.5-VL-7B, time in the model"
    add(table, what, found["sweep"][0], found["separate"][0], MODEL_GOAL)
    table.add_row(
        f"pictures in its vision tower; {distinct} are distinct",
        str(found["sweep"][1]),
        str(found["separate"][1]),
        "",
        f"{distinct} calls",
    )


def first_answer(command: Sequence[str], is_there: Callable[[str], bool]) -> float:
    """Seconds from the start of a command to its first answer; the command is ended then."""
    start = time.perf_counter()
    with subprocess.Popen(
        command,
        env=surroundings() | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stderr is not None
        os.set_blocking(process.stderr.fileno(), False)
        said = ""
        while not is_there(said):
            said += (process.stderr.read() or b"").decode(errors="replace")
            if process.poll() is not None:
                raise SystemExit(f"no answer: {said[-1000:]}")
            time.sleep(0.01)
        seconds = time.perf_counter() - start
        process.kill()
    return seconds


def _has_lines(journal: Path, said: str) -> bool:
    del said
    return journal.is_file() and journal.stat().st_size > 0


def start(table: Table) -> None:
    """From typing to the first answer."""
    limit = ("--limit", str(START_QUESTIONS))
    best = {"ours": float("inf"), "harness": float("inf")}
    for _ in track(range(START_ROUNDS), description="starts"):
        with tempfile.TemporaryDirectory() as parent:
            journal = Path(parent) / "x" / "off" / "answers.jsonl"
            begun = first_answer(
                ours(Path(parent) / "x", *limit),
                functools.partial(_has_lines, journal),
            )
            best["ours"] = min(best["ours"], begun)
            stock = first_answer(
                harness({}, Path(parent) / "y", *limit),
                lambda said: re.search(r"Answering:.* [1-9]\d*/", said) is not None,
            )
            best["harness"] = min(best["harness"], stock)
    what = f"from typing to the first answer, best of {START_ROUNDS}"
    add(table, what, best["ours"], best["harness"], START_GOAL)


PARTS = {"commands": commands, "model": model, "start": start}


def main() -> None:
    """Prints the table."""
    table = Table(title=f"A sweep of {len(SETTINGS)} settings of {TASK}")
    for heading in ("what", "sweep, s", "separate, s", "ratio", "at most"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for name in sys.argv[1:] or PARTS:
        PARTS[name](table)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
