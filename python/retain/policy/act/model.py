"""ACT as a policy: its prefix is the whole network, its loss LeRobot's."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict

import torch
from torch import Tensor, nn
from torch.nn import functional

from retain.checkpoint.normalizer import Normalized
from retain.errors import PolicyError
from retain.policy.act.configuration import ACTConfig
from retain.policy.act.network import ACTNetwork
from retain.policy.act.pictures import NormalizedPicture
from retain.policy.base import Batch, Context, Policy
from retain.policy.spec import PolicySpec


class ACTPolicy(Policy):
    """Action chunking with a transformer (arXiv 2304.13705), tensors named as in LeRobot's files.

    Temporal ensembling is not here: it is the loop's strategy `ensemble`, whatever the policy.

    Args:
        spec: What it sees and says; without flow and without tokens.
        config: The sizes of the network.
        image_statistics: By camera role, how pictures in [0, 1] are normalized, colour by colour; a camera without
            goes in as it is. They are LeRobot's preprocessor's (of the dataset, or ImageNet's), not weights: constants
            of the graph that `state_dict()` does not have.

    Raises:
        PolicyError: The spec has a flow or an instruction, or lacks a camera that has statistics.
    """

    def __init__(self, spec: PolicySpec, config: ACTConfig, image_statistics: Mapping[str, Normalized]) -> None:
        super().__init__(spec, None)
        if spec.flow is not None or spec.max_tokens:
            raise PolicyError("ACT regresses its chunk and takes no instruction: its spec has no flow and 0 tokens")
        roles = [camera.role for camera in spec.cameras]
        if not roles or not image_statistics.keys() <= set(roles):
            found = ", ".join(sorted(image_statistics)) or "none"
            raise PolicyError(f"ACT has the cameras {', '.join(roles) or 'none'}, statistics were given for {found}")
        self.config, self.image_statistics = config, dict(image_statistics)
        self.model = ACTNetwork(config, len(spec.state), len(spec.action), spec.horizon)
        self.pictures = nn.ModuleList(NormalizedPicture(image_statistics.get(role)) for role in roles)

    def architecture(self) -> Mapping[str, object]:
        """The sizes, under LeRobot's names."""
        return asdict(self.config)

    def prefix(self, images: list[Tensor], tokens: Tensor, mask: Tensor, state: Tensor) -> dict[str, Tensor]:
        """See `Policy.prefix`: the chunk itself, float32 (B, H, A), normalized. Tokens and mask are not read."""
        return {"chunk": self.model(self._normalize(images), state)}

    def step(self, x: Tensor, t: Tensor, context: Context) -> Tensor:
        """Always refuses.

        Raises:
            PolicyError: ACT has no flow.
        """
        raise PolicyError("ACT regresses its chunk in one pass; it has no flow to step along")

    def loss(self, batch: Batch, generator: torch.Generator | None = None, *, insulate: bool = False) -> Tensor:
        """L1 distance to the chunk and, in training with `use_vae`, the latent's divergence from N(0, 1).

        LeRobot's: rows beyond the episode's end count as 0 but are counted (`mean` runs over all rows); the divergence
        is summed over the latent and averaged over the batch. In eval mode the latent is 0 and its term is absent.

        Args:
            batch: B observations with their chunks.
            generator: All randomness, dropout included, comes from it.
            insulate: Refused: insulation keeps the gradient of a flow out of the backbone, and there is none.

        Raises:
            PolicyError: `insulate` is set.
        """
        if insulate:
            raise PolicyError("ACT has no flow whose gradient --insulate could keep out of the backbone; leave it out")
        # Zeros rather than None: what reads them is then part of the loss, with a gradient for every parameter.
        latent, divergence = batch.state.new_zeros(batch.state.shape[0], self.config.latent_dim), None
        with _seeded(generator, self.device):
            if self.training and self.config.use_vae:
                mean, log_variance = self.model.encode_latent(batch.state, batch.actions, batch.is_pad)
                # Drawn on the CPU, so that a seed means the same on every device.
                noise = torch.randn(mean.shape, generator=generator).to(mean)
                latent = mean + (log_variance / 2).exp() * noise
                divergence = (-0.5 * (1 + log_variance - mean.square() - log_variance.exp())).sum(-1).mean()
            chunk = self.model(self._normalize(batch.images), batch.state, latent)
        distance = functional.l1_loss(chunk, batch.actions, reduction="none")
        if batch.is_pad is not None:
            distance = distance * ~batch.is_pad[..., None]
        return distance.mean() if divergence is None else distance.mean() + self.config.kl_weight * divergence

    def _normalize(self, images: list[Tensor]) -> list[Tensor]:
        """uint8 (B, H, W, 3) per camera to float32 (B, 3, H, W), normalized."""
        return [picture(image) for picture, image in zip(self.pictures, images, strict=True)]


@contextmanager
def _seeded(generator: torch.Generator | None, device: torch.device) -> Iterator[None]:
    """Let dropout, which takes no generator, draw from one: PyTorch's own state is set from it and put back."""
    if generator is None:
        yield
        return
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
