"""AGCI with a strength that each image sets itself, and how its options are written."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from lmms_eval.utils import simple_parse_args_string
from torch import Tensor

from lmms_bapa import AGCI, AutoAGCI, BaPA
from lmms_bapa.errors import UsageError
from lmms_bapa.harness.options import build_interventions, parse_options
from lmms_bapa.interventions import Tokens
from lmms_bapa.interventions.agci_auto import agreement
from lmms_bapa.results.folders import active_settings
from lmms_bapa.steering import intervene
from lmms_bapa.sweep.config import parse_grid
from lmms_bapa.sweep.plan import settings_of

from .tiny import TINY


def random_tokens(count: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def mean_cosine(tokens: list[list[float]]) -> float:
    """The rule in plain Python: the mean of cos(v, g), at least 0."""
    width = len(tokens[0])
    g = [math.fsum(v[k] for v in tokens) / len(tokens) for k in range(width)]
    length = math.sqrt(math.fsum(x * x for x in g))
    cosines = []
    for v in tokens:
        dot = math.fsum(a * b for a, b in zip(v, g, strict=True))
        cosines.append(dot / (math.sqrt(math.fsum(a * a for a in v)) * length))
    return max(0.0, math.fsum(cosines) / len(cosines))


def batch_of(segment: list[list[int]]) -> Tokens:
    """Tokens of a batch by the number of their image."""
    numbers = torch.tensor(segment)
    return Tokens(numbers, numbers > 0, torch.zeros_like(numbers), torch.zeros_like(numbers))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_the_strength_of_an_image_is_the_mean_cosine_with_its_mean(dtype: torch.dtype) -> None:
    v = (random_tokens(40, 8) + random_tokens(1, 8, seed=1)).to(dtype)
    segment = torch.tensor([7, 3, 3, 9] * 10)
    got = agreement(v, segment)
    assert got.dtype == torch.float32
    for number in (3, 7, 9):
        here = segment == number
        want = mean_cosine(v[here].double().tolist())
        torch.testing.assert_close(
            got[here], torch.full((int(here.sum()), 1), want), atol=1e-6, rtol=0
        )


def test_neither_scale_nor_number_nor_order_of_the_tokens_matters() -> None:
    v, one = random_tokens(6, 5) + 0.5, torch.ones(6)
    want = agreement(v, one)[0]
    torch.testing.assert_close(agreement(1000 * v, one)[0], want)
    torch.testing.assert_close(agreement(v.flip(0), one)[0], want)
    torch.testing.assert_close(agreement(v.repeat(3, 1), torch.ones(18))[0], want)


@pytest.mark.parametrize(
    "v",
    [
        random_tokens(1, 4),
        random_tokens(1, 4).expand(5, 4),
        torch.tensor([[1.0, 0.0], [-1.0, 0.0]]),  # nothing in common: g is zero
        torch.zeros(3, 4),
    ],
    ids=["one token", "all alike", "opposite", "zero"],
)
def test_where_there_is_nothing_to_even_out_or_to_share_nothing_changes(v: Tensor) -> None:
    tokens = batch_of([[1] * len(v)])
    torch.testing.assert_close(AutoAGCI().embeddings(v[None], tokens), v[None])


def test_auto_is_the_formula_with_each_images_own_strength() -> None:
    x = random_tokens(20, 6).view(2, 10, 6) + random_tokens(1, 6, seed=3)
    x[0, 6:] *= 5
    tokens = batch_of([[0, 1, 1, 1, 0, 0, 2, 2, 2, 2], [0, 0, 0, 3, 3, 3, 3, 3, 0, 0]])
    stock = x.clone()
    got = AutoAGCI().embeddings(x, tokens)
    assert torch.equal(x, stock)
    strengths = set()
    for number in (1, 2, 3):
        here = tokens.segment == number
        strength = mean_cosine(x[here].double().tolist())
        strengths.add(round(strength, 3))
        alone = AGCI(strength).embeddings(x[here][None], batch_of([[1] * int(here.sum())]))
        torch.testing.assert_close(got[here], alone[0])
    assert len(strengths) == 3
    text = tokens.segment == 0
    assert torch.equal(got[text], x[text])


def test_the_spelling_of_auto_works_wherever_a_strength_does() -> None:
    typed = simple_parse_args_string("pretrained=micro-llava,agci_lambda=auto,bapa=true")
    assert set(parse_options(typed, {}).interventions) == {AutoAGCI(), BaPA()}
    grid = parse_grid(["agci_lambda=0,0.3,auto", "bapa=false,true"])
    labels = [setting.label for setting in settings_of(grid, {})]
    assert labels == [
        "off",
        "bapa=true",
        "agci_lambda=0.3",
        "agci_lambda=0.3,bapa=true",
        "agci_lambda=auto",
        "agci_lambda=auto,bapa=true",
    ]
    assert active_settings({"agci_lambda": "auto"}) == {"agci_lambda": "auto"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"agci_lambda": "auto", "agci_scope": "call"}, "agci_scope does not go with"),
        ({"agci_lambda": "most"}, "lambda must be a number >= 0, got 'most'"),
        (
            {"agci_lambda": 0.3, "agci_depth_lambda": 0.3, "agci_depth_layers": 2},
            "agci and agci_depth are two forms of one method",
        ),
        ({"agci_depth_lambda": 0.3}, "agci_depth_lambda needs agci_depth_layers"),
        ({"agci_depth_layers": 2}, "no effect without agci_depth_lambda"),
    ],
)
def test_options_that_do_not_fit_are_one_line(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        build_interventions(options)
    assert "\n" not in str(caught.value)


def test_two_forms_of_one_method_are_refused_in_python_too() -> None:
    model = TINY["llava"].build("llava")
    with pytest.raises(ValueError, match="two forms of one method"):
        intervene(model, AutoAGCI(), AGCI(0.3))
    with pytest.raises(ValueError, match=r"write AutoAGCI\(\)"):
        AGCI("auto")  # type: ignore[arg-type]
