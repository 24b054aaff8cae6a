"""Flights as demonstrations: what the arm measured and saw, and what it was really sent, as a LeRobotDataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retain.data import DatasetWriter, Feature, camera, vector
from retain.errors import FlightError
from retain.flight.log import FlightLog
from retain.flight.resample import nearest, resample

STATE, ACTION, IMAGES = "observation.state", "action", "observation.images."


@dataclass(frozen=True)
class ExportedFlight:
    """What became of one flight.

    Attributes:
        path: Of the flight's file.
        rows: Frames of its episode.
        largest_frame_offset_s: Greatest distance between a row's instant and its picture's sensor time.
    """

    path: Path
    rows: int
    largest_frame_offset_s: float


def export_dataset(
    logs: Sequence[FlightLog], path: Path, *, units: Mapping[str, float] | None = None, overwrite: bool = False
) -> list[ExportedFlight]:
    """One episode per flight, one row per dt_s from the policy's first motion to its last.

    Row k stands at instant t_k = t_0 + k·dt: the frames nearest to it, the state measured then, and as action the
    command sent at t_k + dt, which is where the arm was told to be when the row ended. The command sent, not the
    policy's word: it is what moved the arm, and it obeyed every limit.

    Args:
        logs: Flights of one robot at one rate, recorded whole (`--record`, not a black box).
        path: The dataset to make.
        units: By channel, how much in SI one of its units is, where the numbers are to be in other units than the
            loop's: 0.01745 for degrees.
        overwrite: Replace a dataset that is already there.

    Raises:
        FlightError: A flight never moved, has too few pictures, or is not of the same robot as the first; or a channel
            has no unit.
        DatasetError: The dataset cannot be written.
    """
    if not logs:
        raise FlightError("no flights were given; name at least one file of `retain run --record FILE`")
    first = logs[0]
    fps = round(1.0 / first.dt_s)
    if abs(fps * first.dt_s - 1.0) > 1e-6:
        raise FlightError(f"a dt of {first.dt_s} s is no whole number of rows a second, as LeRobot stores it")
    if units is not None and (unknown := [c for c in first.strings("channels") if c not in units]):
        raise FlightError(
            f"{first.path} has the channel {unknown[0]}, whose unit is not said; it is of the channels"
            f" {', '.join(units)}: give the policy that flew"
        )
    episodes = [_episode(log, first, units or {}) for log in logs]
    frames = episodes[0][0]
    features: dict[str, Feature] = {
        IMAGES + role: camera(*frames[IMAGES + role].shape[1:3]) for role in first.cameras
    } | {STATE: vector(first.strings("state")), ACTION: vector(first.strings("action"))}
    with DatasetWriter(
        path, fps=fps, robot_type=first.metadata["robot"], features=features, overwrite=overwrite
    ) as writer:
        for log, (values, _) in zip(logs, episodes, strict=True):
            writer.add_episode(log.metadata["instruction"], values)
    return [
        ExportedFlight(log.path, len(values[ACTION]), offset)
        for log, (values, offset) in zip(logs, episodes, strict=True)
    ]


def _episode(
    log: FlightLog, first: FlightLog, units: Mapping[str, float]
) -> tuple[Mapping[str, npt.NDArray[Any]], float]:
    same = [(log.strings(n), first.strings(n)) for n in ("channels", "state", "action")]
    if any(mine != others for mine, others in same) or (log.dt_s, log.cameras) != (first.dt_s, first.cameras):
        raise FlightError(f"{log.path} was not flown by the robot and policy of {first.path}; export them apart")
    ticks = log.ticks
    moving = np.flatnonzero(ticks.state == ticks.states.index("running"))
    moving = moving[ticks.chunk[moving] > 0]
    if not len(moving):
        raise FlightError(f"in {log.path} no chunk was ever played; there is nothing to learn from")
    begin, end = ticks.time_s[moving[0]], ticks.time_s[moving[-1]]
    rows = int(np.floor((end - begin) / log.dt_s + 1e-9))
    if rows < 1:
        raise FlightError(f"{log.path} moved for {end - begin:.2f} s, less than one row of {log.dt_s} s")
    instants = begin + log.dt_s * np.arange(rows)
    column = {name: index for index, name in enumerate(ticks.channels)}
    kinds = log.strings("interpolation")
    measured = resample(ticks.time_s, ticks.measured, instants, kinds)
    sent = resample(ticks.time_s, ticks.sent, instants + log.dt_s, kinds)
    per_unit = np.array([units.get(name, 1.0) for name in ticks.channels])
    measured, sent = measured / per_unit, sent / per_unit
    values: dict[str, npt.NDArray[Any]] = {
        STATE: measured[:, [column[name] for name in log.strings("state")]].astype(np.float32),
        ACTION: sent[:, [column[name] for name in log.strings("action")]].astype(np.float32),
    }
    largest = 0.0
    for role in log.cameras:
        values[IMAGES + role], offset = _pictures(log, role, instants)
        largest = max(largest, offset)
    return values, largest


def _pictures(log: FlightLog, role: str, instants_s: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.uint8], float]:
    """The frames nearest to some instants, uint8[N, H, W, 3], and the greatest distance, s.

    Two passes, so that only the frames that are wanted are in memory.
    """
    taken_ns = np.array([picture.sensor_ns for picture in log.frames(role)], np.int64)
    if not len(taken_ns):
        raise FlightError(f"{log.path} has no pictures of camera {role} for a data set; record with --record FILE")
    order = np.argsort(taken_ns, kind="stable")
    taken_s = np.asarray((taken_ns[order] - log.start_ns) * 1e-9, np.float64)
    wanted = nearest(taken_s, instants_s)
    offset = float(np.abs(taken_s[wanted] - instants_s).max())
    needed = {int(order[index]) for index in wanted}
    kept = {number: picture.rgb for number, picture in enumerate(log.frames(role)) if number in needed}
    return np.stack([kept[int(order[index])] for index in wanted]), offset
