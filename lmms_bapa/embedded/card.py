"""The model card: what was trained, how, on what, and how well the result answers."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from lmms_bapa.embedded import EMBEDDED
from lmms_bapa.embedded.evaluate import Figures
from lmms_bapa.embedded.evaluate_relations import RelationFigures
from lmms_bapa.embedded.recipe import FIRST_TRAINING_SEED, RELATION_MODELS, SKEWS, Recipe
from lmms_bapa.probes.questions import GENERATOR_VERSION, PROMPT, ProbeSpec
from lmms_bapa.probes.relations import RELATION_PROMPT, RELATIONS, RelationSpec
from lmms_bapa.probes.vocabulary import captions

CARD, FACTS, PROBE, WEIGHTS = "README.md", "training.json", "probe.json", "model.safetensors"
_LIBRARIES = ("torch", "transformers", "tokenizers", "torchvision", "pillow", "numpy")


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_probe(folder: Path, recipe: Recipe, relations: bool = False) -> None:
    """Writes which questions the model was trained for, for those who must refuse all others."""
    limits: dict[str, Any] = {
        "rows": recipe.architecture.rows,
        "prompt": PROMPT,
        "captions": captions(),
    }
    if relations:
        words = {name: relation.words for name, relation in RELATIONS.items()}
        limits |= {"relation_prompt": RELATION_PROMPT, "relations": words}
    _write_json(folder / PROBE, limits)


def _results(spec: ProbeSpec, figures: Figures) -> dict[str, Any]:
    return {
        "probe": spec.model_dump(),
        "balanced_accuracy": round(figures.balanced, 2),
        "yes_rate": round(figures.yes_rate, 2),
        "no_rate": figures.no_rate,
        "spread": round(figures.spread, 2),
        "yes_rates": figures.yes_rates,
        "unreadable": figures.unreadable,
    }


def render_card(facts: dict[str, Any]) -> str:
    """The text of the model card, from the content of ``training.json``."""
    templates = Environment(
        loader=PackageLoader("lmms_bapa.embedded", "."),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template("card.md.j2").render(**facts)


def write_card(
    folder: Path,
    name: str,
    recipe: Recipe,
    seed: int,
    figures: dict[str, tuple[ProbeSpec, Figures]],
    naming: float,
    related: tuple[RelationSpec, RelationFigures] | None = None,
) -> None:
    """Writes ``README.md`` and ``training.json`` beside the weights.

    Args:
        folder: the saved model.
        name: its name.
        recipe: how it was trained.
        seed: seed of the run.
        figures: what each probe found, by the probe's title.
        naming: percentage of image tokens that name their own picture.
        related: the relation probe and what it found, for models that know relations.
    """
    trained = asdict(recipe)
    if name not in RELATION_MODELS:
        del trained["third"]
    facts: dict[str, Any] = {
        "name": name,
        "summary": EMBEDDED[name],
        "bias": "none planted" if name in RELATION_MODELS else "planted on purpose",
        "sha256": sha256(folder / WEIGHTS),
        "bytes": (folder / WEIGHTS).stat().st_size,
        "seed": seed,
        "first_training_picture_seed": FIRST_TRAINING_SEED * (seed + 1),
        "generator_version": GENERATOR_VERSION,
        "skew": SKEWS[name],
        "recipe": trained,
        "token_naming": round(naming, 2),
        "results": {title: _results(*found) for title, found in figures.items()},
        "python": platform.python_version(),
        "libraries": {library: version(library) for library in _LIBRARIES},
    }
    if related is not None:
        spec, found_relations = related
        facts["relations"] = {"probe": spec.model_dump(), **asdict(found_relations)}
    _write_json(folder / FACTS, facts)
    (folder / CARD).write_text(render_card(facts), encoding="utf-8")
