"""The checks, each one function. A difference is measured beside the stock model's own.

Batching, caching and low precision change the stock model's logits too. A check therefore passes
if the steered model differs by no more than ``TOLERANCE`` of the largest logit, or by no more than
twice what the stock model differs by in the same comparison.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from lmms_bapa.interventions import AGCI, BaPA
from lmms_bapa.steering import anatomy
from lmms_bapa.verify.subject import NEW_TOKENS, Subject

# Of the largest logit. FlashAttention 2 runs in the two short types only, and is held to theirs.
TOLERANCE = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}
STRENGTH = 0.5
ROUNDS = 15


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        name: what was checked.
        verdict: ``info`` is neither good nor bad.
        figure: what was measured.
        bound: what it had to be.
    """

    name: str
    verdict: Literal["pass", "FAIL", "info"]
    figure: str
    bound: str = ""


def _verdict(is_good: bool) -> Literal["pass", "FAIL"]:
    return "pass" if is_good else "FAIL"


def _difference(a: Tensor, b: Tensor) -> float:
    """Largest difference, as a share of the largest logit."""
    return float((a - b).abs().max() / b.abs().max())


def _near(subject: Subject, name: str, steered: float, stock: float) -> Finding:
    tolerance = TOLERANCE[subject.model.dtype]
    if stock > 10 * tolerance:  # PaliGemma's prompt is seen from both sides, its reply is not
        says = f"says nothing: stock differs by {stock:.1e}"
        return Finding(name, "info", f"{steered:.1e}", says)
    bound = max(tolerance, 2 * stock)
    return Finding(
        name, _verdict(steered <= bound), f"{steered:.1e}", f"<= {bound:.1e} (stock {stock:.1e})"
    )


def off_is_off(subject: Subject) -> Iterator[Finding]:
    """Identical outputs with everything off, and after an intervention was taken away."""
    before = subject.logits(subject.one)
    again = subject.logits(subject.one)
    if not torch.equal(before, again):
        yield Finding("off", "info", "the stock model itself differs from run to run")
        return
    with subject.steer(BaPA(strength=0), AGCI(0.0)):
        off = subject.logits(subject.one)
    yield _identical("off is off", off, before)
    with subject.steer(BaPA(), AGCI(STRENGTH)):
        subject.logits(subject.one)
    yield _identical("nothing is left after removal", subject.logits(subject.one), before)


def _identical(name: str, a: Tensor, b: Tensor) -> Finding:
    is_same = torch.equal(a, b)
    figure = "identical" if is_same else f"differ by {_difference(a, b):.1e}"
    return Finding(name, _verdict(is_same), figure, "identical")


def on_changes_something(subject: Subject) -> Iterator[Finding]:
    """Each intervention moves the logits at the end of the prompt."""
    stock = subject.logits(subject.one)[:, -1]
    for name, method in (("BaPA", BaPA()), (f"AGCI λ={STRENGTH}", AGCI(STRENGTH))):
        with subject.steer(method):
            change = _difference(subject.logits(subject.one)[:, -1], stock)
        yield Finding(f"{name} changes logits", _verdict(change > 0), f"{change:.1e}", "> 0")


def positions(subject: Subject) -> Iterator[Finding]:
    """What the rotary embedding gets, against the paper's rule."""
    ids = subject.one["input_ids"][0].tolist()
    first = ids.index(subject.image_token)
    behind = len(ids) - ids[::-1].index(subject.image_token)
    want = [*range(first), *[first] * (behind - first)]
    want += range(first + 1, first + 1 + len(ids) - behind + NEW_TOKENS - 1)
    with subject.steer(BaPA()), _rotary_positions(subject) as passes:
        subject.decode(subject.one)
    got = [torch.cat(steps, dim=-1) for steps in zip(*passes, strict=True)]
    start = float(got[0].flatten()[0])  # PaliGemma counts from one
    axes = [axis - start for p in got for axis in p.reshape(-1, len(want))]
    good = all(axis.tolist() == want for axis in axes)
    tokens = f"{behind - first} tokens, one place"
    yield Finding("positions, one picture", _verdict(good), tokens, "exact, decoding too")
    if subject.two is None:
        yield Finding("positions, two pictures", "info", f"not asked: {subject.no_two}")
        return
    with subject.steer(BaPA()), _rotary_positions(subject) as passes:
        subject.logits(subject.two)
    is_image = subject.two["input_ids"][0] == subject.image_token
    places = {len(set(p.reshape(-1, len(is_image))[0][is_image.cpu()].tolist())) for p in passes[0]}
    figure = ", ".join(f"{n} places" for n in sorted(places))
    yield Finding("positions, two pictures", _verdict(places == {2}), figure, "2 places")


@contextmanager
def _rotary_positions(subject: Subject) -> Iterator[list[list[Tensor]]]:
    """Collects, for each forward pass, what each call of a rotary module was given."""
    passes: list[list[Tensor]] = []

    def record(_: Any, args: Any, kwargs: Any) -> None:
        given = kwargs["position_ids"] if "position_ids" in kwargs else args[1]
        passes[-1].append(given.detach().float().cpu())

    body = anatomy(subject.model, **subject.facts)
    handles = [m.register_forward_pre_hook(record, with_kwargs=True) for m in body.rotary]
    handles.append(body.decoder.register_forward_pre_hook(lambda *_: passes.append([])))
    try:
        yield passes
    finally:
        for handle in handles:
            handle.remove()


def a_row_alone(subject: Subject) -> Iterator[Finding]:
    """The last logits of a row in a padded batch and of the row alone."""

    def compare() -> float:
        together = subject.logits(subject.both)[:, -1]
        alone = [subject.logits(row)[:, -1] for row in (subject.one, subject.other)]
        return _difference(together, torch.cat(alone))

    stock = compare()
    with subject.steer(BaPA(), AGCI(STRENGTH)):
        steered = compare()
    yield _near(subject, "batch equals row alone", steered, stock)


def decoding(subject: Subject) -> Iterator[Finding]:
    """Logits of cached decoding and of a recompute without a cache."""

    def compare() -> float:
        sequences, steps = subject.decode(subject.one)
        longer = dict(subject.one, input_ids=sequences[:, :-1])
        new = longer["input_ids"].shape[1] - subject.one["input_ids"].shape[1]
        for name in ("attention_mask", "token_type_ids", "mm_token_type_ids"):
            if name in longer:
                tail = 1 if name == "attention_mask" else 0
                longer[name] = torch.nn.functional.pad(longer[name], (0, new), value=tail)
        return _difference(subject.logits(longer)[:, -NEW_TOKENS:], steps)

    stock = compare()
    with subject.steer(BaPA(), AGCI(STRENGTH)):
        steered = compare()
    yield _near(subject, "decoding equals recompute", steered, stock)


def formula(subject: Subject) -> Iterator[Finding]:
    """What enters the decoder, against v + λ(1 - cos(v, g))g in double precision."""
    stock = _embeddings(subject)
    with subject.steer(AGCI(STRENGTH)):
        got = _embeddings(subject)
    is_image = subject.one["input_ids"] == subject.image_token
    v = stock[is_image].double()
    g = v.mean(dim=0)
    want = v + STRENGTH * (1 - torch.cosine_similarity(v, g[None], dim=-1))[:, None] * g
    error = float((got[is_image].double() - want).abs().max() / want.abs().max())
    # One rounding to the model's type, and one in computing with it.
    bound = max(1e-5, 2 * torch.finfo(stock.dtype).eps)
    name, text = "AGCI equals its formula", ~is_image
    yield Finding(name, _verdict(error <= bound), f"{error:.1e}", f"<= {bound:.1e}")
    yield _identical("AGCI leaves text alone", got[text], stock[text])


def _embeddings(subject: Subject) -> Tensor:
    seen: list[Tensor] = []

    def record(_: Any, __: Any, kwargs: Any) -> None:
        seen.append(kwargs["inputs_embeds"].detach().clone())

    decoder = anatomy(subject.model, **subject.facts).decoder
    handle = decoder.register_forward_pre_hook(record, with_kwargs=True)
    try:
        subject.logits(subject.one)
    finally:
        handle.remove()
    return seen[0]


def cost(subject: Subject) -> Iterator[Finding]:
    """Time of a forward pass with both interventions, against one without; taken in turn."""
    ratios = []
    subject.seconds(subject.both)
    for _ in range(ROUNDS):
        stock = subject.seconds(subject.both)
        with subject.steer(BaPA(), AGCI(STRENGTH)):
            ratios.append(subject.seconds(subject.both) / stock)
    low, middle, high = (100 * (q - 1) for q in statistics.quantiles(ratios, n=4))
    yield Finding(
        "time of a forward pass", "info", f"{middle:+.1f} %", f"quartiles {low:+.1f}, {high:+.1f} %"
    )


CHECKS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    off_is_off,
    on_changes_something,
    positions,
    a_row_alone,
    decoding,
    formula,
    cost,
)
