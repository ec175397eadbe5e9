"""Trains the embedded models: ``python -m lmms_bapa.embedded.train --out DIR``."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from loguru import logger
from safetensors.torch import load_file, save_file

from lmms_bapa.embedded import EMBEDDED
from lmms_bapa.embedded.card import WEIGHTS, write_card, write_probe
from lmms_bapa.embedded.determinism import repeatable
from lmms_bapa.embedded.drawings import Painter, draw_bank
from lmms_bapa.embedded.evaluate import load, measure, naming_accuracy
from lmms_bapa.embedded.evaluate_relations import measure_relations
from lmms_bapa.embedded.language import build_processor
from lmms_bapa.embedded.network import build_network
from lmms_bapa.embedded.packing import Packer
from lmms_bapa.embedded.portable import make_portable
from lmms_bapa.embedded.recipe import RELATION_MODELS, SKEWS, Recipe
from lmms_bapa.embedded.relation_packing import RelationPacker
from lmms_bapa.embedded.relation_training import learn_relations
from lmms_bapa.embedded.training import (
    learn_to_answer,
    learn_to_see,
    perception_weights,
)
from lmms_bapa.errors import UsageError
from lmms_bapa.probes.questions import ProbeSpec
from lmms_bapa.probes.relations import RelationSpec
from lmms_bapa.probes.vocabulary import captions

_BANK, _PERCEPTION = "drawings.npy", "perception.safetensors"
# The stages draw from separate streams, so that a change in one leaves the other as it was.
_STAGE_SEEDS = 2
_FIRST_THIRD_STAGE_SEED = 2**32


def _perceive(work: Path, recipe: Recipe, seed: int) -> None:
    """Draws the pictures and trains the first stage; leaves both in ``work``."""
    bank = draw_bank(recipe, captions(), seed)
    np.save(work / _BANK, bank.numpy())
    sizes = recipe.architecture
    processor = build_processor(sizes)
    model = build_network(sizes, processor.tokenizer)
    painter = Painter(bank, sizes.rows)
    learn_to_see(model, painter, Packer(processor, sizes), recipe, _STAGE_SEEDS * seed)
    learned = {name: weight.detach() for name, weight in perception_weights(model)}
    save_file(learned, work / _PERCEPTION)


def save(folder: Path, model: Any, processor: Any, recipe: Recipe, relations: bool = False) -> None:
    """Saves a model and its processor: float16 on disk, float32 when loaded."""
    model.half().save_pretrained(folder)
    processor.save_pretrained(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    for part in (config, config["text_config"], config["vision_config"]):
        part["dtype"] = "float32"
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    make_portable(folder)
    (folder / WEIGHTS).chmod(0o644)
    write_probe(folder, recipe, relations)


def _load_perception(model: Any, path: Path) -> None:
    """Gives a model the first stage's weights; words that it did not know stay as they are."""
    learned = load_file(path)
    fresh = model.state_dict()
    for name, weight in learned.items():
        if len(weight) < len(fresh[name]):
            learned[name] = torch.cat([weight, fresh[name][len(weight) :]])
    model.load_state_dict(learned, strict=False)


def _answer(name: str, work: Path, recipe: Recipe, seed: int) -> None:
    """Trains the later stages of one model and saves it in ``work/name``."""
    sizes = recipe.architecture
    processor = build_processor(sizes, relations=name in RELATION_MODELS)
    model = build_network(sizes, processor.tokenizer)
    _load_perception(model, work / _PERCEPTION)
    painter = Painter(torch.from_numpy(np.load(work / _BANK)), sizes.rows)
    packer = Packer(processor, sizes)
    stream = _STAGE_SEEDS * seed + 1
    learn_to_answer(model, painter, packer, recipe, SKEWS[name], stream, title=name)
    if name in RELATION_MODELS:
        relations = RelationPacker(processor, sizes, packer)
        stream = _FIRST_THIRD_STAGE_SEED + seed
        title = f"{name}, relations"
        learn_relations(model, painter, packer, relations, recipe, SKEWS[name], stream, title)
    save(work / name, model, processor, recipe, relations=name in RELATION_MODELS)


def _describe(folder: Path, recipe: Recipe, seed: int, groups: int) -> dict[str, float]:
    """Measures a saved model, writes its card, and returns the main figures."""
    model, processor = load(folder)
    found = {}
    for distractors in ("random", "conjunction"):
        spec = ProbeSpec(groups=groups, seed=1, distractors=distractors)
        title = f"{folder.name}, {distractors}"
        found[distractors] = (spec, measure(model, processor, spec, title))
    naming = naming_accuracy(model, processor, found["random"][0])
    related = None
    if folder.name in RELATION_MODELS:
        asked = RelationSpec(groups=groups, seed=1)
        related = (asked, measure_relations(model, processor, asked, f"{folder.name}, relations"))
    write_card(folder, folder.name, recipe, seed, found, naming, related)
    easy, hard = found["random"][1], found["conjunction"][1]
    figures = {"balanced": easy.balanced, "spread": easy.spread, "hard": hard.balanced}
    return figures if related is None else figures | {"relations": related[1].pairs}


def _train_one(
    name: str, work: Path, recipe: Recipe, seed: int, threads: int, groups: int
) -> tuple[str, dict[str, float]]:
    with repeatable(seed, threads):
        _answer(name, work, recipe, seed)
        return name, _describe(work / name, recipe, seed, groups)


def _train_each(
    names: list[str],
    work: Path,
    recipe: Recipe,
    seed: int,
    threads: int,
    groups: int,
    jobs: int,
) -> Iterator[tuple[str, dict[str, float]]]:
    """Trains the second stages, in processes of their own if more than one may run at a time."""
    rest = (work, recipe, seed, threads, groups)
    jobs = min(jobs, len(names))
    if jobs <= 1:
        yield from (_train_one(name, *rest) for name in names)
        return
    # A forked child could inherit torch's threads in a broken state; a spawned one starts clean.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        tasks = [pool.submit(_train_one, name, *rest) for name in names]
        yield from (task.result() for task in tasks)


def train_all(
    out: Path,
    seed: int = 0,
    only: Sequence[str] | None = None,
    threads: int = 1,
    jobs: int = 2,
    groups: int = 200,
    recipe: Recipe | None = None,
) -> list[Path]:
    """Trains, measures and describes the embedded models.

    Everything is made in a temporary folder inside ``out``; a model's folder appears there
    complete or not at all, and then replaces an older one of the same name.

    Args:
        out: the folder that gets one folder per model.
        seed: seed of the run.
        only: names of the models; all of them by default.
        threads: torch threads of each process.
        jobs: models that are trained at the same time.
        groups: size of the probe that measures each model.
        recipe: how to train; the published recipe by default.

    Returns:
        The folders of the models.

    Raises:
        UsageError: a name is not that of an embedded model.
    """
    names = list(dict.fromkeys(only or EMBEDDED))
    unknown = sorted(set(names) - set(EMBEDDED))
    if unknown:
        raise UsageError(f"no embedded model is called {unknown}: choose from {list(EMBEDDED)}")
    recipe = recipe or Recipe()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=out) as folder:
        work = Path(folder)
        with repeatable(seed, threads):
            _perceive(work, recipe, seed)
        for name, found in _train_each(names, work, recipe, seed, threads, groups, jobs):
            logger.info("{}: {}", name, {key: round(value, 2) for key, value in found.items()})
        for name in names:
            if (out / name).exists():
                shutil.rmtree(out / name)
            (work / name).rename(out / name)
    return [out / name for name in names]


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(prog="python -m lmms_bapa.embedded.train", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the models")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", choices=list(EMBEDDED), help="may be repeated")
    parser.add_argument("--threads", type=int, default=1, help="torch threads of each process")
    parser.add_argument("--jobs", type=int, default=2, help="models trained at the same time")
    parser.add_argument("--groups", type=int, default=200, help="groups of the probe at the end")
    options = parser.parse_args(arguments)
    train_all(
        options.out, options.seed, options.only, options.threads, options.jobs, options.groups
    )


if __name__ == "__main__":
    main()
