"""How much rather a model says Yes than No, read where it begins its answer.

The margin of a reply is log p(Yes) - log p(No) at its first generated token, where p(Yes) is the
probability of all tokens that read Yes, in any case and with or without blanks round them, and
p(No) likewise. The probabilities are those that greedy search chooses by: after the penalties and
suppressed tokens of the checkpoint's and the task's generation settings. So a positive margin goes
with the answer Yes wherever the reply begins with one of the two words. Unlike the answer it does
not depend on a threshold: an intervention that makes a model say Yes more often shifts all
margins, and leaves their order alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor

_WORDS = ("yes", "no")


@dataclass(frozen=True)
class YesNo:
    """The first tokens of the two answers.

    Attributes:
        yes: ids of the tokens that begin a Yes.
        no: ids of those that begin a No.
    """

    yes: tuple[int, ...]
    no: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Any) -> YesNo | None:
        """Finds them in a tokenizer.

        The tokens that are the whole word, however it is written; where the vocabulary lacks one
        of the words, the first pieces of both, if those tell them apart.

        Returns:
            The ids, or None if the first token does not tell Yes from No.
        """
        whole = [_whole_tokens(tokenizer, word) for word in _WORDS]
        if not all(whole):
            whole = [_first_pieces(tokenizer, word) for word in _WORDS]
        yes, no = whole[0] - whole[1], whole[1] - whole[0]
        return cls(tuple(sorted(yes)), tuple(sorted(no))) if yes and no else None

    def margins(self, scores: Tensor) -> Tensor:
        """The margin of each row: log p(Yes) - log p(No).

        Args:
            scores: logits or log-probabilities of the first token, shape (B, vocabulary).

        Returns:
            Shape (B,), in float32 on the CPU. NaN where neither word can be said; infinite where
            one cannot.
        """
        return self.margins_of(scores[:, list(self.ids)])

    @property
    def ids(self) -> tuple[int, ...]:
        """All of them, those of Yes first."""
        return self.yes + self.no

    def margins_of(self, own: Tensor) -> Tensor:
        """The same from the scores of :attr:`ids` alone, shape (B, number of ids)."""
        own = own.float()
        yes, no = own[:, : len(self.yes)], own[:, len(self.yes) :]
        return (torch.logsumexp(yes, dim=1) - torch.logsumexp(no, dim=1)).cpu()


def _whole_tokens(tokenizer: Any, word: str) -> set[int]:
    candidates = [i for token, i in tokenizer.get_vocab().items() if word in token.lower()]
    return {i for i in candidates if tokenizer.decode([i]).strip().lower() == word}


def _first_pieces(tokenizer: Any, word: str) -> set[int]:
    spellings = (word, word.capitalize(), word.upper())
    texts = [blank + spelling for blank in ("", " ") for spelling in spellings]
    coded = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    return {ids[0] for ids in coded if ids and ids[0] != tokenizer.unk_token_id}


class FirstLook(LogitsProcessor):  # type: ignore[misc]
    """Reads the margins at the first step of ``generate``, and changes no score.

    Attributes:
        found: the margins of the batch, shape (B,), once it was called.
    """

    def __init__(self, words: YesNo) -> None:
        self._words = words
        self.found: Tensor | None = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Looks at the first scores only."""
        del input_ids
        if self.found is None:
            self.found = self._words.margins(scores)
        return scores


def is_defined(settings: Mapping[str, Any], defaults: Any) -> bool:
    """Whether a margin means something: greedy search, where one token is chosen at a time.

    Args:
        settings: arguments of ``generate``.
        defaults: the model's generation configuration.
    """
    beams = settings.get("num_beams", getattr(defaults, "num_beams", None))
    return not settings["do_sample"] and (beams or 1) == 1


def margin_list(look: FirstLook | None, rows: int) -> list[float]:
    """The margins of a batch as numbers; NaN where there is none."""
    if look is None or look.found is None:
        return [math.nan] * rows
    return [m if math.isfinite(m) else math.nan for m in look.found.tolist()]
