"""openpi's PyTorch checkpoints as LeRobot directories: the same bytes under LeRobot's names, with its processors.

openpi's converter (`examples/convert_jax_model_to_pytorch.py`) and its PyTorch trainer write model.safetensors, a small
config.json and assets/<asset>/norm_stats.json. Names are LeRobot's without the leading `model.`; statistics divide by
(std + 1e-6) for π0 and stretch from q01 to q99 for π0.5 (openpi, transforms.py, `Normalize`). Which cameras a robot has
and which channels are relative is in openpi's Python configuration alone: the user says it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from retain.checkpoint import Header, build_header, read_header, read_json_object
from retain.errors import CheckpointError, PolicyError
from retain.policy.lerobot.document import ACTION, STATE

WEIGHTS = "model.safetensors"
CAMERAS = ("base_0_rgb", "left_wrist_0_rgb", "right_wrist_0_rgb")
"""openpi's cameras, in the order in which the policy takes them; a robot has the first so many."""

_PREFIX = "model."
_EPSILON = 1e-6
_CHUNK_BYTES = 1 << 24
_FLOW_STEPS = 10
_TOKENIZER = "google/paligemma-3b-pt-224"
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
    for name, steps in _processors(family, written, rig).items():
        (target / f"{name}.json").write_text(json.dumps({"name": name, "steps": steps}, indent=2) + "\n")
        save_file(statistics, target / steps[_normalizing(steps)]["state_file"])
    _rename(header, target / WEIGHTS, progress)
    return written


def _document(document: Mapping[str, Any], family: str, rig: Rig) -> dict[str, Any]:
    mode = "QUANTILES" if family == "pi05" else "MEAN_STD"
    cameras = {
        f"observation.images.{role}": {"type": "VISUAL", "shape": [3, rig.height, rig.width]} for role in rig.cameras
    }
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
        "tokenizer_max_length": 200 if family == "pi05" else 48,
        "image_resolution": [224, 224],
        "dtype": {"bfloat16": "bfloat16"}.get(str(document.get("precision")), "float32"),
        **{key: document[key] for key in (*_SIZES, *_OWN_SIZES) if key in document},
    }


def _processors(family: str, document: Mapping[str, Any], rig: Rig) -> dict[str, list[dict[str, Any]]]:
    features = {**document["input_features"], **document["output_features"]}
    normalizer = {"eps": _EPSILON, "features": features, "norm_map": document["normalization_mapping"]}
    relative = {
        "enabled": bool(rig.relative),
        "exclude_joints": [name for name in rig.action if name not in rig.relative],
        "action_names": list(rig.action),
    }
    words = {
        "max_length": document["tokenizer_max_length"],
        "task_key": "task",
        "padding_side": "right",
        "padding": "max_length",
        "truncation": True,
        "tokenizer_name": _TOKENIZER,
    }
    spoken = {"pi0": "pi0_new_line_processor", "pi05": "pi05_prepare_state_tokenizer_processor_step"}[family]
    before = [
        {"registry_name": "rename_observations_processor", "config": {"rename_map": {}}},
        {"registry_name": "to_batch_processor", "config": {}},
        {"registry_name": "relative_actions_processor", "config": relative},
        {"registry_name": "normalizer_processor", "config": normalizer},
        {"registry_name": spoken, "config": {}},
        {"registry_name": "tokenizer_processor", "config": words},
        {"registry_name": "device_processor", "config": {"device": "cpu", "float_dtype": None}},
    ]
    after = [
        {"registry_name": "unnormalizer_processor", "config": {**normalizer, "features": document["output_features"]}},
        {"registry_name": "absolute_actions_processor", "config": {"enabled": relative["enabled"]}},
        {"registry_name": "device_processor", "config": {"device": "cpu", "float_dtype": None}},
    ]
    for name, steps in (("policy_preprocessor", before), ("policy_postprocessor", after)):
        index = _normalizing(steps)
        steps[index]["state_file"] = f"{name}_step_{index}_{steps[index]['registry_name']}.safetensors"
    return {"policy_preprocessor": before, "policy_postprocessor": after}


def _normalizing(steps: Sequence[Mapping[str, Any]]) -> int:
    return next(
        index for index, step in enumerate(steps) if str(step["registry_name"]).endswith("normalizer_processor")
    )


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


def _rename(header: Header, target: Path, progress: Callable[[int], None]) -> None:
    """The same tensors in the same order, each with LeRobot's prefix in front of its name."""
    tensors = [(_PREFIX + name, info.dtype, tuple(info.shape)) for name, info in header.tensors.items()]
    try:
        with header.file.open("rb") as read, target.open("wb") as write:
            write.write(build_header(tensors, {"format": "pt"}))
            read.seek(len(header.raw))
            while block := read.read(_CHUNK_BYTES):
                write.write(block)
                progress(len(block))
    except OSError as error:
        raise CheckpointError(f"cannot copy {header.file} to {target}: {error.strerror}") from error
