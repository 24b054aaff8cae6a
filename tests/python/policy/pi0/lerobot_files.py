"""The directory of a π0 or π0.5 as LeRobot 0.6.1 writes it, and the same after `retain adopt`."""

import json
from pathlib import Path

import torch
from retain.policy.lerobot.adopt import Naming, adopt
from safetensors.torch import save_file

_LEROBOTS = Path(__file__).parents[2] / "merge/lerobot"


def write_pi0(policy, directory, dtype=torch.float32):
    """What LeRobot leaves for this policy; its sizes, which are none of LeRobot's variants, under retain's keys."""
    directory.mkdir(parents=True)
    spec, source = policy.spec, _LEROBOTS / policy.spec.family
    inputs = {"observation.state": {"type": "STATE", "shape": [len(spec.state)]}}
    for camera in spec.cameras:
        inputs[f"observation.images.{camera.role}"] = {"type": "VISUAL", "shape": [3, camera.height, camera.width]}
    inputs["observation.images.empty_camera_0"] = {"type": "VISUAL", "shape": [3, 224, 224]}
    outputs = {"action": {"type": "ACTION", "shape": [len(spec.action)]}}
    document = json.loads((source / "config.json").read_text()) | {
        "input_features": inputs,
        "output_features": outputs,
        "chunk_size": spec.horizon,
        "n_action_steps": spec.n_action_steps,
        "tokenizer_max_length": 48,
        "num_inference_steps": spec.flow.steps,
        "empty_cameras": 1,
        **policy.architecture(),
    }
    (directory / "config.json").write_text(json.dumps(document))
    # π0.5's statistics are quantiles: -1 at the lower, 1 at the upper.
    statistics = {}
    for feature, affine in (("observation.state", spec.normalization.state), ("action", spec.normalization.action)):
        offset, scale = torch.tensor(affine.offset), torch.tensor(affine.scale)
        kinds = {"mean": offset, "std": scale, "q01": offset - scale, "q99": offset + scale}
        statistics |= {f"{feature}.{name}": values for name, values in kinds.items()}
    for pipeline in ("policy_preprocessor", "policy_postprocessor"):
        steps = json.loads((source / f"{pipeline}.json").read_text())
        for step in steps["steps"]:
            if "features" in step["config"]:
                step["config"]["features"] = {**inputs, **outputs} if pipeline == "policy_preprocessor" else outputs
                save_file(statistics, directory / step["state_file"])
        (directory / f"{pipeline}.json").write_text(json.dumps(steps))
    save_file({name: tensor.to(dtype) for name, tensor in policy.state_dict().items()}, directory / "model.safetensors")
    return directory


def adopt_pi0(policy, directory, dtype=torch.float32):
    """The same, with what LeRobot leaves to the dataset and the Hub written beside it."""
    spec = policy.spec
    naming = Naming(1 / spec.dt_s, *(tuple(channel.name for channel in part) for part in (spec.state, spec.action)))
    lerobots = write_pi0(policy, directory / "lerobots", dtype)
    policy.tokenizer.save(str(directory / "tokenizer.json"))
    units = [("*", "rad"), ("gripper", "1")]
    adopt(lerobots, directory / "adopted", naming, units, tokenizer=directory / "tokenizer.json")
    return directory / "adopted"
