"""The store gives back what was put in, bit for bit, whatever it had to write to disk."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loguru import logger
from transformers.modeling_outputs import BaseModelOutputWithPooling

from lmms_bapa.errors import UsageError
from lmms_bapa.harness.spill import Spill, default_memory

KILOBYTE = 256  # floats


def floats(number: int) -> torch.Tensor:
    return torch.full((KILOBYTE,), float(number))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("memory", [0, 10**6], ids=["disk", "memory"])
@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.bool], ids=str
)
def test_tensors_of_every_kind_come_back_in_their_nesting(
    memory: int, dtype: torch.dtype, tmp_path: Path
) -> None:
    values = torch.arange(24).reshape(2, 3, 4).to(dtype)
    transposed, part, single = values.transpose(0, 2), values[:, 1:, ::2], values.sum().to(dtype)
    stored = {"a": [transposed, (part, None, "text")], "b": {"c": single, "d": 3}}
    store = Spill(memory, tmp_path)
    store.put("key", stored)
    for _ in range(2):
        found = store.get("key")
        assert found["a"][1][1:] == (None, "text")
        assert found["b"]["d"] == 3
        for got, want in (
            (found["a"][0], transposed), (found["a"][1][0], part), (found["b"]["c"], single)
        ):  # fmt: skip
            assert got.dtype == want.dtype
            assert torch.equal(got, want)
        assert found["a"][0].stride() == transposed.stride()
    assert len(files(tmp_path)) == (memory == 0)
    store.close()


@pytest.mark.parametrize("memory", [0, 10**6], ids=["disk", "memory"])
def test_an_output_of_an_encoder_comes_back_as_one(memory: int, tmp_path: Path) -> None:
    store = Spill(memory, tmp_path)
    pooled = [floats(1), floats(2)[:7]]
    store.put("key", BaseModelOutputWithPooling(pooler_output=pooled))
    found = store.get("key")
    assert type(found) is BaseModelOutputWithPooling
    assert found is not store.get("key")
    assert all(map(torch.equal, found.pooler_output, pooled))
    assert found.last_hidden_state is None
    store.close()


@pytest.mark.parametrize("memory", [0, 10**6], ids=["disk", "memory"])
def test_nobody_can_write_to_what_is_kept(memory: int, tmp_path: Path) -> None:
    store, value = Spill(memory, tmp_path), floats(1)
    store.put("key", value)
    value.zero_()
    store.get("key").zero_()
    assert torch.equal(store.get("key"), floats(1))
    store.close()


def test_what_was_used_longest_ago_goes_to_disk_once(tmp_path: Path) -> None:
    store = Spill(3 * 1024, tmp_path)
    for number in range(3):
        store.put(number, floats(number))
    assert files(tmp_path) == []
    store.get(0)
    store.put(3, floats(3))  # 1 is the oldest now
    assert store.written == 1
    assert store.in_memory == 3 * 1024
    for number in (0, 2, 3):
        store.get(number)
    assert store.written == 1  # they were in memory
    for _ in range(3):
        for number in range(4):
            assert torch.equal(store.get(number), floats(number))
            assert store.in_memory <= 3 * 1024
    assert store.written == len(files(tmp_path)) == 4  # none of them twice
    store.close()
    assert list(tmp_path.iterdir()) == []
    assert store.get(0) is None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=30), st.integers(0, 6))
def test_any_order_of_use_gives_what_a_dictionary_would(uses: Any, budget: int) -> None:
    store = Spill(budget * 1024)
    plain: dict[int, torch.Tensor] = {}
    for is_put, key in uses:
        if is_put:
            store.put(key, floats(key + len(plain)))
            plain.setdefault(key, floats(key + len(plain)))
        got, want = store.get(key), plain.get(key)
        assert (got is None) == (want is None)
        assert want is None or torch.equal(got, want)
        assert (key in store) == (key in plain)
        assert store.in_memory <= budget * 1024
    assert len(store) == len(plain)
    store.close()


@pytest.mark.parametrize("damage", ["missing", "cut", "changed", "swapped"])
def test_a_file_that_is_not_what_was_written_is_an_error(damage: str, tmp_path: Path) -> None:
    store = Spill(0, tmp_path)
    store.put("a", floats(1))
    store.put("b", floats(2))
    first, second = files(tmp_path)
    data = bytearray(first.read_bytes())
    if damage == "missing":
        first.unlink()
    elif damage == "cut":
        first.write_bytes(data[:-4])
    elif damage == "changed":
        data[-1] ^= 1
        first.write_bytes(data)
    else:
        first.write_bytes(second.read_bytes())
    with pytest.raises(UsageError, match=r"0\.safetensors .*: start again$") as caught:
        store.get("a")
    assert "\n" not in str(caught.value)
    assert torch.equal(store.get("b"), floats(2))
    store.close()


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    """What is said meanwhile."""
    said: list[str] = []
    sink = logger.add(lambda message: said.append(message.record["message"]), level="WARNING")
    yield said
    logger.remove(sink)


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """The system refuses to write files beyond this size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_on_a_full_disk_what_is_there_stays_and_the_rest_is_not_kept(
    tmp_path: Path, warnings: list[str]
) -> None:
    store = Spill(2 * 1024, tmp_path)
    for number in range(3):
        store.put(number, floats(number))  # 0 goes to disk
    with small_disk(500):
        for number in range(3, 6):
            store.put(number, floats(number))
        for _ in range(2):  # in turn, as settings do it
            for number in range(6):
                found = store.get(number)
                assert (found is None) == (number >= 3) == (number not in store)
                assert found is None or torch.equal(found, floats(number))
                assert store.in_memory <= 2 * 1024
    assert len(files(tmp_path)) == 1
    (told,) = warnings
    assert f"nor into {tmp_path} (" in told
    assert "\n" not in told
    store.close()


def test_it_takes_no_more_of_the_disk_than_it_may(tmp_path: Path, warnings: list[str]) -> None:
    store = Spill(0, tmp_path, disk_bytes=3000)
    for number in range(4):
        store.put(number, floats(number))
    kept = files(tmp_path)
    assert sum(file.stat().st_size for file in kept) <= 3000
    assert len(kept) == len(store) == 2
    assert "half of what was free there is in use" in warnings[0]
    store.close()


def test_a_folder_that_is_not_there_keeps_nothing(tmp_path: Path, warnings: list[str]) -> None:
    store = Spill(0, tmp_path / "nowhere")
    store.put("a", floats(1))
    assert store.get("a") is None
    assert "nowhere" in warnings[0]


def test_the_processes_of_a_machine_share_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    alone = default_memory()
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert default_memory() == pytest.approx(alone / 4, rel=0.5)
