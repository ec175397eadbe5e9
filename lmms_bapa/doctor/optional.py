"""Parts that are not needed, what for, and how to get them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from lmms_bapa.doctor.finding import Finding


@dataclass(frozen=True)
class Part:
    """A package that some option needs.

    Attributes:
        package: its name for pip.
        module: its name for import.
        use: what needs it.
        install: what to write behind ``pip install``.
    """

    package: str
    module: str
    use: str
    install: str


PARTS = (
    Part("matplotlib", "matplotlib", "figures of report, heatmap and demo", "'lmms-bapa[plots]'"),
    Part("peft", "peft", "model_args peft=", "peft"),
    Part("bitsandbytes", "bitsandbytes", "load_in_8bit, load_in_4bit", "bitsandbytes"),
    Part(
        "flash-attn",
        "flash_attn",
        "attn_implementation=flash_attention_2, on CUDA",
        "flash-attn --no-build-isolation",
    ),
    Part("timm", "timm", "model families whose vision tower is timm's", "timm"),
    Part("num2words", "num2words", "the processor of SmolVLM", "num2words"),
)


def optional_parts() -> Iterator[Finding]:
    """Which of them are there; and one that is better not there."""
    for part in PARTS:
        if find_spec(part.module) is None:
            yield Finding(
                part.package, "note", f"missing: {part.use}", f"pip install {part.install}"
            )
            continue
        try:
            number = version(part.package)
        except PackageNotFoundError:
            number = "there"
        yield Finding(part.package, "ok", f"{number}: {part.use}")
    if find_spec("kernels") is not None:
        yield Finding(
            "kernels",
            "warning",
            "with this package transformers may fetch compiled code from the hub, unasked",
            "pip uninstall kernels, or set HF_HUB_OFFLINE=1",
        )
