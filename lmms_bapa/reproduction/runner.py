"""Runs a recorded run again, and says whether every answer is the same."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from lmms_eval.tasks import TaskManager

from lmms_bapa.errors import UsageError
from lmms_bapa.harness import presets
from lmms_bapa.harness.backends import backend_of, checkpoint_option
from lmms_bapa.harness.evaluate import evaluate_setting, model_args_text
from lmms_bapa.harness.fast_tasks import manager_for
from lmms_bapa.harness.journal import Journal
from lmms_bapa.harness.live import LiveAdapter
from lmms_bapa.places import check_place
from lmms_bapa.provenance import manifest
from lmms_bapa.provenance.fingerprints import processor_digest, weights_digest
from lmms_bapa.provenance.manifest_format import Manifest, ModelFacts, differences
from lmms_bapa.provenance.model_facts import checkpoint_folder
from lmms_bapa.provenance.surroundings import commit, hardware, sources_digest, versions
from lmms_bapa.reproduction.agreement import Agreement, agreement
from lmms_bapa.reproduction.recorded import Recorded, folder_of, record_of
from lmms_bapa.reproduction.trust import check_trust
from lmms_bapa.results.folders import SWEEP, RunFolder, read_run, read_runs, unfinished
from lmms_bapa.sweep.config import SweepConfig, read_config
from lmms_bapa.sweep.folder import check_room, held
from lmms_bapa.sweep.plan import Setting
from lmms_bapa.sweep.progress import SweepProgress
from lmms_bapa.sweep.runner import sweep
from lmms_bapa.sweep.tasks import load_tasks, questions
from lmms_bapa.validation import nearest

_WEIGHTS = ("model weights_sha256", "model peft_sha256")


@dataclass(frozen=True)
class Task:
    """What is to be run again.

    Attributes:
        path: as typed.
        runs: by setting.
        config: of a whole sweep; None if single settings are run.
        output: the new folder.
        apart: what is not as it was, as far as that can be told before.
        unknown: what the runs left no record of.
    """

    path: Path
    runs: dict[str, Recorded]
    config: SweepConfig | None
    output: Path
    apart: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def other_weights(self) -> list[str]:
        """Those of ``apart`` that make another model of it."""
        return [text for text in self.apart if text.startswith(_WEIGHTS)]


def plan(
    path: Path,
    settings: Sequence[str] = (),
    output: Path | None = None,
    include: str | None = None,
    trust_remote_code: bool = False,
) -> Task:
    """Reads what a folder says of itself, and compares that with this installation.

    Args:
        path: the folder of a sweep, of one of its settings, or any with one run of the harness.
        settings: names of those settings that are run; default: all.
        output: the new folder; default: beside the old one, with the date.
        include: folder of further tasks, if it is no longer where it was.
        trust_remote_code: whether code of the model's repository may run if it ran then.

    Raises:
        UsageError: nothing there, an unknown or unfinished setting, no record of the options, or
            see :func:`lmms_bapa.reproduction.trust.check_trust`.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise UsageError("reproduce is for one process: start it without a launcher")
    found = {run.label: run for run in read_runs(path)}
    wanted = [_find(label, found, path) for label in settings] or list(found)
    left = unfinished(path)
    if left and not settings:
        raise UsageError(
            f"{path}: {left[0]} is not finished: give its sweep command again first, or name "
            f"finished ones, such as --setting {wanted[0]}"
        )
    for label in wanted:
        if not found[label].tasks:
            raise UsageError(
                f"{found[label].results_file}: no samples to compare answers with: run lmms-eval "
                "with --log_samples"
            )
    runs = {label: record_of(found[label]) for label in wanted}
    if include is not None:
        runs = {label: replace(run, include=include) for label, run in runs.items()}
    is_sweep = (path / SWEEP).is_file() and not settings and include is None
    config = read_config(path / SWEEP, {}) if is_sweep else None
    if not trust_remote_code:
        recorded = [run.model_args for run in runs.values()]
        check_trust(path, [*recorded, config.model_args] if config else recorded)
    place = output or _beside(folder_of(found[wanted[0]], path))
    check_place(place)
    if place.exists() and (config is None and any(place.iterdir())):
        raise UsageError(f"--output {place}: is not empty: give a new folder")
    now = {label: _now(run) for label, run in runs.items()}
    apart = [text for k, run in runs.items() for text in differences(run.manifest, now[k])]
    unknown = [text for run in runs.values() for text in run.unknown]
    return Task(path, runs, config, place, list(dict.fromkeys(apart)), list(dict.fromkeys(unknown)))


def _find(label: str, found: dict[str, RunFolder], path: Path) -> str:
    sorted_label = ",".join(sorted(part.strip() for part in label.split(",")))
    if sorted_label not in found:
        raise UsageError(f"{path}: no setting {label}: {nearest(sorted_label, list(found))}")
    return sorted_label


def _beside(folder: Path) -> Path:
    date = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder = folder.resolve() if folder.name in ("", "..") else folder
    return folder.with_name(f"{folder.name}-reproduced-{date}")


def _now(run: Recorded) -> Manifest:
    """What would be in the manifest of a new run, as far as files tell it."""
    key = checkpoint_option(run.adapter)
    pretrained, revision = run.model_args.get(key), run.model_args.get("revision")
    folder = checkpoint_folder(str(pretrained), revision) if pretrained else None
    peft = Path(str(run.model_args.get("peft") or "")).expanduser()
    found, is_dirty = commit()
    backend = backend_of(run.adapter)
    model = ModelFacts(
        pretrained=run.manifest.model.pretrained,
        backend=backend or "transformers",
        weights_sha256=None if folder is None else weights_digest(folder),
        processor_sha256=None if folder is None else processor_digest(folder),
        peft_sha256=weights_digest(peft) if run.model_args.get("peft") else None,
    )
    return Manifest(
        kind="setting",
        date="",
        versions=versions(backend),
        commit=found,
        dirty=is_dirty,
        sources_sha256=sources_digest(),
        hardware=hardware(),
        model_args="",
        model=model,
        asked=[],
    )


def reproduce(task: Task, progress: SweepProgress) -> tuple[list[Agreement], list[str]]:
    """Runs it, and compares.

    Args:
        task: see :func:`plan`.
        progress: what is shown.

    Returns:
        One result a setting, and what turned out not to be as it was.

    Raises:
        UsageError: anything that is the user's to mend.
    """
    if task.config is not None:
        sweep(task.config, task.output, progress)
        fresh = {run.label: run for run in read_runs(task.output)}
    else:
        fresh = _run_each(task, progress)
    results, apart = [], list(task.apart)
    for label, run in task.runs.items():
        results.append(agreement(run.run, fresh[label], label))
        apart += differences(run.manifest, record_of(fresh[label]).manifest)
    return results, [text for text in dict.fromkeys(apart) if text not in task.apart]


def _run_each(task: Task, progress: SweepProgress) -> dict[str, RunFolder]:
    """Runs single settings, each on a model of its own, as a separate command would."""
    found: dict[str, RunFolder] = {}
    managers = {k: manager_for(r.tasks, r.include, r.adapter) for k, r in task.runs.items()}
    count = sum(
        questions(one, run.limit)
        for label, run in task.runs.items()
        for one in load_tasks(run.tasks, managers[label])
    )
    with held(task.output):
        check_room(task.output, count)
        progress.start(count)
        for number, (label, run) in enumerate(task.runs.items(), 1):
            progress.setting(number, len(task.runs), label)
            place = task.output / Setting(dict(run.run.settings)).folder
            place.mkdir()
            _run(run, managers[label], place, progress)
            found[label] = read_run(place)
    return found


def _run(run: Recorded, manager: TaskManager, place: Path, progress: SweepProgress) -> None:
    kind = getattr(presets, run.adapter)
    text = model_args_text(run.model_args)
    sizes = {} if "batch_size" in run.model_args else {"batch_size": run.batch_size}
    adapter: LiveAdapter = kind.create_from_arg_string(text, sizes)
    adapter.keep_loaded = True  # its facts are asked for afterwards
    journal = Journal(place / "answers.jsonl", progress.answered)
    adapter.journal = journal
    try:
        found = evaluate_setting(
            adapter,
            run.settings,
            run.tasks,
            manager,
            place,
            run.limit,
            loading=run.loading,
            gen_kwargs=run.gen_kwargs,
        )
        if found is not None:
            told = manifest.gather(
                adapter,
                found.results,
                found.samples,
                settings=run.run.settings,
                model_args=found.model_args,
                asked=run.tasks,
                include=run.include,
            )
            manifest.write_manifest(place, told)
    finally:
        journal.close()
        adapter.release()
