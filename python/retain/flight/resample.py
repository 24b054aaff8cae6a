"""A flight's series at instants of one's own."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def resample(
    time_s: FloatArray, values: FloatArray, instants_s: FloatArray, interpolation: tuple[str, ...]
) -> FloatArray:
    """Values at instants, channel by channel: linear between neighbours, or the last one for a switch.

    Args:
        time_s: [T], increasing.
        values: [T, C].
        instants_s: [N], within `time_s`.
        interpolation: C of "linear" or "hold".

    Returns:
        [N, C].
    """
    last = np.clip(np.searchsorted(time_s, instants_s, side="right") - 1, 0, len(time_s) - 1)
    columns = [
        np.interp(instants_s, time_s, values[:, channel]) if kind == "linear" else values[last, channel]
        for channel, kind in enumerate(interpolation)
    ]
    return np.stack(columns, axis=1)


def nearest(time_s: FloatArray, instants_s: FloatArray) -> npt.NDArray[np.int64]:
    """For each instant the index of the nearest of some sorted times, int64[N]."""
    after = np.clip(np.searchsorted(time_s, instants_s), 1, max(len(time_s) - 1, 1))
    before = after - 1
    if len(time_s) == 1:
        return np.zeros(len(instants_s), np.int64)
    closer = np.abs(instants_s - time_s[before]) <= np.abs(time_s[after] - instants_s)
    return np.where(closer, before, after).astype(np.int64)
