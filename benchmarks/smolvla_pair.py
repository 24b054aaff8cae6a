"""A SmolVLA at its real size with random weights from a seed, and one finetuned from it: what speed does not depend on.

450 million parameters, stored in bfloat16: the sizes of every published SmolVLA (`retain.policy.smolvla`), on an arm
with six joints and two cameras of 480 × 640 pixels, 50 rows a chunk, 10 flow steps. Weights are drawn so that every
layer speaks: outputs as large as inputs.
"""

import json
from pathlib import Path
from typing import Any

import torch
from retain.policy import ActionChannel, Affine, CameraSpec, Channel, FlowSpec, Normalization, PolicySpec
from retain.policy.lerobot import VLM_FILE
from retain.policy.lerobot.adopt import Naming, describe
from retain.policy.smolvla import SmolVLAConfig, SmolVLAPolicy
from retain.policy.tokenization import train_tokenizer
from safetensors.torch import save_file

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
_SENTENCES = ["pick up the red cube and put it into the box", "place the red block near right"]
_UPDATE = 0.02
"""Size of the finetuned policy's update, as a share of each weight's own scale."""


def write_pair(directory: Path) -> tuple[Path, Path]:
    """Write `base` and `finetuned` (0.9 GB each) and return their paths."""
    units = Affine((0.0,) * len(JOINTS), (1.0,) * len(JOINTS))
    spec = PolicySpec(
        family="smolvla",
        cameras=(CameraSpec("top", 480, 640), CameraSpec("wrist", 480, 640)),
        state=tuple(Channel(name, "rad") for name in JOINTS),
        action=tuple(ActionChannel(name, "rad", "absolute", "linear") for name in JOINTS),
        dt_s=1 / 30,
        horizon=50,
        n_action_steps=50,
        max_tokens=48,
        flow=FlowSpec(steps=10, width=32),
        max_trained_delay=0,
        normalization=Normalization(units, units),
    )
    tokenizer = train_tokenizer(_SENTENCES, vocabulary=128, max_tokens=spec.max_tokens)
    policy = SmolVLAPolicy(spec, SmolVLAConfig(), tokenizer)
    generator = torch.Generator().manual_seed(0)
    ends = directory / "base", directory / "finetuned"
    for end, share in zip(ends, (None, _UPDATE), strict=True):
        _draw(policy, generator, share)
        _write(policy, end)
    return ends


def _write(policy: SmolVLAPolicy, directory: Path) -> None:
    """A directory as LeRobot writes it, with what `retain adopt` adds."""
    directory.mkdir()
    spec, document = policy.spec, dict(policy.architecture())
    assert spec.flow is not None
    inputs = {f"observation.images.{one.role}": _feature("VISUAL", 3, one.height, one.width) for one in spec.cameras}
    inputs["observation.state"] = _feature("STATE", len(spec.state))
    outputs = {"action": _feature("ACTION", len(spec.action))}
    mapping = {"VISUAL": "IDENTITY", "STATE": "MEAN_STD", "ACTION": "MEAN_STD"}
    _write_json(directory / VLM_FILE, document.pop("vlm_config"))
    document |= {
        "type": "smolvla",
        "input_features": inputs,
        "output_features": outputs,
        "normalization_mapping": mapping,
        "chunk_size": spec.horizon,
        "n_action_steps": spec.n_action_steps,
        "tokenizer_max_length": spec.max_tokens,
        "num_steps": spec.flow.steps,
    }
    _write_json(directory / "config.json", document)
    statistics = {
        f"{feature}.{name}": torch.tensor(values)
        for feature, affine in (("observation.state", spec.normalization.state), ("action", spec.normalization.action))
        for name, values in (("mean", affine.offset), ("std", affine.scale))
    }
    units = {"eps": 1e-8, "features": {**inputs, **outputs}, "norm_map": mapping}
    for pipeline, step in (("preprocessor", "normalizer"), ("postprocessor", "unnormalizer")):
        file = f"policy_{pipeline}_step_0_{step}_processor.safetensors"
        steps = [{"registry_name": f"{step}_processor", "config": units, "state_file": file}]
        _write_json(directory / f"policy_{pipeline}.json", {"name": f"policy_{pipeline}", "steps": steps})
        save_file(statistics, directory / file)
    policy.tokenizer.save(str(directory / "tokenizer.json"))
    describe(directory, document, Naming(1 / spec.dt_s, JOINTS, JOINTS), [("*", "rad")], (), 0).write(directory)
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in policy.state_dict().items()}
    save_file(weights, directory / "model.safetensors")


def _feature(kind: str, *shape: int) -> dict[str, Any]:
    return {"type": kind, "shape": list(shape)}


def _write_json(file: Path, document: object) -> None:
    file.write_text(json.dumps(document, indent=2), encoding="utf-8")


@torch.no_grad()
def _draw(policy: SmolVLAPolicy, generator: torch.Generator, share: float | None) -> None:
    """Draw all weights anew, or move them by a share of their scale."""
    for name, parameter in policy.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        scale = 0.2 if parameter.ndim == 1 else parameter[0].numel() ** -0.5
        if share is not None:
            parameter.add_(share * scale * noise)
        else:
            middle = 1.0 if parameter.ndim == 1 and "norm" in name and "weight" in name else 0.0
            parameter.copy_(middle + scale * noise)
