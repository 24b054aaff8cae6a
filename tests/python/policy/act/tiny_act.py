"""A small ACT with random weights: everything but size is as in LeRobot's. Its backbone is a whole resnet18."""

import torch
from retain.checkpoint.normalizer import Normalized
from retain.policy import ActionChannel, Affine, CameraSpec, Channel, Normalization, PolicySpec
from retain.policy.act.configuration import ACTConfig
from retain.policy.act.model import ACTPolicy
from retain.policy.base import Batch

SIZES = {"dim_model": 32, "n_heads": 4, "dim_feedforward": 48, "n_encoder_layers": 2, "n_decoder_layers": 2,
         "latent_dim": 6, "n_vae_encoder_layers": 2}  # fmt: skip
IMAGENET = Normalized("VISUAL", "MEAN_STD", 1e-8, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
STATISTICS = {
    "top": IMAGENET,
    "wrist": Normalized("VISUAL", "MEAN_STD", 1e-8, (0.5, 0.25, 0.125), (0.2, 0.3, 0.4)),
}


def act_spec(horizon: int = 7) -> PolicySpec:
    return PolicySpec(
        family="act",
        cameras=(CameraSpec("top", 48, 64), CameraSpec("wrist", 40, 33)),
        state=tuple(Channel(name, "rad") for name in ("elbow", "shoulder", "wrist", "jaw")),
        action=tuple(ActionChannel(name, "rad", "absolute", "linear") for name in ("shoulder", "elbow", "jaw")),
        dt_s=0.02,
        horizon=horizon,
        n_action_steps=horizon,
        max_tokens=0,
        flow=None,
        max_trained_delay=0,
        normalization=Normalization(
            state=Affine((0.1, 0.2, 0.3, 0.4), (1.0, 2.0, 0.5, 1.0)), action=Affine((0.0, 0.5, 1.0), (0.25, 2.0, 1.0))
        ),
    )


def act_policy(seed: int = 0, **changes: object) -> ACTPolicy:
    """In eval mode, every tensor that LeRobot initializes to a constant drawn at random too."""
    torch.manual_seed(seed)
    policy = ACTPolicy(act_spec(), ACTConfig(**{**SIZES, **changes}), STATISTICS)
    scatter(policy)
    return policy.eval()


def scatter(module: torch.nn.Module) -> None:
    """Move norms and biases away from 1 and 0, where a forgotten one would not show."""
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            last = name.rpartition(".")[2]
            if last in ("running_var", "weight") and tensor.dim() == 1:
                tensor.uniform_(0.5, 1.5)
            elif last in ("running_mean", "bias", "in_proj_bias"):
                tensor.normal_(std=0.2)


def observation(policy: ACTPolicy, batch: int = 2, seed: int = 1):
    """Arguments of `prefix`."""
    generator = torch.Generator().manual_seed(seed)
    images = [
        torch.randint(0, 256, (batch, camera.height, camera.width, 3), dtype=torch.uint8, generator=generator)
        for camera in policy.spec.cameras
    ]
    tokens = torch.zeros(batch, 0, dtype=torch.int64)
    return images, tokens, tokens.bool(), torch.randn(batch, len(policy.spec.state), generator=generator)


def batch_of(policy: ACTPolicy, is_pad: torch.Tensor | None = None, seed: int = 1, count: int = 2) -> Batch:
    actions = torch.randn(
        count, policy.spec.horizon, len(policy.spec.action), generator=torch.Generator().manual_seed(seed + 100)
    )
    return Batch(*observation(policy, count, seed), actions=actions, is_pad=is_pad)
