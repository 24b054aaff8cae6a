"""An ACT's directory as LeRobot writes it: config.json, weights, processors with statistics."""

import json
from pathlib import Path

import torch
from retain.policy.act import ACTPolicy
from retain.policy.lerobot.adopt import Naming, adopt
from safetensors.torch import save_file

from .tiny_act import STATISTICS

_LEROBOTS = Path(__file__).parents[2] / "merge/lerobot/act"


def write_act(policy: ACTPolicy, directory: Path) -> Path:
    """What `ACTPolicy.save_pretrained` and the two processors of LeRobot 0.4.4 leave for this policy."""
    directory.mkdir(parents=True)
    spec = policy.spec
    inputs = {"observation.state": {"type": "STATE", "shape": [len(spec.state)]}}
    for camera in spec.cameras:
        shape = [3, camera.height, camera.width]
        inputs[f"observation.images.{camera.role}"] = {"type": "VISUAL", "shape": shape}
    outputs = {"action": {"type": "ACTION", "shape": [len(spec.action)]}}
    document = json.loads((_LEROBOTS / "config.json").read_text())
    document |= {"input_features": inputs, "output_features": outputs, "pretrained_backbone_weights": None}
    document |= {"chunk_size": spec.horizon, "n_action_steps": spec.n_action_steps, **policy.architecture()}
    (directory / "config.json").write_text(json.dumps(document))
    statistics = {
        f"{feature}.{name}": torch.tensor(values)
        for feature, affine in (("observation.state", spec.normalization.state), ("action", spec.normalization.action))
        for name, values in (("mean", affine.offset), ("std", affine.scale))
    }
    for role, normalized in STATISTICS.items():
        for name, values in (("mean", normalized.low), ("std", normalized.high)):
            statistics[f"observation.images.{role}.{name}"] = torch.tensor(values)[:, None, None]
    for pipeline in ("policy_preprocessor", "policy_postprocessor"):
        steps = json.loads((_LEROBOTS / f"{pipeline}.json").read_text())
        for step in steps["steps"]:
            if "features" in step["config"]:
                step["config"]["features"] = {**inputs, **outputs} if pipeline == "policy_preprocessor" else outputs
                save_file(statistics, directory / step["state_file"])
        (directory / f"{pipeline}.json").write_text(json.dumps(steps))
    save_file(policy.state_dict(), directory / "model.safetensors")
    return directory


def adopt_act(policy: ACTPolicy, directory: Path) -> Path:
    """The same, with what LeRobot leaves to the dataset written beside it."""
    spec = policy.spec
    naming = Naming(1 / spec.dt_s, *(tuple(channel.name for channel in part) for part in (spec.state, spec.action)))
    adopt(write_act(policy, directory / "lerobots"), directory / "adopted", naming, [("*", "rad")])
    return directory / "adopted"
