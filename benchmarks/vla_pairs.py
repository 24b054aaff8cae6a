"""VLAs at their real size with random weights from a seed, and one finetuned from each: what speed does not depend on.

SmolVLA of 450 million and π0 of 4.0 billion parameters, stored in bfloat16: the sizes of the published ones, on an arm
with six joints and two cameras of 480 × 640 pixels, 50 rows a chunk, 10 flow steps. Weights are drawn so that every
layer speaks: outputs as large as inputs.
"""

from pathlib import Path

import torch
from retain.policy import (
    ActionChannel,
    Affine,
    CameraSpec,
    Channel,
    FlowSpec,
    Normalization,
    Policy,
    PolicySpec,
    save_policy,
)
from retain.policy.tokenization import train_tokenizer

FAMILIES = ("smolvla", "pi0")
TASK = "pick up the red cube and put it into the box"
JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
_SENTENCES = [TASK, "place the red block near right"]
_UPDATE = 0.02
"""Size of the finetuned policy's update, as a share of each weight's own scale."""


def write_pair(family: str, directory: Path) -> tuple[Path, Path]:
    """Write `base` and `finetuned` (SmolVLA: 0.9 GB each, π0: 8.1 GB each) and return their paths."""
    policy = _build(family)
    generator = torch.Generator().manual_seed(0)
    ends = directory / "base", directory / "finetuned"
    for end, share in zip(ends, (None, _UPDATE), strict=True):
        _draw(policy, generator, share)
        save_policy(policy, end, dtype=torch.bfloat16)
    return ends


def _build(family: str) -> Policy:
    spec = _spec(family)
    tokenizer = train_tokenizer(_SENTENCES, vocabulary=128, max_tokens=spec.max_tokens)
    # Four billion parameters are held in the 8 GB that they take in the file, not in 16.
    torch.set_default_dtype(torch.bfloat16)
    try:
        if family == "smolvla":
            from retain.policy.smolvla import SmolVLAConfig, SmolVLAPolicy

            return SmolVLAPolicy(spec, SmolVLAConfig(), tokenizer)
        from retain.policy.pi0 import Pi0Config, Pi0Policy

        return Pi0Policy(spec, Pi0Config("pi0"), tokenizer)
    finally:
        torch.set_default_dtype(torch.float32)


def _spec(family: str) -> PolicySpec:
    units = Affine((0.0,) * len(JOINTS), (1.0,) * len(JOINTS))
    return PolicySpec(
        family=family,
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
        suffix="\n",
    )


@torch.no_grad()
def _draw(policy: Policy, generator: torch.Generator, share: float | None) -> None:
    """Draw all weights anew, or move them by a share of their scale."""
    for parameter in policy.parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
        scale = 0.2 if parameter.ndim == 1 else parameter[0].numel() ** -0.5
        if share is not None:
            parameter.add_(share * scale * noise)
        else:
            # A norm's weight that starts as 1 is a factor; one that starts as 0 (Gemma's) is added to 1.
            middle = 1.0 if parameter.ndim == 1 and bool((parameter == 1).all()) else 0.0
            parameter.copy_(middle + scale * noise)
