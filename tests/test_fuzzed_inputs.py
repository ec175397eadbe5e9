"""Texts that nobody would type: a parser takes them, or says in one line why it does not."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lmms_eval.utils import simple_parse_args_string

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.arguments import check_model_arguments, parse_arguments
from lmms_bapa.harness.generation import check_generation
from lmms_bapa.harness.options import known_options, parse_options
from lmms_bapa.harness.preset import Preset, load_preset
from lmms_bapa.interventions import BaPA
from lmms_bapa.json_text import parse_json
from lmms_bapa.results.folders import read_runs
from lmms_bapa.runs.shift_files import read_settings
from lmms_bapa.shift.spec import ShiftSpec, read_spec
from lmms_bapa.sweep.config import parse_grid, read_config
from lmms_bapa.sweep.plan import settings_of
from lmms_bapa.validation import printable

FEW = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
ODD = (
    "true false 0 1 -1 0.3 nan inf -inf 1e400 1e-400 auto none null [] {} [1,2] '' ² ½ ٣ 0x1 "
    "99999999999999999999 paper center call ../.. ~ * !!int &a !!float !!timestamp 1:60"
)
VALUES = st.one_of(
    st.sampled_from(ODD.split(" ")),
    st.text(max_size=12),
    st.floats().map(str),
    st.integers().map(str),
)


def keys(known: list[str]) -> st.SearchStrategy[str]:
    """Known names, and names that are not."""
    return st.one_of(st.sampled_from(known), st.text(max_size=12))


def pairs(known: list[str], most: int = 4) -> st.SearchStrategy[str]:
    pair = st.tuples(keys(known), st.sampled_from(["=", "=", "=", "", "=="]), VALUES)
    return st.lists(pair.map("".join), max_size=most).map(",".join)


REFUSED = object()


def outcome(parser: Callable[[], Any]) -> Any:
    """What a parser makes of an input, or ``REFUSED``. Another error fails the test."""
    try:
        return parser()
    except UsageError as error:
        told = printable(error)
        assert told
        assert "\n" not in told
        assert len(told) < 1100
        return REFUSED


OPTIONS = known_options()


@FEW
@given(pairs(OPTIONS))
def test_model_args(text: str) -> None:
    taken = outcome(lambda: check_model_arguments(text, Preset(), {"batch_size": "1"}))
    if taken is not REFUSED:  # what was taken is what the harness reads
        assert repr(parse_arguments(text, "x")) == repr(simple_parse_args_string(text))


@FEW
@given(st.dictionaries(keys(OPTIONS), st.one_of(VALUES, st.none(), st.floats(), st.lists(VALUES))))
def test_options_from_python(options: dict[str, Any]) -> None:
    taken = outcome(lambda: parse_options({"pretrained": "micro-llava", **options}, {}))
    if taken is REFUSED:
        return
    assert all(key in OPTIONS or key.startswith("processor_") for key in options)
    numbers = [v for i in taken.interventions for v in vars(i).values() if isinstance(v, float)]
    assert all(math.isfinite(number) and number >= 0 for number in numbers)


@FEW
@given(pairs(["max_new_tokens", "temperature", "top_p", "num_beams", "until", "do_sample"]))
def test_gen_kwargs(text: str) -> None:
    taken = outcome(lambda: check_generation(text))
    if taken is REFUSED:
        return
    assert repr(taken) == repr(simple_parse_args_string(text))
    numbers = [v for k, v in taken.items() if k != "until" and isinstance(v, float | int)]
    assert all(math.isfinite(number) and number >= 0 for number in numbers)
    assert taken.get("top_p") is None or taken["top_p"] <= 1


def is_the_same_written_out(spec: ShiftSpec) -> None:
    """What a results JSON says of a shift means that shift, option by option."""
    written = json.loads(json.dumps(spec.summary(), allow_nan=False))
    assert read_spec(written) == spec


SHIFT = ["layout", "rows", "fill", "documents", "count", "seed", "ratio", "judge", "verdict"]


GOOD = {"layout": "free", "count": 4, "seed": 1, "ratio": 3, "fill": "mean", "documents": 9}
ODD_SETTING = st.tuples(keys(SHIFT), VALUES).map("=".join)
GOOD_SETTING = st.sampled_from([f"{key}={value}" for key, value in GOOD.items()])


@FEW
@given(
    st.one_of(
        st.lists(st.one_of(ODD_SETTING, GOOD_SETTING), max_size=4),
        st.lists(GOOD_SETTING, min_size=1, max_size=3).map(lambda more: ["layout=free", *more]),
    )
)
def test_settings_of_a_shifted_task(given_: list[str]) -> None:
    taken = outcome(lambda: read_settings(given_))
    if taken is not REFUSED:
        assert len(taken) == len(given_)  # none is dropped
        is_the_same_written_out(read_spec(taken))


@FEW
@given(
    st.recursive(
        st.one_of(VALUES, st.none(), st.booleans(), st.floats(), st.integers()),
        lambda inner: st.one_of(
            st.lists(inner),
            st.dictionaries(keys(SHIFT), inner),
            st.sets(st.sampled_from(list(GOOD))).map(
                lambda some: {"layout": "free"} | {key: GOOD[key] for key in some}
            ),
            st.text(min_size=1, max_size=8).map(lambda odd: GOOD | {odd: 1}),
        ),
        max_leaves=8,
    )
)
def test_what_stands_under_shift_in_a_yaml(spec: Any) -> None:
    taken = outcome(lambda: read_spec(spec))
    if taken is not REFUSED:
        is_the_same_written_out(taken)
        summary = taken.summary()
        assert {k: v for k, v in spec.items() if v is not None}.keys() <= summary.keys()


@FEW
@given(st.lists(st.tuples(keys(OPTIONS), st.lists(VALUES).map(",".join)).map("=".join)))
def test_grids(texts: list[str]) -> None:
    grid = outcome(lambda: parse_grid(texts))
    if grid is REFUSED or len(grid) > 3 or any(len(values) > 3 for values in grid.values()):
        return
    assert len(grid) == len(texts)
    planned = outcome(lambda: settings_of(grid, {}))
    if planned is not REFUSED:
        labels = [setting.label for setting in planned]
        assert labels[0] == "off"
        assert len(set(labels)) == len(labels) <= 1 + math.prod(map(len, grid.values()))


ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(max_size=8), inner)),
    max_leaves=8,
)


@FEW
@given(st.one_of(ANY.map(yaml.safe_dump), st.text(max_size=60)))
def test_yamls_of_sweeps_and_adapters(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    preset = outcome(lambda: load_preset(file))
    if preset is not REFUSED:
        assert (yaml.safe_load(text) or {}).keys() <= Preset.model_fields.keys()
    config = outcome(lambda: read_config(file, {}))
    if config is not REFUSED:
        assert {"model_args", "tasks", "grid"} <= yaml.safe_load(text).keys()


@FEW
@given(
    st.dictionaries(
        st.sampled_from(["model", "model_args", "tasks", "grid", "limit", "batch_size"]), ANY
    )
)
def test_keys_of_a_sweep(content: dict[str, Any]) -> None:
    taken = outcome(lambda: read_config(None, content))
    if taken is not REFUSED:
        assert content["tasks"]
        assert content["grid"]
        assert read_config(None, taken.model_dump()) == taken


@FEW
@given(
    st.one_of(
        st.binary(max_size=60),
        ANY.map(json.dumps).map(str.encode),
        st.fixed_dictionaries({"results": ANY, "configs": ANY, "config": ANY})
        .map(json.dumps)
        .map(str.encode),
    )
)
def test_results_that_are_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "20260102_030405_results.json"
    file.write_bytes(content)
    labels = outcome(lambda: [run.label for run in read_runs(tmp_path)])
    if labels is not REFUSED:
        parts = json.loads(content)
        assert isinstance(parts["results"], dict)
        assert isinstance(parts["configs"], dict)
        assert len(labels) == 1


SWEEP = {"model_args": "pretrained=micro-llava", "tasks": "t", "grid": {"agci_lambda": [0, 0.3]}}


@pytest.mark.parametrize(
    ("parser", "expected"),
    [
        (lambda: parse_options({"pretrained": "m", "bapa": True}, {}).interventions, (BaPA(),)),
        (lambda: check_generation("temperature=0,top_p=0.5"), {"temperature": 0, "top_p": 0.5}),
        (lambda: read_settings(["rows=5", "fill=mean"]), {"rows": 5, "fill": "mean"}),
        (lambda: read_spec({"rows": 2}).names, ("original", "r1c1", "r1c2", "r2c1", "r2c2")),
        (lambda: parse_grid(["agci_lambda=0,0.3"]), {"agci_lambda": [0, 0.3]}),
        (lambda: read_config(None, SWEEP).grid, {"agci_lambda": [0, 0.3]}),
    ],
)
def test_what_is_right_is_taken(parser: Callable[[], Any], expected: Any) -> None:
    """Else a parser that refuses everything would pass the rest of this file."""
    assert outcome(parser) == expected


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_brackets_without_end_are_no_json(opening: str) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(opening * 100_000)
