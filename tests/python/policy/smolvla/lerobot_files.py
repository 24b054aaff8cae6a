"""A SmolVLA's directory as LeRobot writes it, and the same after `retain adopt`."""

import json
from pathlib import Path

import torch
from retain.policy.lerobot import VLM_FILE
from retain.policy.lerobot.adopt import Naming, adopt
from retain.policy.smolvla import SmolVLAPolicy
from safetensors.torch import save_file

_LEROBOTS = Path(__file__).parents[2] / "merge/lerobot/smolvla"


def write_smolvla(policy: SmolVLAPolicy, directory: Path, dtype: torch.dtype = torch.float32) -> Path:
    """What LeRobot 0.4.4 leaves for this policy, with the backbone's configuration in a file of its own."""
    directory.mkdir(parents=True)
    spec, sizes = policy.spec, dict(policy.architecture())
    inputs = {"observation.state": {"type": "STATE", "shape": [len(spec.state)]}}
    for camera in spec.cameras:
        shape = [3, camera.height, camera.width]
        inputs[f"observation.images.{camera.role}"] = {"type": "VISUAL", "shape": shape}
    outputs = {"action": {"type": "ACTION", "shape": [len(spec.action)]}}
    (directory / VLM_FILE).write_text(json.dumps(sizes.pop("vlm_config")))
    assert spec.flow is not None
    document = json.loads((_LEROBOTS / "config.json").read_text()) | {
        "input_features": inputs,
        "output_features": outputs,
        "chunk_size": spec.horizon,
        "n_action_steps": spec.n_action_steps,
        "tokenizer_max_length": spec.max_tokens,
        "num_steps": spec.flow.steps,
        **sizes,
    }
    (directory / "config.json").write_text(json.dumps(document))
    statistics = {
        f"{feature}.{name}": torch.tensor(values)
        for feature, affine in (("observation.state", spec.normalization.state), ("action", spec.normalization.action))
        for name, values in (("mean", affine.offset), ("std", affine.scale))
    }
    for pipeline in ("policy_preprocessor", "policy_postprocessor"):
        steps = json.loads((_LEROBOTS / f"{pipeline}.json").read_text())
        for step in steps["steps"]:
            if "features" in step["config"]:
                step["config"]["features"] = {**inputs, **outputs} if pipeline == "policy_preprocessor" else outputs
                save_file(statistics, directory / step["state_file"])
        (directory / f"{pipeline}.json").write_text(json.dumps(steps))
    save_file({name: tensor.to(dtype) for name, tensor in policy.state_dict().items()}, directory / "model.safetensors")
    return directory


def adopt_smolvla(
    policy: SmolVLAPolicy, directory: Path, unit: str = "rad", dtype: torch.dtype = torch.float32
) -> Path:
    """The same, with what LeRobot leaves to the dataset and the Hub written beside it."""
    spec = policy.spec
    naming = Naming(1 / spec.dt_s, *(tuple(channel.name for channel in part) for part in (spec.state, spec.action)))
    lerobots = write_smolvla(policy, directory / "lerobots", dtype)
    policy.tokenizer.save(str(directory / "tokenizer.json"))
    adopt(lerobots, directory / "adopted", naming, [("*", unit)], tokenizer=directory / "tokenizer.json")
    return directory / "adopted"
