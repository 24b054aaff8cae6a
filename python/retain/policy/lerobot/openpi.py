"""openpi's PyTorch checkpoints as LeRobot directories: the same bytes under LeRobot's names, with its processors.

openpi's converter (`examples/convert_jax_model_to_pytorch.py`) and its PyTorch trainer write model.safetensors, a small
config.json and assets/<asset>/norm_stats.json. Names are nearly LeRobot's
(`retain.policy.pi0.names`); statistics divide by
(std + 1e-6) for π0 and stretch from q01 to q99 for π0.5 (openpi, transforms.py, `Normalize`). Which cameras a robot has
and which channels are relative is in openpi's Python configuration alone: the user says it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retain.checkpoint import Header, build_header, read_header, read_json_object
from retain.errors import CheckpointError, PolicyError
from retain.policy.lerobot.document import ACTION, IMAGES, STATE
from retain.policy.lerobot.family import FAMILIES, TOKENS
from retain.policy.lerobot.pipelines import write_pipelines
from retain.policy.pi0.names import lerobot_name

WEIGHTS = "model.safetensors"
CAMERAS = ("base_0_rgb", "left_wrist_0_rgb", "right_wrist_0_rgb")
"""openpi's cameras, in the order in which the policy takes them; a robot has the first so many."""

_EPSILON = 1e-6
_CHUNK_BYTES = 1 << 24
_FLOW_STEPS = 10
# π0.5 alone conditions the expert's norms.
_PI05_MARK = "paligemma_with_expert.gemma_expert.model.norm.dense.weight"
_SIZES = ("paligemma_variant", "action_expert_variant")
_OWN_SIZES = ("language", "expert", "vision", "vocabulary", "image_resolution")
"""Keys of retain's for a network that is none of openpi's variants."""


@dataclass(frozen=True)
class Rig:
    """What openpi's Python configuration says of a robot.

    Attributes:
        cameras: Roles of the robot's cameras, in the order of `CAMERAS`.
        height: Of their pictures [pixels].
        width: Of their pictures [pixels].
        state: Names of the state's channels, in order.
        action: Names of the action's channels, in order.
        relative: Those of `action` that count from the measured state (openpi's `DeltaActions`).
    """

    cameras: tuple[str, ...]
    height: int
    width: int
    state: tuple[str, ...]
    action: tuple[str, ...]
    relative: frozenset[str]


def is_openpi(document: Mapping[str, Any]) -> bool:
    """Whether a config.json is of openpi's converter."""
    return "action_horizon" in document and "input_features" not in document


def write_as_lerobot(
    source: Path,
    target: Path,
    document: Mapping[str, Any],
    rig: Rig,
    *,
    asset: str | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Write an openpi checkpoint into an empty directory, in LeRobot's form.

    Args:
        source: openpi's directory.
        target: Where to.
        document: Its parsed config.json.
        rig: The robot.
        asset: Which statistics, where there are several; the name of a folder in assets/.
        progress: Told the number of bytes just copied.

    Returns:
        LeRobot's config.json.

    Raises:
        PolicyError: Statistics are missing or do not fit the channels, or there are more cameras than openpi has.
        CheckpointError: A file cannot be read or is broken.
    """
    header = read_header(source / WEIGHTS)
    family = "pi05" if _PI05_MARK in header.tensors else "pi0"
    if not 1 <= len(rig.cameras) <= len(CAMERAS):
        raise PolicyError(f"{len(rig.cameras)} cameras are named; openpi's policies take 1 to {len(CAMERAS)}")
    statistics = _statistics(_statistics_file(source, asset), rig)
    written = _document(document, family, rig)
    (target / "config.json").write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    relative = [name for name in rig.action if name in rig.relative]
    pipelines = write_pipelines(written, statistics, rig.action, relative, epsilon=_EPSILON)
    for name, content in pipelines.items():
        (target / name).write_bytes(content)
    _rename(header, family, target / WEIGHTS, progress)
    return written


def _document(document: Mapping[str, Any], family: str, rig: Rig) -> dict[str, Any]:
    mode = FAMILIES[family].mode
    cameras = {IMAGES + role: {"type": "VISUAL", "shape": [3, rig.height, rig.width]} for role in rig.cameras}
    width, horizon = int(document.get("action_dim", 32)), int(document["action_horizon"])
    return {
        "type": family,
        "input_features": {STATE: {"type": "STATE", "shape": [len(rig.state)]}, **cameras},
        "output_features": {ACTION: {"type": "ACTION", "shape": [len(rig.action)]}},
        "normalization_mapping": {"VISUAL": "IDENTITY", "STATE": mode, "ACTION": mode},
        "chunk_size": horizon,
        "n_action_steps": horizon,
        "max_state_dim": width,
        "max_action_dim": width,
        "num_inference_steps": _FLOW_STEPS,
        TOKENS: 200 if family == "pi05" else 48,
        "image_resolution": [224, 224],
        "dtype": {"bfloat16": "bfloat16"}.get(str(document.get("precision")), "float32"),
        **{key: document[key] for key in (*_SIZES, *_OWN_SIZES) if key in document},
    }


def _statistics_file(source: Path, asset: str | None) -> Path:
    found = sorted((source / "assets").rglob("norm_stats.json"))
    named = {str(file.parent.relative_to(source / "assets")): file for file in found}
    if asset is not None and asset in named:
        return named[asset]
    if asset is None and len(found) == 1:
        return found[0]
    has = ", ".join(named) or "none"
    wanted = "one" if asset is None else asset
    raise PolicyError(f"{source} has the statistics {has} under assets, expected {wanted}; choose with --asset")


def _statistics(file: Path, rig: Rig) -> dict[str, Any]:
    document = read_json_object(file)
    stats = document.get("norm_stats", document)
    found = {}
    for feature, key, names in ((STATE, "state", rig.state), (ACTION, "actions", rig.action)):
        values = stats.get(key) if isinstance(stats, dict) else None
        if not isinstance(values, dict):
            raise PolicyError(f"{file} has no statistics of {key}")
        for name in ("mean", "std", "q01", "q99"):
            column = values.get(name)
            if column is None:
                continue
            # Some tools compute them after padding: what is beyond the channels is padding.
            if not isinstance(column, list) or len(column) < len(names):
                size = len(column) if isinstance(column, list) else "no"
                raise PolicyError(f"{file} has {size} numbers as {name} of {key}, and {len(names)} channels are named")
            found[f"{feature}.{name}"] = np.array(column[: len(names)], np.float32)
    return found


def _rename(header: Header, family: str, target: Path, progress: Callable[[int], None]) -> None:
    """The same tensors in the same order under LeRobot's names."""
    tensors = [(lerobot_name(name, family), info.dtype, tuple(info.shape)) for name, info in header.tensors.items()]
    try:
        with header.file.open("rb") as read, target.open("wb") as write:
            write.write(build_header(tensors, {"format": "pt"}))
            read.seek(len(header.raw))
            while block := read.read(_CHUNK_BYTES):
                write.write(block)
                progress(len(block))
    except OSError as error:
        raise CheckpointError(f"cannot copy {header.file} to {target}: {error.strerror}") from error
