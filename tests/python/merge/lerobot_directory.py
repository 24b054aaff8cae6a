"""Policy directories as LeRobot 0.4 and later writes them: weights, config.json, processors with statistics."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .policies import Weights, write_weights

STATISTICS_OF = {
    "MEAN_STD": ("mean", "std"),
    "MIN_MAX": ("min", "max"),
    "QUANTILES": ("q01", "q99"),
    "QUANTILE10": ("q10", "q90"),
}
TYPES = {
    "action": "ACTION",
    "observation.state": "STATE",
    "observation.environment_state": "ENV",
    "observation.images.top": "VISUAL",
}
NORMALIZER = "policy_preprocessor_step_3_normalizer_processor.safetensors"
UNNORMALIZER = "policy_postprocessor_step_0_unnormalizer_processor.safetensors"


def write_lerobot(
    directory: Path,
    weights: Weights,
    *,
    kind: str,
    statistics: Weights,
    modes: Mapping[str, str],
    dtype: str = "F32",
    config: Mapping[str, Any] | None = None,
    epsilon: float = 1e-8,
) -> Path:
    """A LeRobot policy directory.

    Args:
        directory: Where.
        weights: By name.
        kind: Its "type", as "act".
        statistics: As "action.mean"; a feature is what has some.
        modes: By LeRobot's feature type, as {"ACTION": "MEAN_STD"}.
        dtype: Of the weights.
        config: More of config.json.
        epsilon: The normalizers'.
    """
    directory.mkdir(parents=True)
    write_weights(directory / "model.safetensors", weights, dtype)
    features = {
        feature: {"type": TYPES[feature], "shape": list(np.atleast_1d(statistics[name]).shape)}
        for name in statistics
        if (feature := name.rpartition(".")[0]) in TYPES
    }
    inputs = {name: feature for name, feature in features.items() if name != "action"}
    outputs = {name: feature for name, feature in features.items() if name == "action"}
    document = {
        "type": kind, "input_features": inputs, "output_features": outputs, "normalization_mapping": dict(modes),
    }  # fmt: skip
    (directory / "config.json").write_text(json.dumps({**document, **(config or {})}))
    normalizer = {"eps": epsilon, "features": features, "norm_map": dict(modes)}
    pipelines: dict[str, list[dict[str, Any]]] = {
        "policy_preprocessor": [
            {"registry_name": "rename_observations_processor", "config": {"rename_map": {}}},
            {"registry_name": "to_batch_processor", "config": {}},
            {"registry_name": "device_processor", "config": {"device": "cpu"}},
            {"registry_name": "normalizer_processor", "config": normalizer, "state_file": NORMALIZER},
        ],
        "policy_postprocessor": [
            {"registry_name": "unnormalizer_processor", "config": {**normalizer, "features": outputs},
             "state_file": UNNORMALIZER},
            {"registry_name": "device_processor", "config": {"device": "cpu"}},
        ],
    }  # fmt: skip
    for name, steps in pipelines.items():
        (directory / f"{name}.json").write_text(json.dumps({"name": name, "steps": steps}))
    for name in (NORMALIZER, UNNORMALIZER):
        write_weights(directory / name, statistics, "F64" if dtype == "F64" else "F32")
    return directory


def normalize(mode: str, x: np.ndarray, low: np.ndarray, high: np.ndarray, epsilon: float = 1e-8) -> np.ndarray:
    """LeRobot's normalizer, by its own lines."""
    if mode == "MEAN_STD":
        return np.asarray((x - low) / (high + epsilon))
    denominator = np.where(high - low == 0, epsilon, high - low)
    return np.asarray(2 * (x - low) / denominator - 1)


def unnormalize(mode: str, n: np.ndarray, low: np.ndarray, high: np.ndarray, epsilon: float = 1e-8) -> np.ndarray:
    if mode == "MEAN_STD":
        return np.asarray(n * high + low)
    denominator = np.where(high - low == 0, epsilon, high - low)
    return np.asarray((n + 1) / 2 * denominator + low)
