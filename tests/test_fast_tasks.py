from __future__ import annotations

import gc
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from lmms_eval import utils
from lmms_eval.tasks import TaskManager

from lmms_bapa.errors import UsageError
from lmms_bapa.harness import fast_tasks
from lmms_bapa.harness.discovery import register_tasks, task_index
from lmms_bapa.harness.fast_tasks import manager_for
from lmms_bapa.resources import folder
from lmms_bapa.startup import uncollected


@pytest.fixture(scope="module")
def stock() -> TaskManager:
    """What the harness's command makes, by its own parser."""
    register_tasks()
    return TaskManager()


@pytest.mark.parametrize("name", ["mmbench", "pope_shift", "spatial_reasoning", "blink"])
def test_the_index_is_the_stock_one_where_built_in_tasks_are_wanted(
    stock: TaskManager, name: str
) -> None:
    quick = manager_for([name])
    assert quick.task_index == stock.task_index
    assert list(quick.all_tasks) == list(stock.all_tasks)
    assert quick.all_groups == stock.all_groups
    assert quick.all_tags == stock.all_tags


@pytest.mark.parametrize(
    "names", [["spatial_probe_lite"], ["spatial_relation_probe", "spatial_probe_free"]]
)
def test_tasks_of_ours_need_no_built_in_one(stock: TaskManager, names: list[str]) -> None:
    quick = manager_for(names)
    assert "pope" not in quick.task_index
    assert {k: stock.task_index[k] for k in quick.task_index} == dict(quick.task_index)
    assert set(names) <= set(quick.task_index)


def test_what_a_task_is_made_from_is_in_the_index_that_it_looks_at() -> None:
    manager_for(["spatial_probe_lite"])
    assert "pope" not in task_index()
    manager_for(["spatial_probe_lite", "pope_shift"])
    assert "pope" in task_index()


def test_a_group_of_ours_with_a_built_in_member_has_all_members() -> None:
    group = yaml.safe_load(
        (folder("tasks") / "spatial_reasoning/spatial_reasoning.yaml").read_text()
    )
    members = [member for member in group["task"] if isinstance(member, str)]
    assert members
    assert set(members) <= set(manager_for(["spatial_reasoning"]).task_index)


def test_own_folder_of_tasks(tmp_path: Path) -> None:
    (tmp_path / "template").write_text("group: my_group\noutput_type: generate_until\n")
    (tmp_path / "mine.yaml").write_text(
        "include: template\ntask: mine\nprocess_results: !function utils.score\n"
    )
    (tmp_path / "pope.yaml").write_text("task: pope\n")  # the harness's own goes first
    manager = manager_for(["mine", "my_group"], tmp_path)
    assert manager.task_index["mine"]["yaml_path"] == str(tmp_path / "mine.yaml")
    assert manager.task_index["my_group"] == {"type": "tag", "task": ["mine"], "yaml_path": -1}
    assert str(tmp_path) not in manager.task_index["pope"]["yaml_path"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("spatial_prob", "did you mean spatial_probe?"), ("pop_shift", "did you mean pope_shift?")],
)
def test_unknown_names_get_the_nearest(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        manager_for(["spatial_probe_lite", name])


def test_refuses_what_is_no_folder_of_tasks(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        manager_for(["mine"], tmp_path / "none")
    (tmp_path / "mine.yaml").write_text("task: [mine\n")
    with pytest.raises(UsageError, match=r"not YAML.*mine\.yaml"):
        manager_for(["mine"], tmp_path)


def test_misspelt_adapter_is_refused_before_the_tasks_are_read() -> None:
    with pytest.raises(UsageError, match="did you mean llava_bapa"):
        manager_for(["pope"], model_name="llava_bapaa")


def test_the_harness_reads_yaml_as_ever_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    before = utils.load_yaml_config
    manager_for(["pope"])
    assert utils.load_yaml_config is before

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(TaskManager, "_get_task_and_group", fail)
    with pytest.raises(RuntimeError, match="broken"):
        manager_for(["pope"])
    assert utils.load_yaml_config is before


def test_the_fast_parser_is_in_c() -> None:
    assert issubclass(fast_tasks._Loader, yaml.CFullLoader)


@pytest.mark.parametrize("was_on", [True, False])
def test_the_collector_is_as_it_was_after_imports_and_after_errors(was_on: bool) -> None:
    before = gc.isenabled()
    (gc.enable if was_on else gc.disable)()
    try:
        with uncollected():
            assert not gc.isenabled()
        assert gc.isenabled() is was_on
        with pytest.raises(ModuleNotFoundError), uncollected():
            importlib.import_module("no_such_module")
        assert gc.isenabled() is was_on
    finally:
        (gc.enable if before else gc.disable)()


def test_what_was_left_out_is_collected_when_the_program_ends() -> None:
    """Some libraries count at the very end what is left of them, and print it after our error."""
    program = """
from lmms_bapa.startup import uncollected

class Noisy:
    def __del__(self):
        print("gone")

with uncollected():
    cycle = Noisy()
    cycle.itself = cycle
    del cycle
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "gone\n"
