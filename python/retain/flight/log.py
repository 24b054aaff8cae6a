"""A recorded flight: ticks, events and the policy's answers in memory, pictures read when asked for."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retain.errors import FlightError
from retain.flight import messages as m
from retain.flight.mcap_file import Ending, messages
from retain.runtime.flight_record import FlightRecord
from retain.runtime.recording import FORMAT

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Event:
    """Something that changed, s after the first recorded tick."""

    time_s: float
    is_fault: bool
    text: str


@dataclass(frozen=True)
class Answer:
    """One request to the policy and its answer."""

    observation: m.ObservationMessage
    chunk: m.ChunkMessage


@dataclass(frozen=True)
class Limits:
    """What the limiter held, [C] in the robot's order and units; infinite where a channel has none."""

    position_min: FloatArray
    position_max: FloatArray
    velocity: FloatArray
    acceleration: FloatArray


@dataclass(frozen=True)
class FlightLog:
    """A flight's file, read.

    Attributes:
        path: The file.
        metadata: The file's head in words: bundle, instruction, strategy, engine, robot, machine, wall clock.
        end: How the run ended, with the counts of what was lost; empty if the writer was killed.
        complete: Whether the file was closed. If not, up to a second is missing at its end.
        start_ns: Time of the first recorded tick, CLOCK_MONOTONIC.
        ticks: The three series and the measurement.
        events: What changed.
        answers: In the order in which they came.
        units: Of the channels.
        limits: Of the channels.
        rate_hz: Of the tick, nominal.
        dt_s: Of a chunk's row.
        cameras: Roles whose pictures the file holds.
    """

    path: Path
    metadata: dict[str, str]
    end: dict[str, str]
    complete: bool
    start_ns: int
    ticks: FlightRecord
    events: tuple[Event, ...]
    answers: tuple[Answer, ...]
    units: tuple[str, ...]
    limits: Limits
    rate_hz: float
    dt_s: float
    cameras: tuple[str, ...]

    def strings(self, name: str) -> tuple[str, ...]:
        """A list of words in the head: "channels", "units", "state", "action", "interpolation"."""
        return tuple(json.loads(self.metadata[name]))

    def seen(self, role: str) -> Iterator[m.Picture]:
        """The pictures that the policy saw, numbered by chunk."""
        return self._pictures(m.SEEN + role)

    def frames(self, role: str) -> Iterator[m.Picture]:
        """The pictures taken for a data set, about one per row of a chunk; none in a black box."""
        return self._pictures(m.CAMERA + role)

    def _pictures(self, topic: str) -> Iterator[m.Picture]:
        for _, number, data in messages(self.path, lambda name: name == topic, Ending()):
            yield m.decode_picture(number, data)


def read(path: Path | str) -> FlightLog:
    """Read a flight's file; one whose writer was killed is read as far as it goes.

    Raises:
        FlightError: There is none, or it was not written by a run of this version's format.
        MissingExtraError: mcap is not installed.
    """
    path = Path(path)
    ending, cameras = Ending(), set[str]()
    found: dict[str, list[bytes]] = {topic: [] for topic in (m.TICK, m.EVENT, m.OBSERVATION, m.CHUNK)}

    def wanted(topic: str) -> bool:
        if topic.startswith((m.SEEN, m.CAMERA)):
            cameras.add(topic.rpartition("/")[2])
        return topic in found

    for topic, _, data in messages(path, wanted, ending):
        found[topic].append(data)
    head = ending.metadata.get("retain.run")
    if head is None or head.get("format") != FORMAT:
        said = "no flight of retain" if head is None else f"a flight of format {head.get('format')}"
        raise FlightError(f"{path} is {said}, expected format {FORMAT}; record it with this version of retain")
    try:
        return _assemble(path, head, ending, found, tuple(sorted(cameras)))
    except (ValueError, KeyError) as error:
        raise FlightError(f"{path} was not written by this version of retain ({error}); record it again") from error


def _assemble(
    path: Path, head: dict[str, str], ending: Ending, found: dict[str, list[bytes]], cameras: tuple[str, ...]
) -> FlightLog:
    lists = {name: json.loads(head[name]) for name in ("channels", "states", "units")}
    columns: dict[str, Any] = m.decode_ticks(found[m.TICK], len(lists["channels"]))
    time_ns = columns.pop("time_ns")
    events = [m.decode_event(data) for data in found[m.EVENT]]
    start_ns = int(time_ns[0]) if len(time_ns) else (events[0].time_ns if events else 0)
    ticks = FlightRecord(
        channels=tuple(lists["channels"]),
        states=tuple(lists["states"]),
        time_s=(time_ns - start_ns) * 1e-9,
        **columns,
    )
    # A kill can part the two messages of an answer.
    chunks = {chunk.id: chunk for chunk in map(m.decode_chunk, found[m.CHUNK])}
    observations = map(m.decode_observation, found[m.OBSERVATION])
    return FlightLog(
        path=path,
        metadata=head,
        end=ending.metadata.get("retain.end", {}),
        complete=ending.complete,
        start_ns=start_ns,
        ticks=ticks,
        events=tuple(Event((e.time_ns - start_ns) * 1e-9, e.is_fault, e.text) for e in events),
        answers=tuple(Answer(o, chunks[o.chunk]) for o in observations if o.chunk in chunks),
        units=tuple(lists["units"]),
        limits=Limits(
            _numbers(head["position_min"], -np.inf),
            _numbers(head["position_max"], np.inf),
            _numbers(head["velocity"], np.inf),
            _numbers(head["acceleration"], np.inf),
        ),
        rate_hz=float(head["rate_hz"]),
        dt_s=float(head["dt_s"]),
        cameras=cameras,
    )


def _numbers(text: str, absent: float) -> FloatArray:
    return np.array([absent if value is None else value for value in json.loads(text)], np.float64)
