"""Draws again what a model was shown: small pictures of single documents of a run."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from pydantic import ValidationError

from lmms_bapa.errors import UsageError
from lmms_bapa.probes.canvas import canvas_of
from lmms_bapa.probes.questions import GENERATOR_VERSION, ProbeSpec, plan
from lmms_bapa.validation import reason

SIDE = 260  # pixels of a small picture
_FRAME = "#D55E00"


@dataclass(frozen=True)
class Canvases:
    """Small pictures by document, or why there are none.

    Attributes:
        pictures: document -> PNG.
        remark: why pictures are missing, or nothing.
        is_framed: the picture that is asked for has a frame that the model did not see.
    """

    pictures: Mapping[int, bytes]
    remark: str = ""
    is_framed: bool = False


def draw_canvases(
    task: str,
    config: Mapping[str, Any],
    samples: Mapping[int, Mapping[str, Any]],
    include: str | None = None,
) -> Canvases:
    """Draws the canvases of some documents.

    Args:
        task: name of the task.
        config: what the results JSON says of it.
        samples: lines of the sample log, by document: what is drawn is checked against them.
        include: folder of further tasks, as the run had it.
    """
    if not samples:
        return Canvases({})
    if all("where" in sample for sample in samples.values()):
        return _of_probe(config, samples)
    return _of_task(task, samples, include)


def small_png(image: Image.Image, box: tuple[int, int, int] | None = None) -> bytes:
    """A small PNG.

    Args:
        image: any size and mode.
        box: left, top and side of a square to be framed, in pixels of ``image``.
    """
    small = image.convert("RGB")
    factor = SIDE / max(small.size)
    small = small.resize(
        (max(1, round(small.width * factor)), max(1, round(small.height * factor))),
        Image.Resampling.LANCZOS,
    )
    if box is not None:
        left, top, right, bottom = (
            round(factor * x) for x in (box[0], box[1], box[0] + box[2], box[1] + box[2])
        )
        frame = left - 2, top - 2, right + 1, bottom + 1
        ImageDraw.Draw(small).rectangle(frame, outline=_FRAME, width=3)
    stream = io.BytesIO()
    small.quantize(128).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _of_probe(config: Mapping[str, Any], samples: Mapping[int, Mapping[str, Any]]) -> Canvases:
    generator = (config.get("metadata") or {}).get("generator")
    if generator != GENERATOR_VERSION:
        return Canvases(
            {},
            f"drawn by generator {generator}, and this version of lmms-bapa draws with "
            f"{GENERATOR_VERSION}",
        )
    try:
        spec = ProbeSpec(**(config.get("dataset_kwargs") or {}))
    except (ValidationError, TypeError):
        return Canvases({}, "the results do not hold the options of the probe")
    questions = dict(enumerate(islice(plan(spec), max(samples) + 1)))
    pictures = {}
    for number, sample in samples.items():
        question = questions.get(number, {})
        same = [question.get(key) == sample.get(key) for key in ("question_id", "caption", "asked")]
        if not all(same):
            return Canvases({}, "the probe's options do not give the questions in the log")
        box = question["left"], question["top"], question["side"]
        pictures[number] = small_png(canvas_of(question), box)
    return Canvases(pictures, is_framed=True)


def _of_task(task: str, samples: Mapping[int, Mapping[str, Any]], include: str | None) -> Canvases:
    """Through the harness: builds the task again and asks it for its pictures."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Canvases(_from_harness(task, samples, include))
    except UsageError as error:
        return Canvases({}, f"the task cannot be set up again ({str(error).rstrip('.?')})")
    except Exception as error:  # tasks are other people's code; a report goes on without pictures
        return Canvases({}, f"the task's data could not be loaded ({reason(error)})")


def _from_harness(
    task: str, samples: Mapping[int, Mapping[str, Any]], include: str | None
) -> dict[int, bytes]:
    from lmms_bapa.harness.fast_tasks import manager_for
    from lmms_bapa.harness.quiet import quiet_harness

    folder = None if include is None else Path(include)
    if folder is not None and not folder.is_dir():
        raise UsageError(f"the folder of its task, {include}, is not there any more")
    with quiet_harness():
        loaded = manager_for([task], folder).load_task_or_group([task])[task]
        documents = loaded.test_docs() if loaded.has_test_docs() else loaded.validation_docs()
        pictures = {}
        for number, sample in samples.items():
            document = documents[number]
            if "input" in sample and str(loaded.doc_to_text(document)) != sample["input"]:
                raise UsageError("the task's documents are not those in the log any more")
            shown = _pictures(loaded.doc_to_messages(document))
            if not shown:
                raise UsageError("its documents show no picture")
            pictures[number] = small_png(shown[0])
    return pictures


def _pictures(messages: Sequence[Mapping[str, Any]]) -> list[Image.Image]:
    parts = [part for m in messages if isinstance(m["content"], list) for part in m["content"]]
    return [part["url"] for part in parts if part["type"] == "image"]
