"""What the interventions do to models of several training seeds, one planted bias at a time.

Each folder after ``--models`` holds the three models that one seed gives, as

    python -m lmms_bapa.embedded.train --out DIR --seed N

leaves them; the ones that the package ships are seed 0 and always part of it. Every setting is
asked ``spatial_probe_lite``; ``calibrated`` is what ``lmms-bapa calibrate`` chooses on another
split, whose pictures the probe does not show. Run it with

    python -m benchmarks.seeds --models DIR DIR --output seeds.json

It prints a Markdown table: means over seeds with 95 % t-intervals. Results are saved after each
model, so that the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats

from lmms_bapa.calibration.choice import Objective, judge
from lmms_bapa.calibration.runner import calibrate
from lmms_bapa.embedded import embedded_path
from lmms_bapa.harness.adapter import HFBapa
from lmms_bapa.harness.arguments import parse_arguments
from lmms_bapa.harness.evaluate import evaluate_setting
from lmms_bapa.harness.fast_tasks import manager_for
from lmms_bapa.harness.quiet import quiet_harness
from lmms_bapa.results.folders import read_run
from lmms_bapa.results.scores import Scores, read_scores
from lmms_bapa.sweep.config import SweepConfig, parse_grid
from lmms_bapa.sweep.progress import SweepProgress

TASK, BATCH, CALIBRATION_GROUPS, LEVEL = "spatial_probe_lite", 32, 30, 0.95
BIASES = {
    "micro-llava": "misses the start",
    "micro-llava-start": "misses the end",
    "micro-llava-uniform": "none",
}
SETTINGS: dict[str, str] = {
    "off": "",
    "BaPA": "bapa=true",
    "BaPA centred": "bapa=true,bapa_anchor=center",
    "AGCI 0.3": "agci_lambda=0.3",
    "AGCI 0.5": "agci_lambda=0.5",
    "AGCI auto": "agci_lambda=auto",
    "AGCI 0.3 over 4 layers": "agci_depth_lambda=0.3,agci_depth_layers=4",
}
GRID = (
    "agci_lambda=0,auto",
    "bapa=false,true",
    "bapa_strength=0.5,1",
    "bapa_anchor=paper,center",
)
CALIBRATED = "calibrated"
COLUMNS = {
    "balanced_accuracy": "balanced accuracy",
    "yes_rate": "says Yes",
    "accuracy_std": "cell spread",
    "auroc": "AUROC",
    "auroc_std": "AUROC spread",
}
# With an interval of their own: the models of one seed are the same in every setting.
AGAINST_OFF = ("balanced_accuracy", "auroc_std")
Figures = dict[str, Any]


def evaluate(model: Path) -> dict[str, Figures]:
    """Figures of every setting on one model, and which one the calibration chose."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = SweepConfig(
            model_args={"pretrained": str(model), "device": "cpu"},
            tasks=[TASK],
            grid=parse_grid(GRID),
            batch_size=BATCH,
        )
        chosen = calibrate(
            config, Objective(), SweepProgress(), groups=CALIBRATION_GROUPS, runs=folder / "c"
        ).choice.label
        settings = {**SETTINGS, CALIBRATED: "" if chosen == "off" else chosen}
        scores = _scores(model, list(dict.fromkeys(settings.values())), folder / "e")
    judged = judge(list(scores), list(scores.values()), Objective())
    by_text = {one.label: vars(one) for one in judged}
    keys = (*COLUMNS, "answers_changed")
    found = {name: {key: by_text[text][key] for key in keys} for name, text in settings.items()}
    found[CALIBRATED]["chosen"] = chosen
    return found


def _scores(model: Path, texts: Sequence[str], folder: Path) -> dict[str, Scores]:
    manager = manager_for([TASK])
    adapter = HFBapa(pretrained=str(model), device="cpu", batch_size=BATCH)
    adapter.keep_loaded = True
    adapter.keep_pictures()
    found = {}
    for number, text in enumerate(texts):
        place = folder / str(number)
        options = parse_arguments(text, "model_args") if text else {}
        evaluate_setting(adapter, options, [TASK], manager, place)
        found[text] = read_scores(read_run(place), TASK)
    adapter.drop_pictures()
    return found


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean over seeds and half the width of its t-interval; NaN with fewer than two seeds."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, math.nan
    low, high = stats.t.interval(LEVEL, len(values) - 1, loc=mean, scale=stats.sem(values))
    return mean, (float(high) - float(low)) / 2 if not math.isnan(high) else 0.0


def _cell(values: Sequence[float], digits: int) -> str:
    mean, half = interval([100 * value for value in values])
    return f"{mean:.{digits}f} ± {half:.{digits}f}"


def _digits(key: str) -> int:
    return 2 if key.startswith("auroc") else 1


def table(found: Mapping[str, Mapping[str, Mapping[str, Figures]]]) -> str:
    """The Markdown table.

    Args:
        found: seed -> model -> setting -> figures.
    """
    headings = ["bias", "setting", *COLUMNS.values()]
    headings += [f"{COLUMNS[key]} against off" for key in AGAINST_OFF]
    lines = ["| " + " | ".join(headings) + " |", "|---|---|" + "--:|" * (len(headings) - 2)]
    for model, bias in BIASES.items():
        seeds = [models[model] for models in found.values() if model in models]
        for setting in (*SETTINGS, CALIBRATED):
            if not seeds:
                continue
            cells = [_cell([one[setting][key] for one in seeds], _digits(key)) for key in COLUMNS]
            for key in AGAINST_OFF:
                change = [one[setting][key] - one["off"][key] for one in seeds]
                cells.append("" if setting == "off" else _cell(change, _digits(key)))
            lines.append(f"| {bias} | {setting} | " + " | ".join(cells) + " |")
    for seed, models in found.items():
        for model, settings in models.items():
            lines.append(f"\ncalibrated, {model}, seed {seed}: {settings[CALIBRATED]['chosen']}")
    return "\n".join(lines)


def _seed(folder: Path) -> str:
    told = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    return str(told["seed"])


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", type=Path, nargs="*", default=[])
    parser.add_argument("--output", type=Path, default=Path("seeds.json"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    shipped = embedded_path("micro-llava")
    assert shipped is not None
    found: dict[str, dict[str, Any]] = {}
    if given.output.exists():
        found = json.loads(given.output.read_text(encoding="utf-8"))
    for folder in (shipped.parent, *given.models):
        for model in BIASES:
            if not (folder / model / "training.json").is_file():
                raise SystemExit(f"{folder}: no {model} in it, as the training script leaves it")
    for folder in (shipped.parent, *given.models):
        for model in BIASES:
            done = found.setdefault(_seed(folder / model), {})
            if model in done:
                continue
            print(f"{folder / model}", flush=True)
            with quiet_harness():
                done[model] = evaluate(folder / model)
            given.output.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(table(found))


if __name__ == "__main__":
    main()
