"""Asks an engine in a process of its own: ``python -m tests.vllm.ask FOLDER SETTING FILE``.

FILE gets the answers as ``torch.save`` writes them. Behind it may stand further arguments of the
engine, as JSON, and the name of other questions than ``QUESTIONS`` in ``tests/vllm/questions``. The
setting ``none`` never touches this package's part of vLLM.
"""

from __future__ import annotations

import json
import sys
from dataclasses import astuple
from pathlib import Path


def main(
    folder: Path, setting: str, file: Path, arguments: str = "{}", asked: str = "QUESTIONS"
) -> None:
    """See above."""
    import torch

    torch.set_num_threads(1)
    from . import interpreted, questions

    if interpreted.is_wanted():
        interpreted.declare()
    more = json.loads(arguments)
    wanted = getattr(questions, asked)
    if setting == "none":
        from vllm import LLM

        from .asking import ARGUMENTS, Engine

        answers = Engine(LLM(str(folder), **(ARGUMENTS | more)), folder).answers(wanted)
        assert "lmms_bapa.vllm" not in sys.modules
    else:
        from .engines import engine
        from .parity import SETTINGS

        with engine(folder, *SETTINGS[setting], **more) as running:
            if interpreted.is_wanted():
                interpreted.check(running.llm)
            answers = running.answers(wanted)
    torch.save([astuple(answer) for answer in answers], file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), *sys.argv[4:])
