"""Texts that nobody would type: a parser takes them, or says in one line why it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.arguments import check_model_arguments, parse_arguments
from lmms_bapa.harness.generation import check_generation
from lmms_bapa.harness.options import known_options, parse_options
from lmms_bapa.harness.preset import Preset, load_preset
from lmms_bapa.json_text import parse_json
from lmms_bapa.results.folders import read_runs
from lmms_bapa.runs.shift_files import read_settings
from lmms_bapa.shift.spec import read_spec
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


def refused(parser: Callable[[], Any]) -> str | None:
    """What a parser says against an input; None if it takes it. Anything else fails the test."""
    try:
        parser()
    except UsageError as error:
        told = printable(error)
        assert told
        assert "\n" not in told
        assert len(told) < 1100
        return told
    return None


OPTIONS = known_options()


@FEW
@given(pairs(OPTIONS))
def test_model_args(text: str) -> None:
    told = refused(lambda: check_model_arguments(text, Preset(), {"batch_size": "1"}))
    if told is None:  # what was taken is what the harness reads
        from lmms_eval.utils import simple_parse_args_string

        assert repr(parse_arguments(text, "x")) == repr(simple_parse_args_string(text))


@FEW
@given(st.dictionaries(keys(OPTIONS), st.one_of(VALUES, st.none(), st.floats(), st.lists(VALUES))))
def test_options_from_python(options: dict[str, Any]) -> None:
    refused(lambda: parse_options({"pretrained": "micro-llava", **options}, {}))


@FEW
@given(pairs(["max_new_tokens", "temperature", "top_p", "num_beams", "until", "do_sample"]))
def test_gen_kwargs(text: str) -> None:
    refused(lambda: check_generation(text))


SHIFT = ["layout", "rows", "fill", "documents", "count", "seed", "ratio", "judge", "verdict"]


@FEW
@given(st.lists(st.tuples(keys(SHIFT), VALUES).map("=".join), max_size=4))
def test_settings_of_a_shifted_task(given_: list[str]) -> None:
    refused(lambda: read_settings(given_))


@FEW
@given(
    st.recursive(
        st.one_of(VALUES, st.none(), st.booleans(), st.floats(), st.integers()),
        lambda inner: st.one_of(st.lists(inner), st.dictionaries(keys(SHIFT), inner)),
        max_leaves=8,
    )
)
def test_what_stands_under_shift_in_a_yaml(spec: Any) -> None:
    refused(lambda: read_spec(spec))


@FEW
@given(st.lists(st.tuples(keys(OPTIONS), st.lists(VALUES).map(",".join)).map("=".join)))
def test_grids(texts: list[str]) -> None:
    def plan() -> None:
        grid = parse_grid(texts)
        if len(grid) < 4 and all(len(values) < 4 for values in grid.values()):
            settings_of(grid, {})

    refused(plan)


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
    refused(lambda: load_preset(file))
    refused(lambda: read_config(file, {}))


@FEW
@given(
    st.dictionaries(
        st.sampled_from(["model", "model_args", "tasks", "grid", "limit", "batch_size"]), ANY
    )
)
def test_keys_of_a_sweep(content: dict[str, Any]) -> None:
    refused(lambda: read_config(None, content))


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
    refused(lambda: [run.label for run in read_runs(tmp_path)])


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_brackets_without_end_are_no_json(opening: str) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(opening * 100_000)
