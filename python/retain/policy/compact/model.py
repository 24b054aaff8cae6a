"""`compact`, put together: prefix, step and the flow-matching loss with simulated inference delay."""

from collections.abc import Mapping
from dataclasses import asdict

import torch
from tokenizers import Tokenizer
from torch import Tensor

from retain.errors import PolicyError
from retain.policy.base import Batch, Context, Policy
from retain.policy.compact.configuration import CompactConfig
from retain.policy.compact.expert import ActionExpert
from retain.policy.compact.language import LanguageModel
from retain.policy.compact.vision import VisionEncoder
from retain.policy.spec import PolicySpec

COMPONENTS = ("vision", "language", "action")
"""First part of every tensor's name: a total, exclusive partition of the network."""

OUTLOOK_ROW = 3
"""The row of the chunk that the backbone regresses in training: far enough to tell where the arm is going, near enough
to be going to the block that is meant. The last row of a chunk that is shorter."""


class CompactPolicy(Policy):
    """The built-in policy.

    Args:
        spec: What it sees and says.
        config: The sizes of the network.
        tokenizer: Its ids must be below `config.vocabulary`.

    Raises:
        PolicyError: The tokenizer has more tokens than the network has word vectors.
    """

    def __init__(self, spec: PolicySpec, config: CompactConfig, tokenizer: Tokenizer) -> None:
        super().__init__(spec, tokenizer)
        if tokenizer.get_vocab_size() > config.vocabulary:
            raise PolicyError(
                f"the tokenizer has {tokenizer.get_vocab_size()} tokens, the network {config.vocabulary} word vectors"
            )
        self.config = config
        self.delay_probability = config.delay_probability
        self.vision = VisionEncoder(config, len(spec.cameras), spec.max_tokens)
        self.language = LanguageModel(config, spec.max_tokens)
        self.action = ActionExpert(config, len(spec.state), len(spec.action), spec.horizon)

    def architecture(self) -> Mapping[str, object]:
        """The sizes, as `config.json` holds them."""
        return asdict(self.config)

    def gradient_checkpointing(self, enabled: bool) -> None:
        """See `Policy.gradient_checkpointing`: the layers of the word encoder, the backbone and the expert."""
        self.language.recompute = self.action.recompute = enabled

    def prefix(self, images: list[Tensor], tokens: Tensor, mask: Tensor, state: Tensor) -> dict[str, Tensor]:
        """See `Policy.prefix`: the key/value cache kv, float32 (L, 2, B, heads, N, head_dim)."""
        return {"kv": self.action.cache(self._memory(images, tokens, mask, state), state)}

    def _memory(self, images: list[Tensor], tokens: Tensor, mask: Tensor, state: Tensor) -> Tensor:
        """What the backbone makes of an observation, (B, N - 1, width), the state's token last."""
        words = self.language.encode(tokens, mask)
        queries = self.language.visual_queries(tokens)
        sight = [self.vision(image, queries, camera) for camera, image in enumerate(images)]
        return self.language.mix(sight, words, mask, self.action.state(state)[:, None])

    def step(self, x: Tensor, t: Tensor, context: Context) -> Tensor:
        """See `Policy.step`."""
        velocity: Tensor = self.action(x, t, context["kv"])
        return velocity

    def loss(self, batch: Batch, generator: torch.Generator | None = None, *, insulate: bool = False) -> Tensor:
        """Flow matching on the chunk, part of it already committed, plus a regression from the backbone.

        x_t = (1 - t) noise + t a, target a - noise, one t = u^2, u ~ U(0, 1), per chunk. With probability
        `delay_probability` the first d ~ U{0 .. max_trained_delay} rows are given clean at t = 1 and carry no loss, so
        that the policy learns to continue a chunk that the robot is already executing (training-time real-time
        chunking, arXiv 2512.05964).

        Args:
            batch: B observations with their chunks.
            generator: All randomness comes from it.
            insulate: Keep the flow's gradient out of the backbone, so that the regression alone teaches it to see
                (knowledge insulation, arXiv 2505.23705): the flow's targets are mostly noise, which drowns the little
                that says which block is meant.
        """
        memory = self._memory(batch.images, batch.tokens, batch.mask, batch.state)
        seen_ahead = batch.actions[:, min(OUTLOOK_ROW, self.spec.horizon - 1)]
        outlook = (self.action.look_ahead(memory) - seen_ahead).square().mean()
        kv = self.action.cache(memory.detach() if insulate else memory, batch.state)
        draws = self.config.flow_samples
        kv = kv.repeat(1, 1, draws, 1, 1, 1)
        actions = batch.actions.repeat(draws, 1, 1)
        count, horizon, _ = actions.shape
        # Drawn on the CPU, so that a seed means the same on every device.
        noise = torch.randn(actions.shape, generator=generator).to(actions)
        # Squared: a chunk's rows say so much about each other that for larger t the answer can be read off x itself;
        # only near the noise is there a need to look and to listen.
        t = torch.rand(count, 1, generator=generator).square().to(actions).expand(count, horizon)
        delayed = torch.rand(count, 1, generator=generator) < self.delay_probability
        delay = torch.randint(0, self.spec.max_trained_delay + 1, (count, 1), generator=generator) * delayed
        committed = (torch.arange(horizon) < delay).to(actions.device)
        t = torch.where(committed, torch.ones_like(t), t)
        x = (1 - t)[..., None] * noise + t[..., None] * actions
        error = (self.step(x, t, {"kv": kv}) - (actions - noise)).square().mean(-1)
        weight = (~committed).to(error)
        return (error * weight).sum() / weight.sum() + outlook
