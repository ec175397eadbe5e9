"""Which settings a configuration stands for, and what it may not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lmms_bapa.errors import UsageError
from lmms_bapa.sweep.config import SweepConfig, config_text, parse_grid, read_config
from lmms_bapa.sweep.plan import intervention_options, make_plan

GIVEN: dict[str, Any] = {
    "model_args": "pretrained=micro-llava,device=cpu",
    "tasks": "spatial_probe_lite",
    "grid": {"agci_lambda": [0.3]},
}


def config(*grid: str, **changes: Any) -> SweepConfig:
    given = GIVEN | {"grid": parse_grid(grid)} if grid else GIVEN
    return read_config(None, given | changes)


def labels(*grid: str, **changes: Any) -> list[str]:
    return [setting.label for setting in make_plan(config(*grid, **changes)).settings]


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        (["agci_lambda=0.1,0.3"], ["off", "agci_lambda=0.1", "agci_lambda=0.3"]),
        (
            ["agci_lambda=0,0.3", "bapa=false,true"],
            ["off", "bapa=true", "agci_lambda=0.3", "agci_lambda=0.3,bapa=true"],
        ),
        # An option of an intervention that is off says nothing.
        (
            ["bapa=false,true", "bapa_anchor=paper,center"],
            ["off", "bapa=true,bapa_anchor=paper", "bapa=true,bapa_anchor=center"],
        ),
        (["bapa=true,True", "bapa_strength=0,1,1.0"], ["off", "bapa=true,bapa_strength=1"]),
        (["agci_lambda=0,0.30,0.3,3e-1"], ["off", "agci_lambda=0.3"]),
        (
            ["agci_lambda=0,0.5", "agci_scope=image,call"],
            ["off", "agci_lambda=0.5,agci_scope=image", "agci_lambda=0.5,agci_scope=call"],
        ),
        (["bapa=false"], ["off"]),
    ],
)
def test_every_different_setting_is_there_once(grid: list[str], expected: list[str]) -> None:
    assert labels(*grid) == expected


def test_interventions_among_the_model_args_hold_for_all_but_the_stock_setting() -> None:
    found = labels("agci_lambda=0,0.3", model_args="pretrained=micro-llava,bapa=true")
    assert found == ["off", "bapa=true", "agci_lambda=0.3,bapa=true"]


@pytest.mark.parametrize(
    ("grid", "line"),
    [
        (["agci_lamda=0"], "--grid agci_lamda: unknown option: did you mean agci_lambda?"),
        (["agci_lambda=0,-1"], "AGCI: lambda must be a number >= 0, got -1"),
        (["bapa_anchor=center"], "bapa_anchor has no effect without bapa=true"),
        (["bapa=yes please"], "bapa='yes please': should be true or false"),
        (["bapa=true", "bapa_strength=2"], "BaPA: strength must be a number in [0, 1], got 2"),
        (["dtype=float32,bfloat16"], "--grid dtype: a sweep loads the model in one way"),
        (["max_pixels=5"], "--grid max_pixels: a sweep loads the model in one way"),
    ],
)
def test_a_wrong_grid_is_one_line(grid: list[str], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        labels(*grid)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("texts", "line"),
    [
        (["agci_lambda"], "--grid agci_lambda: should be KEY=V1,V2"),
        (["agci_lambda="], "--grid agci_lambda=: no values"),
        (["bapa=true", "bapa=false"], "--grid bapa is given twice"),
    ],
)
def test_a_grid_of_another_form_is_one_line(texts: list[str], line: str) -> None:
    with pytest.raises(UsageError, match=line):
        parse_grid(texts)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"model": "lava_bapa"}, "--model lava_bapa: did you mean llava_bapa?"),
        ({"model_args": "pretrained"}, "should be KEY=VALUE,KEY=VALUE"),
        ({"model_args": None}, "--model_args is missing"),
        ({"model_args": "device=cpu"}, "pretrained is missing"),
        (
            {"model_args": "pretrained=x,dtyp=y"},
            "unknown model_args key 'dtyp': did you mean dtype",
        ),
        ({"model_args": "pretrained=x,batch_size=2"}, "give it as --batch_size"),
        ({"model_args": "pretrained=x,agci_lambda=1"}, "agci_lambda is given twice"),
        ({"tasks": ""}, "--tasks is missing"),
        ({"tasks": " ,"}, "--tasks is missing"),
        ({"gen_kwargs": "sampled"}, "--gen_kwargs sampled: should be KEY=VALUE"),
        ({"grid": {}}, "--grid is missing"),
        ({"grid": {"bapa": []}}, "--grid bapa: no values"),
        ({"limit": 0}, "limit=0: should be greater than 0"),
        ({"batch_size": 0}, "batch_size=0: should be greater than or equal to 1"),
        ({"tsks": "x"}, "unknown option 'tsks': did you mean tasks?"),
    ],
)
def test_a_wrong_option_is_one_line(changes: dict[str, Any], line: str) -> None:
    given = {k: v for k, v in (GIVEN | changes).items() if v is not None}
    with pytest.raises(UsageError) as caught:
        make_plan(read_config(None, given))
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_adapter_with_interventions_of_its_own_has_no_stock_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("model_args: {bapa: true}")
    monkeypatch.setattr("lmms_bapa.sweep.plan.preset_path", lambda name: file)
    with pytest.raises(UsageError, match="hf_bapa sets bapa itself"):
        make_plan(config())


def test_a_yaml_and_the_command_line_come_together(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    content = GIVEN | {"grid": {"bapa": True, "agci_lambda": [0, "1e-3", 0.3]}, "limit": 18}
    file.write_text(yaml.safe_dump(content))
    found = read_config(file, {"limit": 36, "batch_size": None})
    assert (found.limit, found.batch_size, found.tasks) == (36, 1, ["spatial_probe_lite"])
    assert found.grid == {"bapa": [True], "agci_lambda": [0, 0.001, 0.3]}
    assert found.model_args == {"pretrained": "micro-llava", "device": "cpu"}


def test_the_resolved_configuration_gives_the_same_sweep_again(tmp_path: Path) -> None:
    first = config("agci_lambda=0,0.1,1e-05", "bapa=false,true", limit=0.5, batch_size=4)
    (tmp_path / "sweep.yaml").write_text(config_text(first))
    again = read_config(tmp_path / "sweep.yaml", {})
    assert again == first
    assert make_plan(again) == make_plan(first)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "No such file"),
        ("[1, 2", "not YAML"),
        ("- a\n- b", "expected a mapping of model"),
        ("tsks: a", "unknown option 'tsks'"),
        ("task: a", "unknown option 'task': did you mean tasks?"),
        ("output: a", "unknown option 'output': give the folder on the command line"),
    ],
)
def test_a_wrong_yaml_is_one_line(tmp_path: Path, text: str | None, line: str) -> None:
    file = tmp_path / "c.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_config(file, GIVEN)
    assert line in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_in_place_of_a_yaml_is_told_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_config(tmp_path, GIVEN)
    assert str(caught.value) == (
        f"{tmp_path}: a folder: give a YAML; to go on in it, "
        f"lmms-bapa sweep {tmp_path}/sweep.yaml --output {tmp_path}"
    )


def test_a_new_intervention_may_stand_in_a_grid_at_once() -> None:
    known = intervention_options()
    assert {"bapa", "bapa_anchor", "bapa_strength", "agci_lambda", "agci_scope"} <= set(known)
    assert not {"pretrained", "dtype", "max_pixels", "batch_size"} & set(known)


def test_folders_have_names_that_every_system_takes() -> None:
    for setting in make_plan(config("agci_lambda=0,0.3", "bapa=true,false")).settings:
        assert setting.folder == setting.label
