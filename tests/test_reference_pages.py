"""The pages that list things list all of them, and name nothing that is not there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from lmms_eval.tasks import TaskManager

import lmms_bapa
from lmms_bapa.harness.discovery import register_tasks
from lmms_bapa.harness.options import option_names
from lmms_bapa.harness.shift_metrics import figures
from lmms_bapa.interventions import REGISTRY
from lmms_bapa.probes.questions import ProbeSpec
from lmms_bapa.resources import folder
from lmms_bapa.shift.spec import read_spec

from .documents import DOCUMENTS, PAGES, ROOT, blocks

TASKS = ROOT / "docs" / "tasks.md"
# Files that a page tells the reader to make.
EXAMPLES = {"my_vlm", "dim.py", "corners.py", "diagonal.py", "ranking.py"}
FOLDERS = r"(?:lmms_bapa|tests|tasks|model_configs|benchmarks|docs)"


def sections(text: str, marks: str) -> dict[str, str]:
    """Heading -> what stands below it."""
    parts = re.split(rf"^{marks} (.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def first_column(text: str) -> list[str]:
    """What stands in backticks in the first column of the tables."""
    cells = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_all_tasks_and_groups_are_listed_and_no_others() -> None:
    text = sections(TASKS.read_text(encoding="utf-8"), "##")["Tasks"]
    plain, _, shifted = text.partition("Shifted tasks")
    shifted, _, groups = shifted.partition("Groups, which")
    tables = first_column(shifted)
    listed = [*first_column(plain), *tables, *(f"{name}_lite" for name in tables)]
    listed += re.findall(r"`(\w+)`", groups.partition("A task that")[0])

    register_tasks()
    assert sorted(listed) == sorted(TaskManager(include_defaults=False).all_tasks)


def test_questions_of_the_probes_are_as_listed() -> None:
    text = TASKS.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", text, re.MULTILINE)
    listed = {name: int(number.replace(",", "")) for name, number in rows}
    assert listed.pop("spatial_probe_laion") == 10_000 * 9  # the paper's pairs and positions
    for path in (folder("tasks") / "spatial_probe").glob("*.yaml"):
        spec = ProbeSpec(**yaml.safe_load(path.read_text(encoding="utf-8"))["dataset_kwargs"])
        asked = spec.groups * 2 * len(spec.arrangement.places(0))  # for the key, and for another
        assert listed.pop(path.stem) == asked, path.stem
    for path in (folder("tasks") / "spatial_relation_probe").glob("*.yaml"):
        groups = yaml.safe_load(path.read_text(encoding="utf-8"))["dataset_kwargs"]["groups"]
        assert listed.pop(path.stem) == groups * 16, path.stem
    assert not listed


def yaml_metrics(file: str) -> set[str]:
    text = (folder("tasks") / file).read_text(encoding="utf-8").replace("!function", "")
    return {entry["metric"] for entry in yaml.safe_load(text)["metric_list"]}


def test_all_metrics_are_listed_and_no_others() -> None:
    metrics = sections(TASKS.read_text(encoding="utf-8"), "##")["Metrics"]
    listed = {title: set(first_column(text)) for title, text in sections(metrics, "###").items()}
    probe = yaml_metrics("spatial_probe/_spatial_probe_yaml")
    assert listed["Probe"] | listed["Displacement"] == probe
    assert not listed["Probe"] & listed["Displacement"]
    assert listed["Probe"] == yaml_metrics("spatial_probe_laion/_captioned_probe_yaml")
    paper = yaml_metrics("spatial_probe_laion/_laion_yaml")
    assert listed["Probe"] | listed["Paper"] == paper
    relations = yaml_metrics("spatial_relation_probe/_spatial_relation_probe_yaml")
    assert listed["Relations"] == relations
    shifted = figures({"m": len}, {"m": True}, read_spec({}), lambda place: None)
    assert listed["Places"] == {
        name.replace("m_", "<metric>_", 1) if name.startswith("m_") else name for name in shifted
    }
    files = ("cv_bench_2d_relation", "vstar_bench_relation")
    subsets = [yaml_metrics(f"spatial_reasoning/{name}.yaml") for name in files]
    assert listed["Subsets"] == set().union(*subsets)


@pytest.mark.parametrize("kind", REGISTRY.values(), ids=lambda kind: str(kind.name))
def test_every_intervention_has_its_row_and_its_options(kind: Any) -> None:
    text = (ROOT / "docs" / "interventions.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| .* \| `.*` \| `{kind.__name__}\(.*\)` \|", text, re.MULTILINE)
    for option in {kind.name, *option_names(kind)} if kind.name == "bapa" else option_names(kind):
        assert option in text, option
    api = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert f"::: lmms_bapa.interventions.{kind.__name__}\n" in api


def navigation(entry: Any) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    values = entry.values() if isinstance(entry, dict) else entry
    return [page for value in values for page in navigation(value)]


def test_every_page_is_in_the_navigation_once() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    pages = [str(page.relative_to(ROOT / "docs")) for page in PAGES]
    assert sorted(navigation(settings["nav"])) == sorted(pages)


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_names_and_paths_lead_somewhere(document: Path) -> None:
    if document.name == "CHANGELOG.md":
        return  # tells of what was
    text = document.read_text(encoding="utf-8")
    code = "\n".join(blocks(document, "python"))
    names = {*re.findall(r"\b(?:lmms_bapa)(?:\.\w+)+\b(?!/)", text)}
    for module, imported in re.findall(r"^from (lmms_bapa[\w.]*) import (.*)$", code, re.MULTILINE):
        names |= {f"{module}.{name.strip()}" for name in imported.split(",")}
    for name in sorted(names):
        assert exists(name), f"{document.name}: {name}"
    for path in re.findall(rf"(?<![\w/.]){FOLDERS}/[\w./-]*\w", text):
        if Path(path).name not in EXAMPLES:
            assert (ROOT / path).exists(), f"{document.name}: {path}"


def test_the_public_names_are_in_the_api() -> None:
    api = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    described = set(re.findall(r"^::: lmms_bapa[\w.]*\.(\w+)$", api, re.MULTILINE))
    assert "`lmms_bapa.intervene` is `Steering`" in api
    assert lmms_bapa.intervene is lmms_bapa.Steering
    assert {*lmms_bapa.__all__} - {"__version__", "intervene"} <= described
