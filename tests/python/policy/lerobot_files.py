"""A policy's directory as LeRobot writes it: files that LeRobot itself wrote, with this policy's numbers put in."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from retain.policy import Policy
from retain.policy.lerobot import VLM_FILE
from retain.policy.lerobot.adopt import Naming, adopt
from safetensors.torch import save_file

_LEROBOTS = Path(__file__).parents[1] / "merge/lerobot"


def write_lerobot(
    policy: Policy,
    directory: Path,
    changes: Mapping[str, Any],
    *,
    empty_cameras: Mapping[str, Any] | None = None,
    statistics: Mapping[str, torch.Tensor] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Path:
    """What LeRobot leaves for this policy, `changes` being the keys of config.json that its family fills in."""
    directory.mkdir(parents=True)
    spec, source, sizes = policy.spec, _LEROBOTS / policy.spec.family, dict(policy.architecture())
    inputs = {"observation.state": {"type": "STATE", "shape": [len(spec.state)]}}
    for camera in spec.cameras:
        shape = [3, camera.height, camera.width]
        inputs[f"observation.images.{camera.role}"] = {"type": "VISUAL", "shape": shape}
    inputs |= empty_cameras or {}
    outputs = {"action": {"type": "ACTION", "shape": [len(spec.action)]}}
    if (backbone := sizes.pop("vlm_config", None)) is not None:
        (directory / VLM_FILE).write_text(json.dumps(backbone))
    document = json.loads((source / "config.json").read_text())
    document |= {"input_features": inputs, "output_features": outputs, **sizes}
    document |= {"chunk_size": spec.horizon, "n_action_steps": spec.n_action_steps, **changes}
    (directory / "config.json").write_text(json.dumps(document))
    statistics = {**_statistics(policy), **(statistics or {})}
    for pipeline in ("policy_preprocessor", "policy_postprocessor"):
        steps = json.loads((source / f"{pipeline}.json").read_text())
        for step in steps["steps"]:
            if "features" in step["config"]:
                step["config"]["features"] = {**inputs, **outputs} if pipeline == "policy_preprocessor" else outputs
                save_file(statistics, directory / step["state_file"])
        (directory / f"{pipeline}.json").write_text(json.dumps(steps))
    save_file({name: tensor.to(dtype) for name, tensor in policy.state_dict().items()}, directory / "model.safetensors")
    return directory


def adopt_lerobot(policy: Policy, lerobots: Path, units: list[tuple[str, str]]) -> Path:
    """What `retain adopt` makes of LeRobot's directory, beside it: names, rate and words are written down too."""
    spec, output = policy.spec, lerobots.parent / "adopted"
    naming = Naming(1 / spec.dt_s, *(tuple(channel.name for channel in part) for part in (spec.state, spec.action)))
    words = None
    if spec.max_tokens:
        words = lerobots.parent / "tokenizer.json"
        policy.tokenizer.save(str(words))
    adopt(lerobots, output, naming, units, tokenizer=words)
    return output


def _statistics(policy: Policy) -> dict[str, torch.Tensor]:
    """By every normalization that a family uses: quantiles are -1 at the lower and 1 at the upper."""
    units = policy.spec.normalization
    found = {}
    for feature, affine in (("observation.state", units.state), ("action", units.action)):
        offset, scale = torch.tensor(affine.offset), torch.tensor(affine.scale)
        kinds = {"mean": offset, "std": scale, "q01": offset - scale, "q99": offset + scale}
        found |= {f"{feature}.{name}": values for name, values in kinds.items()}
    return found
