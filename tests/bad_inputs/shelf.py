"""A folder of things that are not what they should be; the table's commands run in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from safetensors.torch import load_file, save_file

from lmms_bapa.resources import folder
from tests.result_folders import noisy, plain_samples, probe_samples, start_blind, write_run

BINARY = bytes(range(256)) * 16
DEEP = "[" * 100_000
Content = str | bytes | dict[str, Any] | list[Any]
_NAME = "20260102_030405"


def build_shelf(place: Path) -> None:
    """Makes all of it in an empty folder."""
    for name in ("empty", "pictures", "texts", "tmp"):
        (place / name).mkdir()
    (place / "file.txt").write_text("in the way\n")
    (place / "binary.bin").write_bytes(BINARY)
    (place / "broken.jinja").write_text("{% for message in messages %}{{ message")
    (place / "loop").symlink_to("loop")
    _runs(place / "runs")
    _sweeps(place / "sweeps")
    _checkpoints(place / "checkpoints")
    _adapters(place / "adapters")
    _tasks(place / "tasks")
    _captions(place)


def _write(path: Path, content: Content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))


def _runs(place: Path) -> None:
    samples = probe_samples(noisy(start_blind), groups=3)
    args = "pretrained=micro-llava,device=cpu"

    def run(name: str, **more: Any) -> Path:
        tasks = more.pop("tasks", {"spatial_probe_lite": samples})
        return write_run(place / name, tasks, more.pop("model_args", args), **more)

    def edited(name: str, edit: Callable[[dict[str, Any]], None], **more: Any) -> Path:
        file = run(name, **more)
        results = json.loads(file.read_text())
        edit(results)
        file.write_text(json.dumps(results))
        return file

    def spoilt(name: str, spoil: Callable[[str], str | bytes]) -> None:
        log = run(name).with_name(f"{_NAME}_samples_spatial_probe_lite.jsonl")
        _write(log, spoil(log.read_text()))

    run("good")
    run("bapa", model_args=f"{args},bapa=true")
    run("plain", tasks={"other": plain_samples([1.0, 0.0, 1.0])})
    run("two_models/a")
    run("two_models/b", model_args="pretrained=gpt", date="20260102_030406")
    edited("foreign", lambda r: r["config"].update(model="llava_hf"))
    edited("blotted", lambda r: r["config"].update(model_args="pretrained=[REDACTED]"))
    edited("repeats", lambda r: r["config"].update(repeats=3))
    edited("config_list", lambda r: r.update(config=[1]))
    edited("config_numbers", lambda r: r.update(configs={"spatial_probe_lite": 3}))
    run("model_gone", model_args="pretrained=./nowhere")
    run("task_gone", tasks={"zzz": plain_samples([1.0])})
    run("cut").write_text(json.dumps({"results": {}, "configs": {}})[:-4])
    run("other").write_text('{"results": [], "tool": "another"}')
    run("deep").write_text(DEEP)
    run("logs_only").unlink()
    for log in (place / "other").rglob("*.jsonl"):
        log.unlink()
    for log in run("no_samples").parent.glob("*.jsonl"):
        log.unlink()
    spoilt("cut_log", lambda text: text[: len(text.splitlines()[0]) + 40])
    spoilt("few", lambda text: "".join(text.splitlines(keepends=True)[:5]))
    spoilt("twice", lambda text: text + text)
    spoilt("list_log", lambda text: "[1, 2]\n" + text)
    spoilt("binary_log", lambda _: BINARY)
    spoilt("empty_log", lambda _: "")
    _write(place / "no_setting" / "sweep.yaml", "model: hf_bapa\n")
    facts = {"kind": "setting", "date": "2026-01-02", "model_args": args, "asked": ["t"]}
    newer: Content = facts | {"schema_version": 99, "model": {"pretrained": "micro-llava"}}
    for name, manifest in (("newer", newer), ("cut_manifest", '{"kind": ')):
        file = run(name)
        _write(file.parent.parent / "manifest.json", manifest)


def _sweeps(place: Path) -> None:
    _write(place / "broken.yaml", "tasks: [a\ngrid: {")
    _write(place / "list.yaml", "- 1\n- 2\n")
    _write(place / "key.yaml", "model_arg: pretrained=micro-llava\n")
    _write(place / "code.yaml", "tasks: !!python/object/apply:os.system ['touch pwned']\n")


def _checkpoints(place: Path) -> None:
    whole = folder("lmms_bapa/embedded") / "weights" / "micro-llava"
    config = json.loads((whole / "config.json").read_text())
    configs: dict[str, Content] = {
        "cut_config": json.dumps(config)[:200],
        "list": [1, 2],
        "blank": "",
        "no_type": {"hidden_size": 8},
        "unknown": {"model_type": "zzz_vl"},
        "text": {"model_type": "llama"},
        "florence": {"model_type": "florence2"},
    }
    for name, content in configs.items():
        _write(place / name / "config.json", content)

    def copy(name: str, *without: str) -> Path:
        made = Path(shutil.copytree(whole, place / name))
        for file in without:
            (made / file).unlink()
        return made

    copy("no_weights", "model.safetensors")
    cut = copy("cut") / "model.safetensors"
    cut.write_bytes(cut.read_bytes()[:5000])
    _write(copy("no_safe") / "model.safetensors", "this is no tensor")
    _write(copy("zero") / "model.safetensors", b"")
    weights = load_file(whole / "model.safetensors")
    first = max(weights)
    save_file({k: v for k, v in weights.items() if k != first}, _weights(copy("lacks")))
    wide = {**weights, first: weights[first].new_zeros([n + 1 for n in weights[first].shape])}
    save_file(wide, _weights(copy("wide")))
    copy("mute", "tokenizer.json", "tokenizer_config.json")
    copy("blind", "processor_config.json")
    _write(copy("stutter") / "tokenizer.json", (whole / "tokenizer.json").read_text()[:100])
    copy("plain", "chat_template.jinja")


def _weights(checkpoint: Path) -> Path:
    return checkpoint / "model.safetensors"


def _adapters(place: Path) -> None:
    texts: dict[str, Content] = {
        "broken": "model_types: [a\nmodel_args: {",
        "list": "- 1\n",
        "field": "model_type: [llava]\n",
        "option": "model_args: {agci_lamda: 0.3}\n",
        "range": "model_args: {agci_lambda: -1}\n",
        "binary": BINARY,
    }
    for name, content in texts.items():
        _write(place / name / "own_bapa.yaml", content)
    (place / "folder" / "own_bapa.yaml").mkdir(parents=True)


_PROBE = "include: {template}\ntask: own\ndataset_kwargs: {{{options}}}\n"
_SHIFT = (
    "task: own\nclass: !function lmms_bapa.harness.shift_task.ShiftedTask\n"
    "base: {base}\nshift: {shift}\n"
)
_PLAIN = """task: own
dataset_path: json
dataset_kwargs: {data_files: {test: data.jsonl}}
test_split: %s
output_type: %s
doc_to_visual: !function functions.%s
doc_to_text: question
doc_to_target: answer
doc_to_choice: [a, b]
process_results: !function functions.score
metric_list: [{metric: accuracy, aggregation: mean, higher_is_better: true}]
"""
_FUNCTIONS = """
def pictures(doc):
    return []


def videos(doc):
    return ["clip.mp4"]


def score(doc, results):
    return {"accuracy": 1.0}
"""


def _tasks(place: Path) -> None:
    template = folder("tasks") / "spatial_probe" / "_spatial_probe_yaml"
    for name, options in {
        "probe_option": "group: 5",
        "probe_rows": "rows: 5, groups: 1",
        "probe_word": "groups: many",
        "probe_none": "groups: 0",
        "probe_layout": "layout: spiral",
    }.items():
        _write(place / name / "own.yaml", _PROBE.format(template=template, options=options))
    for name, base, shift in (
        ("shift_base", "zzzz", "{rows: 3}"),
        ("shift_layout", "base", "{layout: spiral}"),
        ("shift_option", "base", "{row: 3}"),
        ("shift_rows", "base", "{rows: many}"),
        ("shift_list", "base", "[1, 2]"),
        ("shift_twice", "pope_shift", "{rows: 3}"),
    ):
        _write(place / name / "own.yaml", _SHIFT.format(base=base, shift=shift))
        _plain(place / name, "base", "test", "generate_until", "pictures")
    _write(place / "broken" / "own.yaml", "task: own\nmetric_list: [a\n")
    _plain(place / "choice", "own", "test", "multiple_choice", "pictures")
    _plain(place / "rounds", "own", "test", "generate_until_multi_round", "pictures")
    _plain(place / "video", "own", "test", "generate_until", "videos")
    _plain(place / "no_function", "own", "test", "generate_until", "nothing")
    _plain(place / "no_split", "own", "exam", "generate_until", "pictures")
    _plain(place / "no_data", "own", "test", "generate_until", "pictures")
    (place / "no_data" / "data.jsonl").unlink()


def _plain(place: Path, name: str, *values: str) -> None:
    text = (_PLAIN % values).replace("task: own", f"task: {name}")
    data = place / "data.jsonl"
    _write(place / f"{name}.yaml", text.replace("data.jsonl", str(data)))
    _write(place / "functions.py", _FUNCTIONS)
    _write(data, '{"question": "q", "answer": "a"}\n' * 3)


def _captions(place: Path) -> None:
    for number in range(4):
        Image.new("RGB", (24, 24), (60 * number, 0, 0)).save(place / "pictures" / f"{number}.png")
        (place / "texts" / f"{number}.png").write_text("no picture")
    lines = [{"file_name": f"{n}.png", "caption": f"picture {n}"} for n in range(4)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (place / "captions.jsonl").write_text(text)
    (place / "texts.jsonl").write_text(text)
    (place / "climbing.jsonl").write_text(text.replace("0.png", "../file.txt"))
    (place / "cut.jsonl").write_text(text[:-20])
    (place / "empty.jsonl").write_text("")
    (place / "bare.csv").write_text("1,2\n3,4\n")
    (place / "deep.json").write_text(DEEP)
    (place / "cut.png").write_bytes((place / "pictures" / "1.png").read_bytes()[:40])


def contents(place: Path) -> dict[str, str]:
    """What is below a folder: every name, with what tells that somebody wrote there."""
    found: dict[str, str] = {}
    for root, folders, files in os.walk(place):
        for name in (*folders, *files):
            path = Path(root) / name
            if path.is_symlink():
                found[str(path.relative_to(place))] = f"link to {path.readlink()}"
            elif path.is_dir():
                found[str(path.relative_to(place))] = "folder"
            else:
                fact = path.stat()
                told = f"{fact.st_ino} {fact.st_size} {fact.st_mtime_ns}"
                found[str(path.relative_to(place))] = told
    return found
