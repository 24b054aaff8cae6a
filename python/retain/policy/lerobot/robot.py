"""A policy told of one robot: which cameras it has, and for a base of many robots what its numbers are divided by.

Published bases are no policies of a robot yet. `lerobot/smolvla_base` keeps its statistics by the data sets that it was
trained on (`so100.buffer.action.mean`), each of which was in units of its own, and names its cameras camera1 to
camera3; others have 32 numbers, most of them padding. LeRobot finds no statistics of `action` there and passes
everything as it is. Its training gives a base the statistics of the data that it is finetuned on: so does this.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from retain.data.statistics import Statistics
from retain.errors import PolicyError
from retain.policy.lerobot.document import ACTION, IMAGES, STATE, cameras_of
from retain.policy.lerobot.pipelines import to_bytes
from retain.policy.lerobot.restate import Sidecars
from retain.policy.spec import CameraSpec

_WIDTHS = {STATE: "max_state_dim", ACTION: "max_action_dim"}
"""How many numbers a base of many robots has room for."""
_NORMALIZERS = ("normalizer_processor", "unnormalizer_processor")


@dataclass(frozen=True)
class Robot:
    """What a policy is to be told of a robot.

    Attributes:
        cameras: The robot's, for the policy's in their order; those beyond are left out, as LeRobot leaves out cameras
            that a robot lacks. None: the policy's own.
        statistics: Of `observation.state` and `action`, each [S] or [A], as of a dataset's meta/stats.json. None: the
            policy's own.
    """

    cameras: tuple[CameraSpec, ...] | None = None
    statistics: Mapping[str, Statistics] | None = None


def for_robot(files: Sidecars, robot: Robot) -> dict[str, bytes]:
    """A policy's files, for one robot.

    Args:
        files: Its config.json, both processors, and their state files.
        robot: The robot.

    Returns:
        Those that are others now, by name.

    Raises:
        PolicyError: There is no room for so many numbers or cameras, the policy is of one robot and keeps its
            statistics, or it has no processors.
    """
    document = json.loads(files["config.json"])
    renamed = _renamed(document, robot)
    inputs = {
        renamed.get(name, name): feature
        for name, feature in document["input_features"].items()
        if renamed.get(name, name)
    }
    for camera in robot.cameras or ():
        inputs[IMAGES + camera.role] = {"type": "VISUAL", "shape": [3, camera.height, camera.width]}
    outputs = dict(document["output_features"])
    for feature, channels in _sizes(document, robot).items():
        (outputs if feature == ACTION else inputs)[feature] = {
            "type": "ACTION" if feature == ACTION else "STATE", "shape": [channels],
        }  # fmt: skip
    changed = {"config.json": to_bytes({**document, "input_features": inputs, "output_features": outputs})}
    for pipeline in ("policy_preprocessor", "policy_postprocessor"):
        if f"{pipeline}.json" not in files:
            raise PolicyError(
                f"the policy has no {pipeline}.json, which LeRobot 0.4 and later writes: convert an older one with"
                " lerobot's migrate_policy_normalization.py"
            )
        steps = json.loads(files[f"{pipeline}.json"])
        for number, step in enumerate(steps["steps"]):
            if step.get("registry_name") not in _NORMALIZERS:
                continue
            step["config"]["features"] = outputs if step["registry_name"] == _NORMALIZERS[1] else {**inputs, **outputs}
            state = step.get("state_file")
            tensors = _statistics(load(files[state]) if state in files else {}, robot, renamed)
            if tensors:
                step["state_file"] = state or f"{pipeline}_step_{number}_{step['registry_name']}.safetensors"
                changed[step["state_file"]] = save(tensors)
        changed[f"{pipeline}.json"] = to_bytes(steps)
    return changed


def _renamed(document: Mapping[str, Any], robot: Robot) -> dict[str, str]:
    """What a policy's camera is called on the robot; "" for one that it lacks."""
    if robot.cameras is None:
        return {}
    cameras = cameras_of(document)
    if not 1 <= len(robot.cameras) <= len(cameras):
        raise PolicyError(
            f"{len(robot.cameras)} cameras are named; the policy takes 1 to {len(cameras)}, in the order"
            f" {', '.join(name.rpartition('.')[2] for name in cameras)}"
        )
    names = [IMAGES + camera.role for camera in robot.cameras]
    return dict(zip(cameras, names + [""] * (len(cameras) - len(names)), strict=True))


def _sizes(document: Mapping[str, Any], robot: Robot) -> dict[str, int]:
    """How many numbers the features have whose statistics are given."""
    if robot.statistics is None:
        return {}
    sizes = {}
    for feature, width in _WIDTHS.items():
        if width not in document:
            raise PolicyError(
                f"a policy of the type {document.get('type')} is made for one robot and keeps its statistics; only"
                " bases of many robots (smolvla, pi0, pi05) take others"
            )
        sizes[feature] = len(robot.statistics[feature]["mean"])
        if sizes[feature] > document[width]:
            raise PolicyError(
                f"the base has room for {document[width]} numbers in {feature}, and the data have {sizes[feature]}"
            )
    return sizes


def _statistics(before: Mapping[str, Any], robot: Robot, renamed: Mapping[str, str]) -> dict[str, Any]:
    """What a processor's state file holds for this robot, by names as `action.mean`."""
    if robot.statistics is not None:
        return {
            f"{feature}.{name}": np.asarray(values, np.float32)
            for feature, statistics in robot.statistics.items()
            for name, values in statistics.items()
        }
    after = {}
    for name, values in before.items():
        feature, _, statistic = name.rpartition(".")
        if now := renamed.get(feature, feature):
            after[f"{now}.{statistic}"] = values
    return after
