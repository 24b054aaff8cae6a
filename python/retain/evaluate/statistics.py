"""What may be concluded from counts: intervals, paired differences and corrected p-values. No SciPy.

Two policies are always shown the same episodes, so their difference is judged by the episodes on which they disagree.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from retain.errors import EvaluationError

Successes = NDArray[np.bool_]
"""bool [n], one per episode."""


@dataclass(frozen=True)
class Rate:
    """A success rate with its uncertainty.

    Attributes:
        successes, n: The counts.
        low, high: The interval, in [0, 1].
    """

    successes: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """Successes / n."""
        return self.successes / self.n


@dataclass(frozen=True)
class Difference:
    """How much better `other` is than `reference` on the same episodes.

    Attributes:
        value: Difference of the success rates, in [-1, 1].
        low, high: Paired bootstrap interval.
        only_other, only_reference: Episodes that just one of them solved.
        p: McNemar's exact two-sided p-value.
    """

    value: float
    low: float
    high: float
    only_other: int
    only_reference: int
    p: float


def wilson(successes: int, n: int, confidence: float = 0.95) -> Rate:
    """Wilson's score interval (Wilson 1927): the rates p for which the count lies within z standard errors of n·p.

    Raises:
        EvaluationError: There are no episodes, or more successes than episodes.
    """
    if n < 1 or not 0 <= successes <= n:
        raise EvaluationError(f"{successes} successes in {n} episodes make no rate; expected 0 to n in at least 1")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate = successes / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    # At the ends the two terms are equal but for rounding.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Rate(successes, n, low, high)


def discordant(reference: Successes, other: Successes) -> tuple[int, int]:
    """Episodes that only `other`, and only `reference`, solved."""
    if reference.shape != other.shape or reference.ndim != 1 or not reference.size:
        raise EvaluationError(f"paired comparisons need the same episodes; found {reference.shape} and {other.shape}")
    return int((other & ~reference).sum()), int((reference & ~other).sum())


def mcnemar_exact(only_other: int, only_reference: int) -> float:
    """Two-sided exact p-value of McNemar's test: the discordant episodes are fair coin tosses under the null."""
    tosses = only_other + only_reference
    tail = sum(math.comb(tosses, k) for k in range(min(only_other, only_reference) + 1))
    return min(1.0, 2 * tail / (1 << tosses))


def compare(
    reference: Successes, other: Successes, *, confidence: float = 0.95, resamples: int = 20_000, seed: int = 0
) -> Difference:
    """Paired comparison.

    The bootstrap resamples episodes, both outcomes together. An episode's difference is -1, 0 or 1, so drawing the
    three counts from a multinomial is the same as drawing episodes.

    Raises:
        EvaluationError: The two were not run on the same number of episodes.
    """
    gained, lost = discordant(reference, other)
    n = len(reference)
    shares = np.array([gained, lost, n - gained - lost]) / n
    counts = np.random.default_rng(seed).multinomial(n, shares, size=resamples)
    tail = (1 - confidence) / 2
    low, high = np.quantile((counts[:, 0] - counts[:, 1]) / n, [tail, 1 - tail])
    return Difference((gained - lost) / n, float(low), float(high), gained, lost, mcnemar_exact(gained, lost))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (Holm 1979) for testing all of these hypotheses; same order as given."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
