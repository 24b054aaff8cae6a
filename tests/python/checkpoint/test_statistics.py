import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from retain.checkpoint import Statistics, open_checkpoint, read_statistics
from retain.checkpoint.statistics import feature_sizes
from retain.errors import CheckpointError
from safetensors.numpy import save_file

STATISTICS = {
    "lerobot": ({"action.mean": 7, "action.count": 1, "observation.state.q01": 8, "observation.images.a.mean": 3},
                {"action": 7, "observation.state": 8}),
    "old lerobot": ({"normalize_inputs.buffer_observation_state.mean": 8, "unnormalize_outputs.buffer_action.std": 7},
                    {"normalize_inputs.buffer_observation_state": 8, "unnormalize_outputs.buffer_action": 7}),
    "openpi": ({"assets/my/arm/norm_stats.json.norm_stats.actions.q99": 8,
                "assets/my/arm/norm_stats.json.norm_stats.state.std": 9}, {"my/arm.actions": 8, "my/arm.state": 9}),
    "groot": ({"statistics.json.gr1.action.arm.min": 7, "statistics.json.gr1.action.arm.max": 7,
               "statistics.json.gr1.action.hand.min": 6}, {"gr1.action": 13}),
    "openvla": ({"dataset_statistics.json.bridge.action.q01": 7, "dataset_statistics.json.bridge.action.mask": 9,
                 "dataset_statistics.json.bridge.num_transitions": 1}, {"bridge.action": 7}),
}  # fmt: skip


@pytest.mark.parametrize("name", STATISTICS)
def test_the_sizes_of_actions_and_states_are_read_from_the_statistics(name: str) -> None:
    lengths, expected = STATISTICS[name]
    assert feature_sizes(Statistics("", {name: (0.0,) * length for name, length in lengths.items()})) == expected


def read(directory: Path, text: str) -> dict[str, Any]:
    save_file({"w": np.ones(1, np.float32)}, directory / "model.safetensors")
    (directory / "norm_stats.json").write_text(text)
    found = read_statistics(open_checkpoint(directory))
    assert found is not None
    return {name.removeprefix("norm_stats.json."): values for name, values in found.values.items()}


def test_numbers_keep_their_order_whatever_their_nesting(tmp_path: Path) -> None:
    text = '{"a": {"mean": [[1, 2.5], [3, [4]]]}, "b": {"std": 5}, "c": {"names": ["x", 1]}, "d": {"flag": [true]}}'
    assert read(tmp_path, text) == {"a.mean": (1.0, 2.5, 3.0, 4.0), "b.std": (5.0,), "d.flag": (1.0,)}


def test_numbers_that_are_no_float64_are_infinite_or_nan(tmp_path: Path) -> None:
    found = read(tmp_path, f'{{"a": [1{"0" * 400}, -1{"0" * 400}, 1e999, NaN, -Infinity]}}')["a"]
    assert found[:3] == (math.inf, -math.inf, math.inf)
    assert math.isnan(found[3])
    assert found[4] == -math.inf


def test_deep_nesting_is_read_or_refused_and_never_a_crash(tmp_path: Path) -> None:
    depth = 900
    assert list(read(tmp_path, '{"a":' * depth + "1" + "}" * depth).values()) == [(1.0,)]
    assert read(tmp_path, '{"a":' + "[" * depth + "1" + "]" * depth + "}") == {"a": (1.0,)}
    with pytest.raises(CheckpointError, match="nested too deeply"):
        read(tmp_path, '{"a number":' * 100_000 + "1" + "}" * 100_000)


def test_a_long_name_is_refused_before_every_leaf_repeats_it(tmp_path: Path) -> None:
    leaves = {str(number): number for number in range(10)}
    with pytest.raises(CheckpointError, match=r"norm_stats.json has a statistic's name of 5016 letters"):
        read(tmp_path, json.dumps({"x" * 5000: leaves}))


def test_a_key_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"norm_stats.json has the key 'mean' twice; copy it again"):
        read(tmp_path, '{"action": {"mean": [0], "mean": [1]}}')
