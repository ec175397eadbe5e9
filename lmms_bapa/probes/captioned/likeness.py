"""How alike two captions are: shared words, rare ones counting more."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Likeness:
    """Weighted Jaccard index of the sets of words of captions.

    A word weighs log(n / n_w), where n_w of the n captions have it, so that "a" and "the" hardly
    count. The index is the weight of the words that both captions have over the weight of those
    that either has.

    Args:
        captions: the n captions.
    """

    def __init__(self, captions: Sequence[str]) -> None:
        self._words = [sorted(set(re.findall(r"\w+", c.casefold()))) for c in captions]
        places: dict[str, list[int]] = {}
        for number, words in enumerate(self._words):
            for word in words:
                places.setdefault(word, []).append(number)
        self._places = {word: np.array(numbers) for word, numbers in places.items()}
        n = len(captions)
        self._weight = {word: float(np.log(n / len(p))) for word, p in places.items()}
        self._total = np.array([sum(self._weight[w] for w in words) for words in self._words])

    def to(self, number: int) -> Floats:
        """The likeness of each caption to one of them, shape (n,); 0 where both weigh nothing."""
        shared = np.zeros(len(self._words))
        for word in self._words[number]:
            shared[self._places[word]] += self._weight[word]
        either = self._total + self._total[number] - shared
        index: Floats = np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)
        return index
