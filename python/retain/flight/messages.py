"""A flight's messages as values: the mirror image of csrc/record/messages.cpp."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from retain.flight.cdr import CdrReader

FloatArray = npt.NDArray[np.float64]

TICK, EVENT, OBSERVATION, CHUNK = "/tick", "/event", "/observation", "/chunk"
SEEN, CAMERA = "/observation/", "/camera/"
"""Before a camera's role: the pictures that the policy saw, and those taken for a data set."""

_ERROR_LEVEL = 40


@dataclass(frozen=True)
class EventMessage:
    """Something that changed.

    Attributes:
        time_ns: On CLOCK_MONOTONIC.
        is_fault: Whether it belongs to a fault.
        text: "state running", "state stopping, cause robot_silent", "reaction hold".
    """

    time_ns: int
    is_fault: bool
    text: str


@dataclass(frozen=True)
class ObservationMessage:
    """What an answer was computed from, but for the pictures.

    Attributes:
        observed_ns, asked_ns, answered_ns: Sensor time, begin of the request, judgement of the answer; CLOCK_MONOTONIC.
        chunk: The answer's number.
        seed, stream: Of the noise.
        flow_steps: Euler steps.
        execute_rows: Rows between two requests, s.
        committed_rows: Rows of the running chunk that the answer had to begin with, d.
        overlap_end: Row from which the running chunk said nothing, e.
        guidance_limit: Greatest weight of the guidance.
        splice: What the flow did about the running chunk: "none", "guided" or "prefix".
        strategy: Name of the execution strategy.
        frame_numbers: One per camera.
        measured: [C] in the robot's order and units.
        state: float32[S] normalized, in the policy's order.
        answer: float32[H * A] normalized.
        left_over: float32[H * A] normalized rest of the running chunk; empty where `splice` is "none".
    """

    observed_ns: int
    asked_ns: int
    answered_ns: int
    chunk: int
    seed: int
    stream: int
    flow_steps: int
    execute_rows: int
    committed_rows: int
    overlap_end: int
    guidance_limit: float
    splice: str
    strategy: str
    frame_numbers: npt.NDArray[np.uint64]
    measured: FloatArray
    state: npt.NDArray[np.float32]
    answer: npt.NDArray[np.float32]
    left_over: npt.NDArray[np.float32]


@dataclass(frozen=True)
class ChunkMessage:
    """An answer in robot units, before and after admission.

    Attributes:
        start_ns: When its first row begins.
        dt_s: Of a row.
        id: Its number.
        playable_rows: Rows to be played.
        outcome: "published", "rejected" (then `planned` means nothing) or "expired".
        origin: [C] the command in force at the start.
        policy: [H, C].
        planned: [H, C].
    """

    observed_ns: int
    start_ns: int
    answered_ns: int
    dt_s: float
    id: int
    playable_rows: int
    outcome: str
    origin: FloatArray
    policy: FloatArray
    planned: FloatArray


@dataclass(frozen=True)
class Picture:
    """One frame: when it was taken, CLOCK_MONOTONIC; its chunk's or its own number; uint8[H, W, 3], RGB."""

    sensor_ns: int
    number: int
    rgb: npt.NDArray[np.uint8]


def decode_event(data: bytes) -> EventMessage:
    """A rcl_interfaces/msg/Log."""
    cdr = CdrReader(data)
    time_ns, level, _ = cdr.time_ns(), cdr.value("B"), cdr.text()
    return EventMessage(time_ns, level >= _ERROR_LEVEL, cdr.text())


def decode_observation(data: bytes) -> ObservationMessage:
    """A retain_msgs/msg/Observation."""
    cdr = CdrReader(data)
    return ObservationMessage(
        observed_ns=cdr.time_ns(),
        asked_ns=cdr.time_ns(),
        answered_ns=cdr.time_ns(),
        chunk=cdr.value("Q"),
        seed=cdr.value("Q"),
        stream=cdr.value("Q"),
        flow_steps=cdr.value("I"),
        execute_rows=cdr.value("I"),
        committed_rows=cdr.value("I"),
        overlap_end=cdr.value("I"),
        guidance_limit=cdr.value("f"),
        splice=cdr.text(),
        strategy=cdr.text(),
        frame_numbers=cdr.array("u8"),
        measured=cdr.array("f8"),
        state=cdr.array("f4"),
        answer=cdr.array("f4"),
        left_over=cdr.array("f4"),
    )


def decode_chunk(data: bytes) -> ChunkMessage:
    """A retain_msgs/msg/Chunk."""
    cdr = CdrReader(data)
    observed_ns, start_ns, answered_ns = cdr.time_ns(), cdr.time_ns(), cdr.time_ns()
    dt_s, number = cdr.value("d"), cdr.value("Q")
    rows, playable, channels = cdr.value("I"), cdr.value("I"), cdr.value("I")
    outcome, origin = cdr.text(), cdr.array("f8")
    policy, planned = (cdr.array("f8").reshape(rows, channels) for _ in range(2))
    return ChunkMessage(observed_ns, start_ns, answered_ns, dt_s, number, playable, outcome, origin, policy, planned)


def decode_picture(number: int, data: bytes) -> Picture:
    """A sensor_msgs/msg/Image."""
    cdr = CdrReader(data)
    sensor_ns, _ = cdr.time_ns(), cdr.text()
    height, width = cdr.value("I"), cdr.value("I")
    if (encoding := cdr.text()) != "rgb8":
        raise ValueError(f"a picture is encoded as {encoding!r}, expected rgb8")
    cdr.value("B"), cdr.value("I")
    return Picture(sensor_ns, number, cdr.array("u1").reshape(height, width, 3))


def decode_ticks(messages: Sequence[bytes], channels: int) -> dict[str, npt.NDArray[Any]]:
    """All retain_msgs/msg/Tick at once: they are of one size, so they are one array.

    Returns:
        time_ns, lateness_s, chunk, row, state, reaction: [T]; measured, policy, planned, sent: [T, C].
    """
    layout = _tick_layout(channels)
    if any(len(message) != layout.itemsize for message in messages):
        raise ValueError(f"a tick has another size than {layout.itemsize} bytes, that of {channels} channels")
    ticks = np.frombuffer(b"".join(messages), layout)
    columns = {name: np.ascontiguousarray(ticks[name]) for name in layout.names or () if name not in {"sec", "nanosec"}}
    columns["time_ns"] = ticks["sec"].astype(np.int64) * 1_000_000_000 + ticks["nanosec"]
    return columns


def _tick_layout(channels: int) -> np.dtype[Any]:
    fields = [("sec", "<i4"), ("nanosec", "<u4"), ("lateness_s", "<f8"), ("chunk", "<u8"), ("row", "<u4")]
    fields += [("state", "u1"), ("reaction", "u1")]
    offsets = [4, 8, 12, 20, 28, 32, 33]
    end = 34
    formats: list[Any] = [kind for _, kind in fields]
    names = [name for name, _ in fields]
    for name in ("measured", "policy", "planned", "sent"):
        end += -(end - 4) % 4 + 4  # the sequence's length
        end += -(end - 4) % 8
        names.append(name)
        formats.append(("<f8", (channels,)))
        offsets.append(end)
        end += 8 * channels
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": end})
