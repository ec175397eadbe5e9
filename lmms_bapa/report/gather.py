"""Gathers what a report shows from the folder of a run or a sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lmms_bapa.errors import UsageError
from lmms_bapa.report.canvases import draw_canvases
from lmms_bapa.report.facts import gather_facts
from lmms_bapa.report.flips import answers_of, count_flips, find_flips
from lmms_bapa.report.study import Flip, Flips, Study, TaskStudy
from lmms_bapa.results.findings import compare_all, corrected, describe
from lmms_bapa.results.folders import RunFolder, read_runs, unfinished
from lmms_bapa.statistics.figures import Comparison, TaskFigures

Note = Callable[[str], None]


def gather(path: Path, seed: int = 0, note: Note = lambda _: None) -> Study:
    """Reads and analyses all finished runs.

    Args:
        path: folder of a sweep, of a plain run of the harness, or a results JSON.
        seed: of the resampling.
        note: told what is being done.

    Raises:
        UsageError: there is no run, no task with samples, or runs cannot be compared.
    """
    note("reading the runs")
    runs = read_runs(path)
    facts = gather_facts(path, runs)
    gaps = [
        f"The setting {name} is not finished: run the same sweep command again."
        for name in unfinished(path)
    ]
    by_task, missing = _runs_by_task(runs)
    gaps += missing
    settings = {run.label: run.settings for run in runs}
    figures, refused = _describe(by_task, seed, note)
    gaps += refused
    if not figures:
        raise UsageError(f"{path}: nothing to report: {' '.join(gaps[-2:])}")
    note("comparing the settings")
    compared, uncompared = _compare(by_task, figures, settings, seed)
    gaps += uncompared
    tasks = []
    for task, own in figures.items():
        note(f"looking for flips in {task}")
        flips = _flips(task, {label: by_task[task][label] for label in own}, facts.include)
        study = TaskStudy(task, own, compared.get(task, {}), flips)
        tasks.append(study)
        gaps += _task_gaps(study)
    return Study(
        name=path.resolve().name,
        model=runs[0].model,
        settings=settings,
        tasks=tasks,
        facts=facts.rows,
        versions=facts.versions,
        command=facts.command,
        gaps=[*facts.gaps, *gaps],
    )


def _runs_by_task(
    runs: Sequence[RunFolder],
) -> tuple[dict[str, dict[str, RunFolder]], list[str]]:
    found: dict[str, dict[str, RunFolder]] = {}
    gaps = []
    for run in runs:
        for task in run.results["configs"]:
            if task in run.tasks:
                found.setdefault(task, {})[run.label] = run
            else:
                gaps.append(
                    f"There are no samples of {task} with the setting {run.label}: "
                    "run it with --log_samples."
                )
    return found, gaps


def _describe(
    by_task: Mapping[str, Mapping[str, RunFolder]], seed: int, note: Note
) -> tuple[dict[str, dict[str, TaskFigures]], list[str]]:
    found: dict[str, dict[str, TaskFigures]] = {}
    gaps = []
    for task, runs in by_task.items():
        for label, run in runs.items():
            note(f"{task}, {label}")
            try:
                found.setdefault(task, {})[label] = describe(run, task, seed)
            except UsageError as error:
                gaps.append(f"{task} with the setting {label} is left out: {error}.")
        if task in found and not found[task]:
            del found[task]
    return found, gaps


def _compare(
    by_task: Mapping[str, Mapping[str, RunFolder]],
    figures: Mapping[str, Mapping[str, TaskFigures]],
    settings: Mapping[str, Mapping[str, str]],
    seed: int,
) -> tuple[dict[str, dict[str, Comparison]], list[str]]:
    """Each setting with the stock model, on every task that both have; Holm over all of it."""
    if len(settings) < 2:
        return {}, ["There is one setting only, so nothing is compared."]
    if all(settings.values()):
        return {}, ["The stock model is not among the runs, so nothing is compared with it."]
    comparisons: list[Comparison] = []
    gaps = []
    for task, own in figures.items():
        runs = [by_task[task][label] for label in own]
        if len(runs) > 1 and not all(run.settings for run in runs):
            comparisons += compare_all(runs, seed, [task])
        else:
            gaps.append(
                f"{task} was not run with the stock model and another setting: no comparison."
            )
    found: dict[str, dict[str, Comparison]] = {}
    for comparison in corrected(comparisons):
        found.setdefault(comparison.task, {})[comparison.second] = comparison
    return found, gaps


def _flips(task: str, runs: Mapping[str, RunFolder], include: str | None) -> Flips | None:
    samples = {label: run.samples(task) for label, run in runs.items()}
    answers = {label: given for label, own in samples.items() if (given := answers_of(own))}
    if not answers:
        return None
    stock = next((label for label, run in runs.items() if not run.settings), None)
    found = find_flips(answers, stock)
    wanted = {number for _, documents in found for number in documents}
    first = next(iter(runs))
    lines = {s["doc_id"]: s for s in samples[first] if s["doc_id"] in wanted}
    config = runs[first].results["configs"][task]
    drawn = draw_canvases(task, config, lines, include)
    examples = [_with_canvases(flip, documents, drawn.pictures) for flip, documents in found]
    counts = {label: count_flips(own) for label, own in answers.items()}
    return Flips(counts, examples, drawn.remark, drawn.is_framed)


def _with_canvases(flip: Flip, documents: tuple[int, int], pictures: Mapping[int, bytes]) -> Flip:
    first, second = (
        replace(side, canvas=pictures.get(number))
        for side, number in zip(flip.sides, documents, strict=True)
    )
    return replace(flip, sides=(first, second))


def _task_gaps(task: TaskStudy) -> list[str]:
    gaps = []
    asks_yes_no = any("yes_rate" in f.extra for f in task.figures.values())
    without = [label for label, f in task.figures.items() if "auroc" not in f.extra]
    if asks_yes_no and without:
        who = "any setting" if len(without) == len(task.figures) else ", ".join(without)
        gaps.append(
            f"{task.task}: the sample log has no Yes/No margins for {who}, so there is no AUROC "
            "and a shift of the threshold cannot be told from a better view."
        )
    if not task.has_places:
        gaps.append(f"{task.task} has no places: there are no maps, spreads and flips.")
    if task.flips is not None and task.flips.examples and task.flips.remark:
        gaps.append(f"The canvases of {task.task} are not shown: {task.flips.remark}.")
    return gaps
