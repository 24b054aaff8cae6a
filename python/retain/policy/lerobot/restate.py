"""Say something else of a LeRobot policy than its files do: other statistics, or another size of its pictures."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save, save_file

from retain.data.statistics import Statistics
from retain.errors import PolicyError
from retain.policy.lerobot.document import read_spec
from retain.policy.lerobot.pipelines import to_bytes
from retain.policy.spec import CameraSpec, PolicySpec

Sidecars = Mapping[str, bytes]
"""A policy directory's files by name, without its weights."""


def with_statistics(sidecars: Sidecars, statistics: Mapping[str, Statistics]) -> dict[str, bytes]:
    """The files with other normalization statistics.

    Args:
        sidecars: The policy's.
        statistics: Per feature, as of a dataset's meta/stats.json. Features that are not among them keep theirs.

    Raises:
        PolicyError: The files have a statistic of a feature that the new ones lack, or of another size.
    """
    changed = dict(sidecars)
    for file, content in sidecars.items():
        if not file.endswith(".safetensors"):
            continue
        tensors = load(content)
        for name, before in tensors.items():
            feature, _, statistic = name.rpartition(".")
            if feature not in statistics:
                continue
            after = np.asarray(statistics[feature].get(statistic, ()), before.dtype)
            if after.shape != before.shape:
                raise PolicyError(f"{file} has {name} of {list(before.shape)}, the new statistics {list(after.shape)}")
            tensors[name] = after
        changed[file] = save(tensors)
    return changed


def with_cameras(sidecars: Sidecars, cameras: tuple[CameraSpec, ...]) -> dict[str, bytes]:
    """The files with other sizes of the pictures, by the cameras' roles."""
    document = json.loads(sidecars["config.json"])
    sizes = {camera.role: [3, camera.height, camera.width] for camera in cameras}
    for feature, described in document["input_features"].items():
        described["shape"] = sizes.get(feature.rpartition(".")[2], described["shape"])
    return {**sidecars, "config.json": to_bytes(document)}


def spec_of(sidecars: Sidecars) -> PolicySpec:
    """What the policy of these files sees and says.

    Raises:
        PolicyError: The files do not fit each other.
    """
    document: dict[str, Any] = json.loads(sidecars["config.json"])
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        for name, content in sidecars.items():
            (directory / name).write_bytes(content)
        save_file({"stands.for.weights": np.zeros(1, np.float32)}, directory / "model.safetensors")
        return read_spec(directory, document)
