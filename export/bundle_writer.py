"""What a manifest says, taken from the policy's own specification, and the files it vouches for."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from retain import __version__
from retain.bundle.contents import WEIGHTS_FILE, FileRecord, Golden, Graphs
from retain.bundle.digest import record, record_files
from retain.bundle.interface import (
    Action,
    ActionChannel,
    Affine,
    Camera,
    ChannelLimits,
    Flow,
    Language,
    Normalization,
    Observation,
    StateChannel,
)
from retain.bundle.manifest import MANIFEST_FILE, Manifest
from retain.errors import ExportError
from retain.policy import PolicySpec

TOKENIZER_FILE = "tokenizer.json"


def write_manifest(
    directory: Path,
    spec: PolicySpec,
    *,
    merge: Mapping[str, Any] | None,
    limits: Mapping[str, ChannelLimits] | None,
    graphs: Graphs,
    golden: Golden,
    weights_sha256: str | None,
) -> Manifest:
    """Write `manifest.json` into a directory in which everything else is in place.

    Args:
        directory: The bundle to be.
        spec: Of the policy.
        merge: A merge's provenance, or None.
        limits: By action channel; channels that are not named have none.
        graphs: From `graphs.signature`.
        golden: What was recorded, by whom.
        weights_sha256: Where the merge has just computed it, so that gigabytes are not read again.

    Raises:
        ExportError: Limits name unknown channels.
    """
    files = record_files(directory, exclude=frozenset({WEIGHTS_FILE, MANIFEST_FILE}))
    files[WEIGHTS_FILE] = _weights(directory / WEIGHTS_FILE, weights_sha256)
    manifest = Manifest(
        retain_version=__version__,
        family=spec.family,
        merge=None if merge is None else json.loads(json.dumps(merge)),
        observation=observation_of(spec),
        action=action_of(spec),
        normalization=normalization_of(spec),
        flow=flow_of(spec),
        language=language_of(spec),
        max_trained_delay=spec.max_trained_delay,
        limits=None if limits is None else _in_order(limits, spec),
        graphs=graphs,
        golden=golden,
        files=dict(sorted(files.items())),
    )
    (directory / MANIFEST_FILE).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def observation_of(spec: PolicySpec) -> Observation:
    """What the policy sees, in the manifest's words."""
    return Observation(
        cameras=tuple(
            Camera(role=camera.role, height=camera.height, width=camera.width, input=f"image.{camera.role}")
            for camera in spec.cameras
        ),
        state=tuple(StateChannel(name=channel.name, unit=channel.unit) for channel in spec.state),
    )


def action_of(spec: PolicySpec) -> Action:
    """What the policy says, in the manifest's words."""
    return Action(
        channels=tuple(
            ActionChannel(name=channel.name, unit=channel.unit, mode=channel.mode, interpolation=channel.interpolation)
            for channel in spec.action
        ),
        dt_s=spec.dt_s,
        horizon=spec.horizon,
        n_action_steps=spec.n_action_steps,
    )


def flow_of(spec: PolicySpec) -> Flow | None:
    """How a chunk is drawn, in the manifest's words."""
    flow = spec.flow
    return None if flow is None else Flow(steps=flow.steps, width=flow.width, noise=flow.noise, time=flow.time)


def language_of(spec: PolicySpec) -> Language | None:
    """How an instruction is read, in the manifest's words."""
    if spec.max_tokens == 0:
        return None
    return Language(max_tokens=spec.max_tokens, tokenizer=TOKENIZER_FILE, opening=spec.opening, suffix=spec.suffix)


def normalization_of(spec: PolicySpec) -> Normalization:
    """The policy's units, in the manifest's words."""
    state, action = spec.normalization.state, spec.normalization.action
    return Normalization(
        state=Affine(offset=state.offset, scale=state.scale),
        action=Affine(offset=action.offset, scale=action.scale),
    )


def read_limits(path: Path) -> dict[str, ChannelLimits]:
    """Read default limits: JSON, `{"elbow": {"position_min": -2.6, "velocity": 1.5}, …}`.

    Raises:
        ExportError: The file cannot be read or holds something else.
    """
    try:
        return TypeAdapter(dict[str, ChannelLimits]).validate_json(path.read_bytes())
    except OSError as error:
        raise ExportError(f"cannot read the limits {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ExportError(
            f'{path}: {where}: {first["msg"]}; expected {{"CHANNEL": {{"position_min": …, "velocity": …}}}}'
        ) from error


def _in_order(limits: Mapping[str, ChannelLimits], spec: PolicySpec) -> tuple[ChannelLimits, ...]:
    names = [channel.name for channel in spec.action]
    if unknown := sorted(limits.keys() - set(names)):
        raise ExportError(f"the limits name {', '.join(unknown)}; this policy's actions are {', '.join(names)}")
    return tuple(limits.get(name, ChannelLimits()) for name in names)


def _weights(path: Path, sha256: str | None) -> FileRecord:
    return record(path) if sha256 is None else FileRecord(sha256=sha256, bytes=path.stat().st_size)
