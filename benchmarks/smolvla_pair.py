"""A SmolVLA at its real size with random weights from a seed, and one finetuned from it: what speed does not depend on.

450 million parameters, stored in bfloat16: the sizes of every published SmolVLA (`retain.policy.smolvla`), on an arm
with six joints and two cameras of 480 × 640 pixels, 50 rows a chunk, 10 flow steps. Weights are drawn so that every
layer speaks: outputs as large as inputs.
"""

from pathlib import Path

import torch
from retain.policy import ActionChannel, Affine, CameraSpec, Channel, FlowSpec, Normalization, PolicySpec, save_policy
from retain.policy.smolvla import SmolVLAConfig, SmolVLAPolicy
from retain.policy.tokenization import train_tokenizer

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
        suffix="\n",
    )
    tokenizer = train_tokenizer(_SENTENCES, vocabulary=128, max_tokens=spec.max_tokens)
    policy = SmolVLAPolicy(spec, SmolVLAConfig(), tokenizer)
    generator = torch.Generator().manual_seed(0)
    ends = directory / "base", directory / "finetuned"
    for end, share in zip(ends, (None, _UPDATE), strict=True):
        _draw(policy, generator, share)
        save_policy(policy, end, dtype=torch.bfloat16)
    return ends


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
