"""``model-card``: a section for a model's README, and the ``model-index`` of its metadata."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import Field

from lmms_bapa.embedded import EMBEDDED
from lmms_bapa.errors import UsageError
from lmms_bapa.export.base import Exporter, ExportFile
from lmms_bapa.export.card_code import command, not_in_python, python_example
from lmms_bapa.export.card_tables import intervals, task_part, tests
from lmms_bapa.export.hub import circumstances, config_of, data_set
from lmms_bapa.export.naming import is_folder, phrase, short, short_model
from lmms_bapa.export.registry import register
from lmms_bapa.export.source import Source, folder_name
from lmms_bapa.export.tables import (
    SCORE,
    figures_by_name,
    labels,
    metric_of,
    part_asked,
    run_with,
    title,
    with_scores,
)
from lmms_bapa.harness.backends import checkpoint_option
from lmms_bapa.interventions import Intervention
from lmms_bapa.results.folders import RunFolder
from lmms_bapa.results.moment import moment
from lmms_bapa.shift.spec import is_shifted

_KIND = "image-text-to-text"


@register
class ModelCard(Exporter):
    """One folder a setting: each is another model, and none is filed as the stock one."""

    name: ClassVar[str] = "model-card"
    summary: ClassVar[str] = "a section for a README, and model-index metadata, for each setting"

    model: str | None = Field(
        default=None, description="its name in the index; default: the checkpoint's and the setting"
    )
    base_model: str | None = Field(
        default=None,
        pattern=r"^[\w.-]+/[\w.-]+$",
        description="on the hub; default: the checkpoint",
    )

    def files(self, source: Source) -> Iterator[ExportFile]:
        """See the base class."""
        source = with_scores(source)
        chosen = labels(source)
        if self.model and len(chosen) > 1:
            raise UsageError(
                f"model={self.model}: each setting is another model: choose one with --setting"
            )
        for label in chosen:
            runs = [run for run in source.runs if run.label == label]
            active = source.interventions(runs[0])
            named, base = self._names(source, runs[0], active)
            folder = folder_name(label)
            data = ModelCardData(
                base_model=base,
                library_name="transformers",
                pipeline_tag=_KIND,
                tags=["lmms-eval", "lmms-bapa", *(type(one).__name__.lower() for one in active)],
                model_name=named,
                eval_results=list(_results(source, label, active)),
            )
            yield ExportFile.text(f"{folder}/metadata.yaml", f"{data.to_yaml()}\n")
            section = self._section(source, runs, active, named)
            yield ExportFile.text(f"{folder}/README_section.md", section)

    def _names(
        self, source: Source, run: RunFolder, active: Sequence[Intervention]
    ) -> tuple[str, str | None]:
        """The name of the model, and the base model; none for a checkpoint as it is.

        Raises:
            UsageError: what is not the checkpoint itself would have its name.
        """
        adapter = run.options.get("peft")
        base = self.base_model
        if base is None and (active or adapter):
            if is_folder(source.model) or _is_of_no_hub(source, run):
                raise UsageError(
                    f"{source.model} is a folder: say what it is on the hub: base_model=owner/name"
                )
            base = source.model
        own = short_model(adapter) if adapter else short_model(source.model)
        default = f"{own} with {short(active)}" if active else own
        named = self.model or default
        taken = {name.lower() for name in (source.model, base) if name}
        taken |= {name.rsplit("/", 1)[-1] for name in taken}
        if (active or adapter) and named.lower() in taken:
            raise UsageError(
                f"model={named}: is the name of the base model, whose own score this is not: "
                f"model='{default}'"
            )
        return named, base

    def _section(
        self, source: Source, runs: Sequence[RunFolder], active: Sequence[Intervention], named: str
    ) -> str:
        environment = Environment(
            loader=PackageLoader("lmms_bapa", "export"),
            autoescape=False,  # Markdown
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        run = runs[0]
        adapter = str((run.results.get("config") or {}).get("model"))
        loaded = run.options.get(checkpoint_option(adapter))  # one for a service loads nothing
        model = self.base_model or short_model(source.model)
        tasks = [task for task in source.tasks if run_with(source, run.label, task)]
        made = [c for (label, task), c in source.comparisons.items() if label == run.label]
        day = f"Measured on {moment(run):%Y-%m-%d}"
        parts = [task_part(source, run.label, task) for task in tasks]
        text: str = environment.get_template("section.md.j2").render(
            name=named,
            base=model,
            intervention=phrase(active) if active else "",
            tasks=parts,
            has_spread=any(part.has_spread for part in parts),
            methods=intervals(source, run.label, tasks),
            comparisons=len(source.comparisons) if made else 0,
            tests=tests(made),
            circumstances=f"{'; '.join([day, *circumstances(source, run)])}.",
            python=python_example(source, run, model, active) if loaded else "",
            not_in_python=not_in_python(run),
            command=command(source, runs, model),
        )
        return text


def _results(source: Source, label: str, active: Sequence[Intervention]) -> Iterator[EvalResult]:
    """The figures of a setting, each with what was in force in its name."""
    taken: dict[tuple[str, str | None, str | None], str] = {}
    for task in source.tasks:
        run = run_with(source, label, task)
        if run is None:
            continue
        figures = source.figures(run, task)
        found = None if is_shifted(config_of(run, task)) else data_set(run, task)
        kind, config = (found.id, found.config) if found else (task, None)
        split = _split_of(config_of(run, task))
        if taken.setdefault((kind, config, split), task) != task:
            kind, config = task, None  # the hub would take both for one
        metric = metric_of(source, run, task)
        about: dict[str, Any] = {"task": task, "intervention": phrase(active)}
        about |= {"questions": figures.questions, "groups": figures.groups}
        if part := part_asked(run, task):
            about["part"] = part
        for name, interval in figures_by_name(figures).items():
            if math.isnan(interval.value):
                continue
            with_it = f" with {short(active)}" if active else ""
            known = not (math.isnan(interval.low) or math.isnan(interval.high))
            ends = {"low": interval.low, "high": interval.high, "level": interval.level}
            yield EvalResult(
                task_type=_KIND,
                dataset_type=kind,
                dataset_name=task,
                dataset_config=config,
                dataset_split=split,
                dataset_revision=found.revision if found else None,
                dataset_args=about,
                metric_type=(metric.split(" (")[0] if name == SCORE else name).replace(" ", "_"),
                metric_name=f"{title(name, metric)}{with_it}",
                metric_value=interval.value,
                metric_args={**ends, "method": interval.method} if known else None,
            )


def _is_of_no_hub(source: Source, run: RunFolder) -> bool:
    """Whether a manifest knows no commit of the model, as of ``models/tuned`` on this disk."""
    manifest = source.manifest(run)
    return manifest is not None and not manifest.model.commit and source.model not in EMBEDDED


def _split_of(config: Mapping[str, Any]) -> str | None:
    split = config.get("test_split") or config.get("validation_split")
    return None if split is None else str(split)
