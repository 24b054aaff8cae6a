"""The end of a run, tick by tick: what the policy said, what was planned, what was sent, what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from retain.errors import FlightError

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FlightRecord:
    """Arrays over T ticks and C robot channels, in the robot's order and units.

    Attributes:
        channels: Names of the C channels.
        states: Names that `state` counts in.
        time_s: [T] since the first recorded tick, on CLOCK_MONOTONIC.
        lateness_s: [T] of the wake-up.
        chunk: [T] number of the chunk that played; 0: none.
        row: [T] the row being approached.
        state: [T] index into `states`.
        reaction: [T] 0 none, 1 hold, 2 ramp, 3 drop.
        measured: [T, C].
        policy: [T, C] the policy's row as it said it; NaN without a chunk.
        planned: [T, C] the target at this instant; NaN without a chunk.
        sent: [T, C] the command after the limiter.
    """

    channels: tuple[str, ...]
    states: tuple[str, ...]
    time_s: FloatArray
    lateness_s: FloatArray
    chunk: npt.NDArray[np.uint64]
    row: npt.NDArray[np.uint32]
    state: npt.NDArray[np.uint8]
    reaction: npt.NDArray[np.uint8]
    measured: FloatArray
    policy: FloatArray
    planned: FloatArray
    sent: FloatArray

    @classmethod
    def from_core(cls, arrays: Mapping[str, Any], channels: tuple[str, ...], states: tuple[str, ...]) -> "FlightRecord":
        """From the C++ loop's arrays, with time counted from the first tick."""
        plain = dict(arrays)
        time_s = plain.pop("time_s")
        return cls(channels=channels, states=states, time_s=time_s - time_s[0] if len(time_s) else time_s, **plain)

    @classmethod
    def load(cls, path: Path) -> "FlightRecord":
        """Read what `save` wrote.

        Raises:
            FlightError: It is another file.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays: dict[str, Any] = {field.name: file[field.name] for field in fields(cls)}
        except (OSError, KeyError, ValueError, BadZipFile) as error:
            raise FlightError(f"{path} is no flight record ({error}); make one with `retain run --save-log`") from error
        names = {name: tuple(arrays[name].tolist()) for name in ("channels", "states")}
        return cls(**{**arrays, **names})

    def save(self, path: Path) -> None:
        """Write the arrays as one .npz file, names included."""
        arrays: dict[str, Any] = {name: np.asarray(value) for name, value in vars(self).items()}
        with path.open("wb") as file:
            np.savez_compressed(file, **arrays)
