"""Random words and rounded values, plainly: Philox4x32-10 in numpy, and the grids that bf16, f16 and f32 live on."""

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint32]

PRECISION = {"BF16": (8, -126, 127), "F16": (11, -14, 15), "F32": (24, -126, 127)}
"""Significand bits, smallest normal exponent, largest exponent."""


def words(elements: int, key: int, stream: int) -> Words:
    """One 32-bit random word per element: word e mod 4 of Philox4x32-10 at the counter (⌊e/4⌋, stream, 0)."""
    blocks = np.arange(-(-elements // 4), dtype=np.uint64)
    counter = np.zeros((blocks.size, 4), np.uint32)
    counter[:, 0] = blocks & np.uint64(0xFFFFFFFF)
    counter[:, 1] = blocks >> np.uint64(32)
    counter[:, 2] = stream
    return philox4x32_10(counter, (key & 0xFFFFFFFF, key >> 32)).reshape(-1)[:elements]


def philox4x32_10(counter: Words, key: tuple[int, int]) -> Words:
    """Philox4x32 with ten rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").

    counter: (blocks, 4) → random words: (blocks, 4).
    """
    low = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    x0, x1, x2, x3 = (counter[:, i].astype(np.uint64) for i in range(4))
    k0, k1 = key
    for _ in range(10):
        first = x0 * np.uint64(0xD2511F53)
        second = x2 * np.uint64(0xCD9E8D57)
        x0, x1 = (second >> shift) ^ x1 ^ np.uint64(k0), second & low
        x2, x3 = (first >> shift) ^ x3 ^ np.uint64(k1), first & low
        k0 = (k0 + 0x9E3779B9) & 0xFFFFFFFF
        k1 = (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([x0, x1, x2, x3], axis=1).astype(np.uint32)


def nearest(exact: Array, dtype: str) -> Array:
    """The value of a dtype that is nearest, ties to the even one; beyond the largest, infinity (IEEE 754, §4.3.1)."""
    step = _step(exact, dtype)
    return _bounded(np.rint(exact / step) * step, dtype)


def neighbours(exact: Array, dtype: str) -> tuple[Array, Array, Array]:
    """What stochastic rounding may give: the value below, the one above, and the probability of the upper one.

    P(up) = (x − down)/(up − down), so that the mean is x; down = up = x with probability 0 where x is a value itself.
    """
    step = _step(exact, dtype)
    scaled = exact / step
    down, up = np.floor(scaled), np.ceil(scaled)
    return _bounded(down * step, dtype), _bounded(up * step, dtype), scaled - down


def _step(exact: Array, dtype: str) -> Array:
    """The distance between neighbouring values of the dtype around x: a power of two."""
    bits, smallest, _ = PRECISION[dtype]
    _, exponent = np.frexp(exact)
    step: Array = np.ldexp(1.0, np.maximum(exponent - 1, smallest) - bits + 1)
    return step


def _bounded(values: Array, dtype: str) -> Array:
    bits, _, largest = PRECISION[dtype]
    limit = math.ldexp(2.0 - math.ldexp(1.0, 1 - bits), largest)
    return np.where(np.abs(values) > limit, np.copysign(np.inf, values), values)
