"""Real-time chunking and its noise in NumPy, float64, written from the papers and not from csrc/."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Velocity = Callable[[Values, Values], Values]
"""v(x, t): float64[H, A] and float64[H] to float64[H, A]."""


def philox_normal(seed: int, stream: int, count: int) -> Values:
    """The noise law: Philox4x32-10 (Salmon et al., SC 2011) under Box and Muller's transform.

    Counter: (block low, block high, stream low, stream high); key: (seed low, seed high); value = (bits + ½)/2³².
    """
    low = 0xFFFFFFFF
    normals: list[float] = []
    for block in range(-(-count // 4)):
        c = [block & low, block >> 32, stream & low, stream >> 32]
        key = [seed & low, seed >> 32]
        for _ in range(10):
            a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            c = [(b >> 32) ^ c[1] ^ key[0], b & low, (a >> 32) ^ c[3] ^ key[1], a & low]
            key = [(key[0] + 0x9E3779B9) & low, (key[1] + 0xBB67AE85) & low]
        u = (np.array(c, np.float64) + 0.5) / 2.0**32
        for radius, angle in ((u[0], u[1]), (u[2], u[3])):
            length = np.sqrt(-2 * np.log(radius))
            normals += [length * np.cos(2 * np.pi * angle), length * np.sin(2 * np.pi * angle)]
    return np.array(normals[:count])


def mask(H: int, d: int, e: int) -> Values:
    """W of arXiv 2506.07339, eq. 5: 1, then c·(eᶜ − 1)/(e¹ − 1) with c = (e − i)/(e − d + 1), then 0. float64[H]."""
    i = np.arange(H)
    c = (e - i) / (e - d + 1)
    return np.where(i < d, 1.0, np.where(i < e, c * (np.exp(c) - 1) / (np.e - 1), 0.0))


def guided(x: Values, Y: Values, v: Values, W: Values, tau: float, beta: float) -> Values:
    """v + min(β, (1 − τ)/(τ·r²))·W⊙(Y − x̂₁), eq. 2 with the Jacobian of x̂₁ = x + (1 − τ)·v taken as the identity."""
    r2 = (1 - tau) ** 2 / (tau**2 + (1 - tau) ** 2)
    weight = beta if tau == 0 else min(beta, (1 - tau) / (tau * r2))
    return v + weight * W[:, None] * (Y - (x + (1 - tau) * v))


def guided_chunk(noise: Values, velocity: Velocity, n: int, Y: Values, d: int, e: int, beta: float) -> Values:
    """n Euler steps from noise, each guided towards Y."""
    x = noise.copy()
    for i in range(n):
        tau = i / n
        x = x + guided(x, Y, velocity(x, np.full(len(x), tau)), mask(len(x), d, e), tau, beta) / n
    return x


def continued_chunk(noise: Values, velocity: Velocity, n: int, Y: Values, d: int) -> Values:
    """arXiv 2512.05964: rows before d are Y's and clean (t = 1) in every step, the rest is integrated."""
    x = noise.copy()
    for i in range(n):
        x[:d] = Y[:d]
        t = np.where(np.arange(len(x)) < d, 1.0, i / n)
        x = x + velocity(x, t) / n
    x[:d] = Y[:d]
    return x
