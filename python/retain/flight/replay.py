"""Ask a bundle again what a recorded flight's policy was asked, and compare the answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from retain._core import runtime as core
from retain.bundle import Bundle
from retain.bundle.units import Units
from retain.engine import PolicyEngine, open_engine
from retain.errors import FlightError
from retain.flight.log import Answer, FlightLog
from retain.flight.messages import Picture
from retain.runtime.recording import bundle_sha256

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ChannelDifference:
    """How far the two policies are apart on one channel, in its unit, over all rows of all chunks.

    Attributes:
        name: Of the channel.
        unit: Of the differences.
        largest: max |new − recorded|.
        mean: mean |new − recorded|.
    """

    name: str
    unit: str
    largest: float
    mean: float


@dataclass(frozen=True)
class ReplayedChunk:
    """One answer beside the recorded one; [H, A] in robot units and the order of the bundle's action channels.

    Attributes:
        id: The chunk's number.
        time_s: Of the observation, after the first recorded tick.
        recorded: What the policy said in flight.
        replayed: What the bundle says.
        largest: max |new − recorded| in normalized units, in which all channels weigh the same.
    """

    id: int
    time_s: float
    recorded: FloatArray
    replayed: FloatArray
    largest: float


@dataclass(frozen=True)
class Replay:
    """A flight computed again.

    Attributes:
        same_bundle: Whether it is the bundle that flew, by SHA-256. Only then is a difference a failure.
        tolerance: On `ReplayedChunk.largest`.
        chunks: Those that were computed again.
        left_out: Recorded answers that cannot be computed again: a picture is missing at the file's torn end, or
            another bundle would have to go on from what the first one had left.
        channels: The differences.
    """

    same_bundle: bool
    tolerance: float
    chunks: tuple[ReplayedChunk, ...]
    left_out: int
    channels: tuple[ChannelDifference, ...]

    @property
    def share_beyond(self) -> float:
        """The share of chunks that differ by more than the tolerance."""
        return sum(chunk.largest > self.tolerance for chunk in self.chunks) / len(self.chunks)

    @property
    def failed(self) -> bool:
        """Whether the bundle that flew says something else now."""
        return self.same_bundle and self.share_beyond > 0

    def to_json(self) -> dict[str, Any]:
        """The comparison as one JSON object."""
        return {
            "same_bundle": self.same_bundle,
            "tolerance": self.tolerance,
            "chunks": len(self.chunks),
            "left_out": self.left_out,
            "share_beyond_tolerance": self.share_beyond,
            "largest": max(chunk.largest for chunk in self.chunks),
            "channels": [vars(channel) for channel in self.channels],
        }


def replay(
    log: FlightLog,
    bundle: Bundle,
    *,
    engine: PolicyEngine | None = None,
    tolerance: float | None = None,
) -> Replay:
    """Compute every recorded answer again: same pictures, state, instruction and noise, through the loop's own sampler.

    Args:
        log: A flight.
        bundle: The one that flew, or another to hear what it would have said.
        engine: Opened on the bundle; None opens ONNX Runtime on one CPU thread.
        tolerance: On the largest normalized difference of a chunk; None takes the one with which the bundle's engines
            are checked.

    Raises:
        FlightError: The bundle sees, moves or times otherwise than the one that flew, or no answer can be computed.
        EngineError: The engine cannot be opened or fails.
    """
    _check(log, bundle)
    engine = open_engine(bundle) if engine is None else engine
    same = bundle_sha256(bundle) == log.metadata["bundle_sha256"]
    chunks = tuple(_chunks(log, bundle, engine, same))
    if not chunks:
        raise FlightError(f"{log.path} holds no answer that can be computed again; record a run that asks its policy")
    return Replay(
        same_bundle=same,
        tolerance=bundle.manifest.golden.atol if tolerance is None else tolerance,
        chunks=chunks,
        left_out=len(log.answers) - len(chunks),
        channels=_differences(bundle, chunks),
    )


def _check(log: FlightLog, bundle: Bundle) -> None:
    manifest = bundle.manifest
    wanted = {
        "action channels": sorted(channel.name for channel in manifest.action.channels),
        "cameras": sorted(camera.role for camera in manifest.observation.cameras),
        "dt_s": manifest.action.dt_s,
    }
    flown = {"action channels": sorted(log.strings("action")), "cameras": sorted(log.cameras), "dt_s": log.dt_s}
    for what, value in wanted.items():
        if value != flown[what]:
            raise FlightError(
                f"the bundle's {what} are {value} and the flight's {flown[what]}; replay it through a bundle for the"
                " same robot"
            )


def _chunks(log: FlightLog, bundle: Bundle, engine: PolicyEngine, same: bool) -> Iterator[ReplayedChunk]:
    manifest, units = bundle.manifest, Units.of(bundle.manifest)
    tokens, mask = bundle.tokenize(log.metadata["instruction"])
    columns = {name: index for index, name in enumerate(log.ticks.channels)}
    state_of = [columns[channel.name] for channel in manifest.observation.state]
    action_of = [columns[channel.name] for channel in manifest.action.channels]
    scale = np.array(manifest.normalization.action.scale)
    roles = [image.role for image in engine.info.images]
    for answer, pictures in _with_pictures(log, roles):
        seen = answer.observation
        if seen.splice != "none" and not same:
            continue  # it is normalized by the manifest of the bundle that flew
        measured = seen.measured[state_of]
        state = seen.state if same else _normalized(measured, bundle)
        engine.prefix([picture.rgb for picture in pictures], tokens, mask, state)
        drawn = core.sample_chunk(
            engine,
            seen.seed,
            seen.stream,
            manifest.flow_steps,
            splice=seen.splice,
            left_over=seen.left_over,
            committed=seen.committed_rows,
            overlap_end=seen.overlap_end,
            guidance_limit=seen.guidance_limit,
        )
        replayed = units.decode_actions(drawn[:, : len(action_of)], measured.astype(np.float32)).astype(np.float64)
        recorded = answer.chunk.policy[:, action_of]
        rows = min(len(recorded), len(replayed))
        if same:
            largest = float(np.abs(drawn.reshape(-1) - seen.answer).max())
        else:
            largest = float(np.abs((replayed[:rows] - recorded[:rows]) / scale).max())
        yield ReplayedChunk(
            id=seen.chunk,
            time_s=(seen.observed_ns - log.start_ns) * 1e-9,
            recorded=recorded[:rows],
            replayed=replayed[:rows],
            largest=largest,
        )


def _normalized(measured: FloatArray, bundle: Bundle) -> npt.NDArray[np.float32]:
    """As the loop does it: in float64, then rounded once."""
    affine = bundle.manifest.normalization.state
    normalized = (measured - np.array(affine.offset)) / np.array(affine.scale)
    return np.asarray(normalized, np.float32)


def _with_pictures(log: FlightLog, roles: list[str]) -> Iterator[tuple[Answer, list[Picture]]]:
    """Answers with what they saw; those whose pictures are not all there are left out."""
    streams = [log.seen(role) for role in roles]
    heads = [next(stream, None) for stream in streams]
    for answer in log.answers:
        number = answer.observation.chunk & 0xFFFFFFFF
        for i, stream in enumerate(streams):
            while (head := heads[i]) is not None and head.number < number:
                heads[i] = next(stream, None)
        found = [head for head in heads if head is not None and head.number == number]
        if len(found) == len(roles):
            yield answer, found


def _differences(bundle: Bundle, chunks: tuple[ReplayedChunk, ...]) -> tuple[ChannelDifference, ...]:
    apart = np.abs(np.concatenate([chunk.replayed - chunk.recorded for chunk in chunks]))
    return tuple(
        ChannelDifference(channel.name, channel.unit, float(apart[:, i].max()), float(apart[:, i].mean()))
        for i, channel in enumerate(bundle.manifest.action.channels)
    )
