"""Runs every setting of a grid on one model, and goes on where it was interrupted."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from lmms_eval.tasks import TaskManager

from lmms_bapa.errors import UsageError
from lmms_bapa.harness import presets
from lmms_bapa.harness.backends import parse_for
from lmms_bapa.harness.evaluate import NotSaved, evaluate_setting, model_args_text
from lmms_bapa.harness.fast_tasks import manager_for
from lmms_bapa.harness.journal import Journal
from lmms_bapa.harness.live import LiveAdapter
from lmms_bapa.harness.options import build_interventions
from lmms_bapa.harness.preset import Preset
from lmms_bapa.places import check_place
from lmms_bapa.provenance import manifest
from lmms_bapa.provenance.model_facts import model_facts
from lmms_bapa.provenance.surroundings import sources_digest, versions
from lmms_bapa.sweep.config import SweepConfig
from lmms_bapa.sweep.folder import SweepFolder, check_room, held
from lmms_bapa.sweep.plan import Plan, Setting, make_plan
from lmms_bapa.sweep.progress import SweepProgress
from lmms_bapa.sweep.tasks import facts, load_tasks, questions


def sweep(config: SweepConfig, output: Path, progress: SweepProgress) -> list[Setting]:
    """Runs a sweep, or what is left of it.

    Every process of a launcher calls this; the first one alone writes anything but answers.

    Args:
        config: what is run.
        output: its folder; one that holds a part of the same sweep is completed.
        progress: what is shown.

    Returns:
        The settings, all of them finished.

    Raises:
        UsageError: anything that is the user's to mend; what was answered until then is kept.
    """
    is_first, processes = _rank() == 0, _processes()
    progress.say("checking")
    plan = make_plan(config)
    _check_processes(plan.preset, processes)
    getattr(presets, config.model).check_checkpoint(parse_for(plan.preset, plan.loading).load)
    check_place(output)
    manager = manager_for(config.tasks, config.include_path, config.model)
    with held(output) if is_first else nullcontext(SweepFolder(output)) as folder:
        tasks: list[Any] = []
        if is_first:
            folder.check(config)
            progress.say("loading the tasks")
            tasks = load_tasks(config.tasks, manager)
            todo = [s for s in plan.settings if not folder.is_finished(s)]
            count = sum(questions(task, config.limit) for task in tasks)
            check_room(output, count * len(todo))
            if not todo and processes == 1:
                folder.end()
                _write_manifest(folder, plan)
                return plan.settings
            progress.start(count * len(todo), processes)
        progress.say("loading the model")
        adapter = load_adapter(config, plan)
        try:
            if is_first:
                conditions = conditions_of(adapter, plan, config, tasks)
                folder.check_conditions(conditions)
                with _saving(output):
                    folder.begin(config, conditions)
            todo = _agree(adapter, [s for s in plan.settings if not folder.is_finished(s)])
            if len(todo) > 1:
                adapter.keep_pictures(folder=folder.pictures)
            _Run(config, plan, manager, folder, adapter, progress).run(todo)
        finally:
            adapter.drop_pictures()
            adapter.release()
        if is_first:
            folder.end()
            _write_manifest(folder, plan)
    return plan.settings


def _check_processes(preset: Preset, processes: int) -> None:
    """Refuses a launcher for an engine that starts its processes itself.

    Raises:
        UsageError: see above.
    """
    if preset.backend == "vllm" and processes > 1:
        raise UsageError(
            "a sweep over vLLM is one process, whose engines start their own: start it without a "
            "launcher, and give tensor_parallel_size=N in --model_args"
        )


def load_adapter(config: SweepConfig, plan: Plan) -> LiveAdapter:
    """Makes the one adapter for all settings, and tries each of them on it.

    A model of transformers is loaded here; an engine is started for each setting when its first
    question is asked.

    Raises:
        UsageError: it cannot be loaded, or a setting does not reach it.
    """
    kind = getattr(presets, config.model)
    # An architecture that cannot be steered is refused before its weights are read.
    steered = plan.settings[-1].options
    text = model_args_text({**plan.loading, **steered})
    adapter: LiveAdapter = kind.create_from_arg_string(text, {"batch_size": config.batch_size})
    adapter.keep_loaded = True
    for setting in plan.settings:
        adapter.check(*build_interventions(setting.options))
    return adapter


def conditions_of(
    adapter: LiveAdapter, plan: Plan, config: SweepConfig, tasks: Sequence[Any]
) -> manifest.Manifest:
    """What must not change while a sweep is interrupted."""
    return manifest.Manifest(
        kind="sweep",
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(adapter.backend),
        sources_sha256=sources_digest(),
        model_args=model_args_text(plan.loading),
        # The number of threads may follow the machine's load.
        model=model_facts(adapter).model_copy(update={"threads": None}),
        asked=config.tasks,
        tasks=facts(tasks),
    )


class _Run:
    """The settings one after another."""

    def __init__(
        self,
        config: SweepConfig,
        plan: Plan,
        manager: TaskManager,
        folder: SweepFolder,
        adapter: LiveAdapter,
        progress: SweepProgress,
    ) -> None:
        self.config, self.plan, self.manager = config, plan, manager
        self.folder, self.adapter, self.progress = folder, adapter, progress

    def run(self, todo: Sequence[Setting]) -> None:
        """Runs settings and waits for all processes after each."""
        total = len(self.plan.settings)
        for number, setting in enumerate(todo, total - len(todo) + 1):
            self.progress.setting(number, total, setting.label)
            self._run_one(setting)
            if self.adapter.world_size > 1:
                self.adapter.accelerator.wait_for_everyone()

    def _run_one(self, setting: Setting) -> None:
        place, adapter, config = self.folder.place(setting), self.adapter, self.config
        if adapter.rank == 0:
            with _saving(self.folder.path):
                self.folder.clear(setting)
        if adapter.world_size > 1:
            adapter.accelerator.wait_for_everyone()
        start = time.perf_counter()
        journal = Journal(self.folder.journal(setting, adapter.rank), self.progress.answered)
        adapter.journal = journal
        try:
            found = evaluate_setting(
                adapter,
                setting.options,
                config.tasks,
                self.manager,
                place,
                config.limit,
                loading=self.plan.loading,
                gen_kwargs=config.gen_kwargs,
            )
        except NotSaved as error:
            raise _unsaved(self.folder.path, error) from error
        finally:
            adapter.journal = None
            journal.close()
        if found is None:
            return
        told = manifest.gather(
            adapter,
            found.results,
            found.samples,
            settings=setting.options,
            model_args=found.model_args,
            asked=config.tasks,
            include=config.include_path,
            seconds=time.perf_counter() - start,
        )
        with _saving(self.folder.path):
            manifest.write_manifest(place, told)


def _write_manifest(folder: SweepFolder, plan: Plan) -> None:
    """Writes the manifest of the whole sweep, also of what an earlier run finished."""
    parts = [manifest.read_manifest(folder.place(setting)) for setting in plan.settings]
    known = [part for part in parts if part is not None]
    with _saving(folder.path):
        manifest.write_manifest(folder.path, manifest.combine(known, model_args_text(plan.loading)))


@contextmanager
def _saving(path: Path) -> Iterator[None]:
    """Says that a file could not be written, and that nothing is lost."""
    try:
        yield
    except OSError as error:
        raise _unsaved(path, error) from error


def _unsaved(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"--output {path}: cannot be written ({error.strerror or error}): mend that, then give the "
        "same command again, which goes on where it was"
    )


def _distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _agree(adapter: LiveAdapter, settings: list[Setting]) -> list[Setting]:
    """What the first process found, in all processes."""
    if adapter.world_size == 1 or not _distributed():
        return settings
    told: list[Any] = [settings]
    torch.distributed.broadcast_object_list(told, src=0)
    first: list[Setting] = told[0]
    return first


def _rank() -> int:
    return int(os.environ.get("RANK", 0))


def _processes() -> int:
    return int(os.environ.get("WORLD_SIZE", 1))
