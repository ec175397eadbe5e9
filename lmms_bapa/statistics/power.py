"""How many groups it takes to see a spread over places, by simulation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from lmms_bapa.statistics.bootstrap import Array

MOST_GROUPS = 20_000
_AT_ONCE = 4_000_000  # answers simulated at once


@dataclass(frozen=True)
class Design:
    """Groups of 0/1 answers, one at each place.

    Attributes:
        profile: probability of a right answer at each place.
        correlation: of two answers of one group, given the places.
    """

    profile: tuple[float, ...]
    correlation: float

    @classmethod
    def of(cls, accuracy: float, spread: float, places: int, correlation: float) -> Design:
        """Places in equal steps from the worst to the best.

        Args:
            accuracy: mean over the places.
            spread: population standard deviation over the places.
            places: how many.
            correlation: as above, in [0, 1).

        Raises:
            ValueError: no such profile has all probabilities strictly between 0 and 1.
        """
        steps = np.linspace(-1, 1, places)
        profile = accuracy + spread * steps / steps.std()
        if profile.min() <= 0 or profile.max() >= 1:
            edge = min(accuracy, 1 - accuracy) * float(steps.std())
            raise ValueError(
                f"a spread of {spread:g} does not fit round an accuracy of {accuracy:g} at "
                f"{places} places: it can be up to {math.floor(1000 * edge) / 1000:g}"
            )
        return cls(tuple(profile.tolist()), correlation)


def latent_correlation(correlation: float, accuracy: float) -> float:
    """Correlation of two normal variables whose signs correlate as two 0/1 answers do.

    The variables are cut where a share ``accuracy`` is right: Emrich and Piedmonte (1991), A
    method for generating high-dimensional multivariate binary variates.
    """
    if correlation <= 0:
        return 0.0
    cut = float(stats.norm.ppf(accuracy))
    wanted = correlation * accuracy * (1 - accuracy) + accuracy**2

    def excess(r: float) -> float:
        both = stats.multivariate_normal.cdf([cut, cut], cov=[[1, r], [r, 1]])
        return float(both) - wanted

    high = 0.999
    return high if excess(high) < 0 else float(optimize.brentq(excess, 0.0, high, xtol=1e-4))


def within_correlation(table: ArrayLike) -> float:
    """Correlation of two scores of one group, given the places, not below 0.

    The intraclass correlation ICC(3, 1) of Shrout and Fleiss (1979), Intraclass correlations,
    after the means of the places are taken off.

    Args:
        table: shape (groups, places); at least two of each, otherwise NaN.
    """
    scores = np.asarray(table, dtype=float)
    groups, places = scores.shape
    if groups < 2 or places < 2:
        return math.nan
    rest = scores - scores.mean(axis=0)
    means = rest.mean(axis=1)
    between = places * float((means**2).sum()) / (groups - 1)
    within = float(((rest - means[:, None]) ** 2).sum()) / ((groups - 1) * (places - 1))
    total = between + (places - 1) * within
    return max(0.0, (between - within) / total) if total > 0 else 0.0


def simulate(design: Design, groups: int, count: int, rng: np.random.Generator) -> Array:
    """Answers with the design's probabilities and correlation.

    Returns:
        Zeros and ones, shape (count, groups, places).
    """
    latent = latent_correlation(design.correlation, float(np.mean(design.profile)))
    places = len(design.profile)
    shared = rng.standard_normal((count, groups, 1))
    own = rng.standard_normal((count, groups, places))
    values = math.sqrt(latent) * shared + math.sqrt(1 - latent) * own
    found: Array = (values < stats.norm.ppf(design.profile)).astype(float)
    return found


def spread_power(
    design: Design, groups: int, alpha: float = 0.05, simulations: int = 1000, seed: int = 0
) -> float:
    """Probability of finding that position matters.

    The test is Cochran's Q, whose exact form is the permutation test of
    :func:`lmms_bapa.statistics.places.position_test`.
    """
    rng = np.random.default_rng(seed)
    places = len(design.profile)
    critical = float(stats.chi2.isf(alpha, places - 1))
    step = max(1, _AT_ONCE // (groups * places))
    found = 0
    for start in range(0, simulations, step):
        answers = simulate(design, groups, min(step, simulations - start), rng)
        found += int(np.sum(_cochran_qs(answers) > critical))
    return found / simulations


def _cochran_qs(answers: Array) -> Array:
    """Cochran's Q of many tables, shape (tables, groups, places); 0 where nothing varies."""
    k = answers.shape[2]
    columns, rows = answers.sum(axis=1), answers.sum(axis=2)
    total = columns.sum(axis=1)
    below = k * total - (rows**2).sum(axis=1)
    above = (k - 1) * (k * (columns**2).sum(axis=1) - total**2)
    found: Array = np.divide(above, below, out=np.zeros_like(total), where=below > 0)
    return found


def groups_for_spread(
    design: Design,
    alpha: float = 0.05,
    power: float = 0.8,
    simulations: int = 1000,
    seed: int = 0,
) -> int | None:
    """Fewest groups with which the spread is found so often; None if 20,000 do not suffice.

    The groups are doubled and then halved in, each time with the same seed; the answer is about as
    exact as the simulation, and to two digits.
    """

    def suffices(groups: int) -> bool:
        return spread_power(design, groups, alpha, simulations, seed) >= power

    high = 2
    while not suffices(high):
        high *= 2
        if high > MOST_GROUPS:
            return None
    low = high // 2
    while high - low > max(1, high // 50):
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


def design_effect(correlation: float, size: float) -> float:
    """How much groups of ``size`` alike answers inflate the variance of a mean: 1 + (m - 1) rho.

    Kish (1965), Survey Sampling.
    """
    return 1 + (size - 1) * correlation
