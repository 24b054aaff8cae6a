"""A small SmolVLA as `retain adopt` leaves it, and recordings with video for it."""

import json
from pathlib import Path

import numpy as np
import torch
from retain.data import Dataset, DatasetWriter, camera, vector
from retain.policy.lerobot.adopt import Naming, adopt
from retain.policy.smolvla import SmolVLAPolicy
from safetensors.torch import save_file

from ..policy.smolvla.small import INSTRUCTIONS, small_policy  # noqa: TID252 (tests are no package that could be named)

STATE = ("shoulder", "elbow", "gripper")
ACTION = ("shoulder", "elbow", "wrist", "gripper")


def write_smolvla(directory: Path, dtype: torch.dtype = torch.float32) -> Path:
    """LeRobot's files for a small SmolVLA with random weights, named and given its words by `adopt`."""
    policy = small_policy()
    theirs = directory / "lerobots"
    theirs.mkdir(parents=True)
    _write_files(policy, theirs)
    save_file({name: tensor.to(dtype) for name, tensor in policy.state_dict().items()}, theirs / "model.safetensors")
    policy.tokenizer.save(str(theirs / "tokenizer.json"))
    adopt(theirs, directory / "base", Naming(10.0, STATE, ACTION), [("*", "rad")], max_trained_delay=3)
    return directory / "base"


def _write_files(policy: SmolVLAPolicy, directory: Path) -> None:
    spec = policy.spec
    inputs = {"observation.state": {"type": "STATE", "shape": [len(spec.state)]}}
    for one in spec.cameras:
        inputs[f"observation.images.{one.role}"] = {"type": "VISUAL", "shape": [3, one.height, one.width]}
    outputs = {"action": {"type": "ACTION", "shape": [len(spec.action)]}}
    mapping = {"VISUAL": "IDENTITY", "STATE": "MEAN_STD", "ACTION": "MEAN_STD"}
    document = dict(policy.architecture())
    vlm = document.pop("vlm_config")
    document |= {
        "type": "smolvla",
        "input_features": inputs,
        "output_features": outputs,
        "normalization_mapping": mapping,
        "chunk_size": spec.horizon,
        "n_action_steps": spec.n_action_steps,
        "tokenizer_max_length": spec.max_tokens,
        "num_steps": 3,
    }
    (directory / "config.json").write_text(json.dumps(document))
    (directory / "vlm_config.json").write_text(json.dumps(vlm))
    norm = {"eps": 1e-8, "features": {**inputs, **outputs}, "norm_map": mapping}
    statistics = {
        f"{feature}.{name}": torch.tensor(values)
        for feature, affine in (("observation.state", spec.normalization.state), ("action", spec.normalization.action))
        for name, values in (("mean", affine.offset), ("std", affine.scale))
    }
    for name, step in (("preprocessor", "normalizer"), ("postprocessor", "unnormalizer")):
        file = f"policy_{name}_step_0_{step}_processor.safetensors"
        steps = [{"registry_name": f"{step}_processor", "config": norm, "state_file": file}]
        (directory / f"policy_{name}.json").write_text(json.dumps({"name": f"policy_{name}", "steps": steps}))
        save_file(statistics, directory / file)


def record_video(path: Path, *, seed: int, cameras: tuple[str, str] = ("top", "wrist"), episodes: int = 3) -> Dataset:
    """Episodes in which the commands follow from the state, seen by two cameras as video."""
    rng = np.random.default_rng(seed)
    sizes = {cameras[0]: (24, 40), cameras[1]: (32, 32)}
    features = {f"observation.images.{name}": camera(*size, "video") for name, size in sizes.items()}
    features |= {"observation.state": vector(list(STATE)), "action": vector(list(ACTION))}
    with DatasetWriter(path, fps=10, robot_type="arm", features=features) as writer:
        for number in range(episodes):
            length = 12 + number
            state = (rng.normal(size=3) + 0.3 * rng.normal(size=(length, 3)).cumsum(0)).astype(np.float32)
            action = 0.2 * state[:, [0, 1, 1, 2]] + np.float32(0.1)
            frames = {
                f"observation.images.{name}": np.broadcast_to(
                    rng.integers(0, 256, (length, 1, 1, 3), dtype=np.uint8), (length, *size, 3)
                ).copy()
                for name, size in sizes.items()
            }
            frames |= {"observation.state": state, "action": action}
            writer.add_episode(INSTRUCTIONS[(seed + number) % len(INSTRUCTIONS)], frames)
    return Dataset(path)
