"""ACT as a policy: its prefix is the whole network, its loss LeRobot's."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict

import torch
from torch import Tensor
from torch.nn import functional

from retain.errors import PolicyError
from retain.policy.act.configuration import ACTConfig
from retain.policy.act.image_statistics import EPSILON, ImageStatistics
from retain.policy.act.network import ACTNetwork
from retain.policy.base import Batch, Context, Policy
from retain.policy.spec import PolicySpec


class ACTPolicy(Policy):
    """Action chunking with a transformer (arXiv 2304.13705), tensors named as in LeRobot's files.

    Temporal ensembling is not here: it is the loop's strategy `ensemble`, whatever the policy.

    Args:
        spec: What it sees and says; without flow and without tokens.
        config: The sizes of the network.
        image_statistics: By camera role.

    Attributes:
        image_statistics: As given; they are LeRobot's preprocessor's, not weights, and not in `state_dict()`.

    Raises:
        PolicyError: The spec has a flow, an instruction, or a camera without statistics.
    """

    def __init__(self, spec: PolicySpec, config: ACTConfig, image_statistics: Mapping[str, ImageStatistics]) -> None:
        super().__init__(spec, None)
        if spec.flow is not None or spec.max_tokens:
            raise PolicyError("ACT regresses its chunk and takes no instruction: its spec has no flow and 0 tokens")
        roles = [camera.role for camera in spec.cameras]
        if not roles or set(roles) != image_statistics.keys():
            found = ", ".join(sorted(image_statistics)) or "none"
            raise PolicyError(f"ACT has the cameras {', '.join(roles) or 'none'}, statistics were given for {found}")
        self.config = config
        self.image_statistics = dict(image_statistics)
        self.model = ACTNetwork(config, len(spec.state), len(spec.action), spec.horizon)
        for number, role in enumerate(roles):
            for name, values in asdict(image_statistics[role]).items():
                # Small constants of the graph: what LeRobot's preprocessor does before the network sees a picture.
                self.register_buffer(f"image_{name}_{number}", torch.tensor(values)[:, None, None], persistent=False)

    def architecture(self) -> Mapping[str, object]:
        """The sizes, under LeRobot's names."""
        return asdict(self.config)

    def prefix(self, images: list[Tensor], tokens: Tensor, mask: Tensor, state: Tensor) -> dict[str, Tensor]:
        """See `Policy.prefix`: the chunk itself, float32 (B, H, A), normalized. Tokens and mask are not read."""
        latent = state.new_zeros(state.shape[0], self.config.latent_dim)
        return {"chunk": self.model(self._normalize(images), state, latent)}

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
        return [
            (image.permute(0, 3, 1, 2).float() / 255 - self.get_buffer(f"image_mean_{number}"))
            / (self.get_buffer(f"image_std_{number}") + EPSILON)
            for number, image in enumerate(images)
        ]


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
