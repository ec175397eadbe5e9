"""The paper's published probe as a task: canvases composed by its authors, and their scoring.

Two ways to the canvases: a data set of the hub, or a local copy that ``lmms-bapa probe
import-laion`` took in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import datasets
from lmms_eval.api.task import _resolve_hf_datasets_cache_dir
from loguru import logger
from PIL import Image

from lmms_bapa.errors import UsageError
from lmms_bapa.harness import captioned_task
from lmms_bapa.harness.captioned_task import CaptionedProbe
from lmms_bapa.metrics.paper import paper_correct
from lmms_bapa.probes.captioned.laion import FIELDS, questions_of
from lmms_bapa.probes.captioned.pixels import decode
from lmms_bapa.probes.captioned.tables import offenders
from lmms_bapa.validation import reason

_HELP = "download it and take the copy in: lmms-bapa probe import-laion"


class LaionProbe(CaptionedProbe):
    """Rows with ``id``, ``image``, ``caption``, ``position`` and ``answer``. For chat adapters.

    ``dataset_kwargs`` are those of ``datasets.load_dataset``, and ``images``: a folder, for a data
    set whose ``image`` column holds file names.
    """

    kind: ClassVar[str] = "laion"
    template: ClassVar[str] = "_laion_yaml"
    # Ninety thousand canvases: each is checked when it is shown.
    check_contents: ClassVar[bool] = False

    def download(self, dataset_kwargs: Mapping[str, Any] | None = None) -> None:
        """Loads the rows, and checks that they are groups of nine.

        Raises:
            UsageError: they cannot be loaded, or are not of the published probe's form.
        """
        self._images: Path | None = None
        if "manifest" in (self.config.metadata or {}):
            super().download(dataset_kwargs)
            return
        options = dict(dataset_kwargs or {})
        images = options.pop("images", None)
        rows = self._load(options)
        missing = [name for name in ("image", *FIELDS) if name not in rows.column_names]
        if missing:
            raise UsageError(
                f"{self._source}: no column {', '.join(missing)}, it has "
                f"{', '.join(rows.column_names)}; {_HELP}"
            )
        has_pictures = isinstance(rows.features["image"], datasets.Image)
        texts = [dict(r) for r in (rows.remove_columns("image") if has_pictures else rows)]
        position = rows.features["position"]
        if isinstance(position, datasets.ClassLabel):
            for text in texts:
                text["position"] = position.int2str(text["position"])
        try:
            questions, remarks = questions_of(texts)
        except UsageError as error:
            raise UsageError(f"{self._source}: {error}") from error
        for remark in remarks:
            logger.warning(f"{self._source}: {remark}")
        if not has_pictures:
            self._find_images(images, texts)
        documents = rows.select_columns(["id", "image"])
        for name in questions[0]:
            documents = documents.add_column(name, [q[name] for q in questions])
        self.serve(documents)
        if has_pictures:  # scoring needs no picture, so none is decoded for it
            split = self.config.test_split
            self.dataset_no_image = datasets.DatasetDict({split: documents.remove_columns("image")})

    @property
    def _source(self) -> str:
        return str(self.config.dataset_path)

    def _load(self, options: dict[str, Any]) -> datasets.Dataset:
        try:
            loaded = datasets.load_dataset(
                self._source,
                self.config.dataset_name,
                cache_dir=_resolve_hf_datasets_cache_dir(),
                **options,
            )
        # Network, file formats, names: the library raises whatever its parts raise.
        except Exception as error:
            raise UsageError(
                f"{self._source} cannot be loaded: {reason(error)}; or {_HELP}"
            ) from error
        # How the published data set calls its only split is not known.
        if len(loaded) == 1:
            return next(iter(loaded.values()))
        if self.config.test_split not in loaded:
            raise UsageError(
                f"{self._source} has the splits {', '.join(loaded)}: name one as test_split"
            )
        return loaded[self.config.test_split]

    def _find_images(self, images: str | None, rows: Sequence[Mapping[str, Any]]) -> None:
        if images is None:
            raise UsageError(
                f"{self._source}: its column 'image' holds file names: give their folder as "
                f"dataset_kwargs.images in a YAML of your own, or {_HELP}"
            )
        self._images = Path(images)
        names = dict.fromkeys(str(row["image"]) for row in rows)
        missing = [name for name in names if not (self._images / name).is_file()]
        if missing:
            raise UsageError(offenders(f"{self._source}: canvases not in {images}", missing))

    def doc_to_visual(self, doc: Mapping[str, Any]) -> list[Image.Image]:
        """The canvas, as it was published."""
        image = doc["image"]
        if isinstance(image, str):
            if self._images is None:
                data = self.folder.read(image)
            else:
                data = (self._images / image).read_bytes()
            try:
                image = decode(data)
            except UsageError as error:
                raise UsageError(f"{self._source}: {image}: {error}") from error
        return [image.convert("RGB")]


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Scores one reply, in the paper's way and in ours.

    Returns:
        One record per metric, plus what was asked, where, and the verdicts for the sample log.
    """
    verdict = captioned_task.process_results(doc, results)
    correct = int(paper_correct(results[0], doc["answer"]))
    record = verdict["chance"] | {"paper_correct": correct}
    return verdict | {
        "paper_accuracy": record | {"score": correct},
        "paper_cell_accuracy": record,
        "id": doc["id"],
        "position": doc["position"],
        "paper_score": float(correct),
    }
