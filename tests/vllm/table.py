"""Prints the parity table: ``python -m tests.vllm.table [part of a name ...]``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from .environment import prepare

HEAD = "| checkpoint | architecture | RoPE | setting | cases | largest difference | effect |"


def main(parts: list[str]) -> int:
    """One row for each checkpoint and setting; returns how many rows fail."""
    prepare()
    import torch
    import transformers
    import vllm

    from .checkpoints import FAMILIES, ROPES
    from .more_checkpoints import MORE
    from .parity import FACTOR, SETTINGS, TOLERANCE, cases
    from .questions import fitting
    from .reference import Reference

    torch.set_num_threads(1)
    print(f"vllm {vllm.__version__}, transformers {transformers.__version__}, ", end="")
    print(f"torch {torch.__version__}; float32, tolerance {TOLERANCE:g}\n")
    print(HEAD, "|" + "---|" * HEAD.count(" | ") + "---|", sep="\n")
    failed = 0
    for name, small in (FAMILIES | ROPES | MORE).items():
        if parts and not any(part in name for part in parts):
            continue
        with tempfile.TemporaryDirectory() as place:
            folder = small.save(Path(place))
            reference = Reference(folder, small.unread)
            architecture = type(reference.model).__name__
            for setting in SETTINGS if name in FAMILIES else ["both"]:
                wanted = SETTINGS[setting]
                found = cases(folder, reference, wanted, fitting(small.facts))
                worst = max(case.difference for case in found)
                effects = [case.effect for case in found if case.question.pictures]
                effect = f"{min(effects):.2f}" if wanted else "-"
                cells = [name, architecture, small.rope, setting, str(len(found))]
                print("|", " | ".join([*cells, f"{worst:.1e}", effect]), "|", flush=True)
                is_seen = not wanted or min(effects) > FACTOR * TOLERANCE
                failed += worst > TOLERANCE or not is_seen
    return failed


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
