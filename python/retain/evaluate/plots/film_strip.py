"""An episode as a row of pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retain.errors import EvaluationError
from retain.evaluate.plots import style


def plot_film_strip(
    frames: NDArray[np.uint8],
    times_s: Sequence[float] | NDArray[Any],
    path: Path,
    *,
    title: str,
    subtitle: str = "",
    count: int = 8,
) -> Path:
    """Draw `count` frames of an episode, evenly spread, first and last included.

    Args:
        frames: uint8 [T, H, W, 3], RGB.
        times_s: When each was taken, [T].
        path: PNG to write.
        title: What happens, such as the instruction and how it ended.
        subtitle: How it was made, in small print.
        count: Pictures to show, at most T.

    Raises:
        EvaluationError: The arrays do not fit each other.
    """
    times = np.asarray(times_s, np.float64)
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8 or times.shape != frames.shape[:1]:
        raise EvaluationError(
            f"a film strip needs uint8 [T, H, W, 3] frames and T times; found {frames.dtype} {frames.shape}"
            f" and {times.shape}"
        )
    shown = np.unique(np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int))
    width = 1.55
    made = style.figure(width * len(shown) + 0.1, width * frames.shape[1] / frames.shape[2] + 1.05)
    for axes, index in zip(made.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        axes.imshow(frames[index], interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color(style.RULE)
        axes.set_xlabel(f"{times[index] - times[0]:.1f} s", fontsize=9, color=style.INK)
    style.titled(made, title, subtitle)
    return style.save(made, path)
