"""Every example of docs/extending.md, run as it is printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageTextToText, LlavaConfig, LlavaForConditionalGeneration
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
from typer.testing import CliRunner

from lmms_bapa.cli import app
from lmms_bapa.export import EXPORTERS
from lmms_bapa.harness import presets
from lmms_bapa.harness.options import build_interventions, known_options
from lmms_bapa.interventions import AGCI, REGISTRY, BaPA, Tokens
from lmms_bapa.probes import layouts as probe_layouts
from lmms_bapa.probes.questions import ProbeSpec, plan
from lmms_bapa.shift.layouts import LAYOUTS
from lmms_bapa.shift.placement import frame
from lmms_bapa.shift.spec import read_spec
from lmms_bapa.steering import ARCHITECTURES, architectures

from .documents import ROOT, blocks, example, restored, run_module
from .result_folders import noisy, probe_samples, start_blind, write_run
from .steering_tools import (
    ONE,
    TWO,
    balanced_by_hand,
    decoder_input,
    pictures_of,
    rotary_positions,
    steer,
)
from .tiny import llava_like

PAGE = ROOT / "docs" / "extending.md"


def test_no_example_is_left_out() -> None:
    """Each block is one that a test below takes by the file that it names."""
    source = Path(__file__).read_text(encoding="utf-8")
    for code in [*blocks(PAGE, "python"), *blocks(PAGE, "yaml")]:
        file = code.partition("\n")[0].removeprefix("# ")
        assert f'"{file}"' in source, file


def test_the_intervention() -> None:
    with restored(REGISTRY):
        run_module(example(PAGE, "lmms_bapa/interventions/dim.py"), "example_dim")
        assert "dim_factor" in known_options()
        (dim,) = build_interventions({"dim_factor": 0.5})
    assert "dim_factor" not in known_options()
    segment = torch.tensor([[0, 1, 1, 0]])
    out = dim.embeddings(torch.ones(1, 4, 2), Tokens(segment, segment > 0, segment, segment))
    assert out[0, :, 0].tolist() == [1.0, 0.5, 0.5, 1.0]


def test_the_layout_of_the_probe() -> None:
    file = "lmms_bapa/probes/layouts/registry.py"
    printed = example(PAGE, file)
    # The line of the file itself, with one name more.
    assert printed.replace(", Diagonal", "") in (ROOT / file).read_text(encoding="utf-8")
    with restored(probe_layouts.LAYOUTS):
        module = run_module(
            example(PAGE, "lmms_bapa/probes/layouts/diagonal.py"), "example_diagonal"
        )
        names = {**vars(probe_layouts.registry), **vars(module)}
        exec("from __future__ import annotations\n" + printed, names)
        probe_layouts.LAYOUTS.update(names["LAYOUTS"])
        asked = list(plan(ProbeSpec(groups=2, layout="diagonal")))
    keys = [(q["group"], q["cell"]) for q in asked if q["asked"] == "key"]
    assert keys == [(group, cell) for group in (0, 1) for cell in (0, 4, 8)]
    assert len(asked) == 12


def test_the_layout_of_shifted_tasks() -> None:
    with restored(LAYOUTS):
        run_module(example(PAGE, "lmms_bapa/shift/layouts/corners.py"), "example_corners")
        layout = read_spec({"layout": "corners"}).layout
    boxes = [frame((10, 10), placement, layout.ratio) for placement in layout.placements]
    assert [(box.left, box.top) for box in boxes] == [(0, 0), (10, 0), (0, 10), (10, 10)]


def test_the_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    class Config(LlavaConfig):  # type: ignore[misc]
        model_type = "my_vlm"

    class Model(LlavaForConditionalGeneration):  # type: ignore[misc]
        config_class = Config

    for mapping in (CONFIG_MAPPING, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING):
        monkeypatch.setattr(mapping, "_extra_content", dict(mapping._extra_content))
    CONFIG_MAPPING.register("my_vlm", Config)
    AutoModelForImageTextToText.register(Config, Model)

    def table(file: str, module: Any) -> Any:
        names = dict(vars(module))
        exec(f"ROWS = {{{example(PAGE, file)}}}", names)
        return names["ROWS"]

    rows = table("lmms_bapa/steering/architectures.py", architectures)
    entry = table("tests/tiny/llava_like.py", llava_like)
    with restored(ARCHITECTURES):
        ARCHITECTURES.update(rows)
        tiny = entry["my_vlm"]
        model = tiny.build("my_vlm")
        batch = tiny.inputs([TWO])
        with steer(tiny, model, BaPA()) as steering:
            assert steering.anatomy is not None
            assert steering.anatomy.architecture == rows["my_vlm"]
            (seen, *_) = rotary_positions(model, batch, 1)
        assert seen[0, 0].tolist() == balanced_by_hand(tiny, TWO)

        one = tiny.inputs([ONE])
        stock = decoder_input(model, one)
        with steer(tiny, model, AGCI(0.5)):
            changed = decoder_input(model, one)
    ((row, where),) = pictures_of(tiny, [ONE], one)
    assert len(where) == 16
    v = stock[row, where]
    g = v.mean(0)
    cosine = torch.nn.functional.cosine_similarity(v, g[None], dim=-1)
    want = v + 0.5 * (1 - cosine)[:, None] * g
    torch.testing.assert_close(changed[row, where], want, atol=1e-5, rtol=1e-5)


def test_the_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "even_micro.yaml").write_text(example(PAGE, "even_micro.yaml"), encoding="utf-8")
    monkeypatch.setenv(presets.OWN_CONFIGS, str(tmp_path))
    assert "--model even_micro " in PAGE.read_text(encoding="utf-8")
    model = presets.even_micro(device="cpu", batch_size=18)
    assert model.interventions == (BaPA(anchor="center"),)
    assert model.options.pretrained == "micro-llava"
    # The YAML alone decides: what is typed replaces it.
    assert presets.even_micro(bapa=False, device="cpu").interventions == ()


def test_the_exporter(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    task = "spatial_probe_lite"
    good, bad = (
        probe_samples(noisy(lambda doc: 1.0), groups=3),
        probe_samples(noisy(start_blind), groups=3),
    )
    write_run(runs / "off", {task: bad})
    write_run(runs / "bapa", {task: good}, model_args="pretrained=micro-llava,bapa=true")
    share = sum(sample["accuracy"]["score"] for sample in bad) / len(bad)
    (command,) = re.findall(r"`lmms-bapa (export .*? digits=2)`", PAGE.read_text(encoding="utf-8"))
    arguments = [str(runs) if word == "runs/x" else word for word in command.split()]
    with restored(EXPORTERS):
        run_module(example(PAGE, "lmms_bapa/export/ranking.py"), "example_ranking")
        done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    written = runs / "export" / "ranking" / f"{task}.txt"
    assert written.read_text(encoding="utf-8") == f"1.00 bapa=true\n{share:.2f} off\n"
