"""ACT and SmolVLA as LeRobot 0.4.4 saves them: its names, its JSON files, all of its statistics; small dimensions."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from retain.merge import merge
from retain.merge.families import is_running_statistic

from .policies import Weights, file_bytes, read_weights, write_weights
from .tensor_lists import read_shapes

SIDECARS = Path(__file__).parent / "lerobot"  # act/ and smolvla/: JSON files that LeRobot wrote
COUNTED = ("min", "max", "mean", "std", "q01", "q10", "q50", "q90", "q99")
CHANNELS = {"action": (6,), "observation.state": (6,), "observation.images.top": (3, 1, 1), "timestamp": (1,),
            "index": (1,)}  # fmt: skip


def small(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size if size <= 4 else max(2, size // 32) for size in shape)


def random_weights(kind: str, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: 0.05 * rng.standard_normal(small(shape)) for name, shape in read_shapes(kind).items()}


def updated(base: Weights, trained: Callable[[str], bool]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(9)
    return {
        name: values + 1e-3 * rng.standard_normal(values.shape) if trained(name) else values
        for name, values in base.items()
    }


def statistics(frames: int) -> dict[str, np.ndarray]:
    """What lerobot-train writes: every statistic of every feature; those of time and frames tell the data set apart."""
    made = {}
    for feature, shape in CHANNELS.items():
        own = frames if feature in ("timestamp", "index") else 1
        made.update({f"{feature}.{name}": np.full(shape, own + 0.5 * i) for i, name in enumerate(COUNTED)})
        made[f"{feature}.count"] = np.array([float(frames)])
    return made


def write(directory: Path, kind: str, weights: Weights, dtype: str, frames: int) -> Path:
    directory.mkdir()
    write_weights(directory / "model.safetensors", weights, dtype)
    for file in (SIDECARS / kind).iterdir():
        (directory / file.name).write_bytes(file.read_bytes())
        for step in json.loads(file.read_text()).get("steps", []):
            if "state_file" in step:
                write_weights(directory / step["state_file"], statistics(frames))
    return directory


@pytest.mark.parametrize(
    ("kind", "trained"),
    [
        # As finetuning leaves them: SmolVLA's language model and vision frozen, ACT's batch norms frozen.
        ("smolvla", lambda name: "vlm_with_expert.vlm." not in name),
        ("act", lambda name: ".bn" not in name and not is_running_statistic(name)),
    ],
)
@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_every_tensor_of_a_merged_directory_is_the_interpolation(
    tmp_path: Path, kind: str, trained: Callable[[str], bool], dtype: str
) -> None:
    made = random_weights(kind, 0)
    base = write(tmp_path / "base", kind, made, dtype, frames=1000)
    finetuned = write(tmp_path / "finetuned", kind, updated(made, trained), dtype, frames=50)
    merge(base, finetuned, tmp_path / "merged", 0.3)
    ends = [read_weights(directory / "model.safetensors") for directory in (base, finetuned)]
    merged = read_weights(tmp_path / "merged" / "model.safetensors")
    assert merged.keys() == read_shapes(kind).keys()
    for name, values in merged.items():
        first, second = (torch.tensor(end[name], dtype=torch.float32) for end in ends)
        expected = torch.lerp(first, second, 0.3)
        if dtype == "BF16":
            expected = expected.to(torch.bfloat16).to(torch.float32)
        tolerance = {"rtol": 3e-7, "atol": 1e-9} if dtype == "F32" else {"rtol": 1e-2, "atol": 0.0}
        torch.testing.assert_close(torch.tensor(values, dtype=torch.float32), expected, **tolerance, msg=name)
        if not trained(name):
            np.testing.assert_array_equal(values, ends[0][name], err_msg=name)


@pytest.mark.parametrize("kind", ["smolvla", "act"])
def test_lerobots_files_travel_byte_for_byte(tmp_path: Path, kind: str) -> None:
    made = random_weights(kind, 0)
    base = write(tmp_path / "base", kind, made, "F32", frames=1000)
    finetuned = write(tmp_path / "finetuned", kind, updated(made, lambda _: True), "F32", frames=50)
    merge(base, finetuned, tmp_path / "merged", 0.5)
    before, after = file_bytes(finetuned), file_bytes(tmp_path / "merged")
    assert after.keys() - before.keys() == {"merge_report.json"}
    assert {name for name in before if before[name] != after[name]} == {"model.safetensors"}
