"""Batches as a function of (seed, step): nothing is remembered between steps, so resuming is exact."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from retain.errors import TrainingError
from retain.finetune.chunks import Frames
from retain.finetune.configuration import TrainingConfig
from retain.finetune.light import Light
from retain.policy.base import Batch, Policy
from retain.policy.spec import PolicySpec


@dataclass(frozen=True)
class Source:
    """Frames with their instructions already encoded.

    Attributes:
        frames: The data.
        tokens: int64 (tasks, T).
        mask: bool (tasks, T).
    """

    frames: Frames
    tokens: npt.NDArray[np.int64]
    mask: npt.NDArray[np.bool_]

    @classmethod
    def encode(cls, frames: Frames, policy: Policy) -> "Source":
        """Encode every instruction once, as the policy does."""
        tokens, mask = policy.encode(frames.tasks)
        return cls(frames, tokens.cpu().numpy(), mask.cpu().numpy())


@dataclass(frozen=True)
class Draw:
    """Which frames a step learns from, in which light.

    Attributes:
        indices: Per source int64 (n,), its frames.
        light: Per camera, over the frames of all sources one after another; None for light as it was.
    """

    indices: list[npt.NDArray[np.int64]]
    light: list[Light] | None


class BatchSampler:
    """Draws batches of the task's data, mixed with other data at fixed ratios.

    Args:
        spec: Units and order of the channels.
        config: Batch size, jitter, seed.
        task: What is to be learned.
        co_training: What is not to be forgotten, each with its share of every batch.

    Raises:
        TrainingError: A share is not between 0 and 1, is too small for one observation of a batch, or they leave
            nothing for the task.
    """

    def __init__(
        self,
        spec: PolicySpec,
        config: TrainingConfig,
        task: Source,
        co_training: Sequence[tuple[Source, float]] = (),
    ) -> None:
        self.spec, self.config = spec, config
        shares = [(source, round(config.batch_size * ratio)) for source, ratio in co_training]
        left = config.batch_size - sum(count for _, count in shares)
        if left < 1 or any(count < 1 for _, count in shares):
            ratios = ", ".join(f"{ratio:g}" for _, ratio in co_training)
            raise TrainingError(
                f"co-training shares {ratios} of a batch of {config.batch_size} do not leave at least one observation"
                " for each dataset; change --co-ratio or --batch-size"
            )
        self.shares = [(task, left), *shares]

    def __call__(self, step: int, device: torch.device) -> Batch:
        """The batch of a step, counted from 0."""
        return self.shard(step, 0, 1).to(device)

    def draw(self, step: int) -> Draw:
        """What the batch of a step is made of; no picture is decoded for it."""
        rng = np.random.default_rng([self.config.seed, step])
        chosen = []
        for source, count in self.shares:
            frames = source.frames
            indices = rng.integers(0, len(frames), count)
            early = round(count * self.config.early_share)
            if early:
                indices[:early] = frames.early[rng.integers(0, len(frames.early), early)]
            chosen.append(indices)
        size, amount = self.config.batch_size, self.config.jitter
        return Draw(chosen, [Light.draw(size, amount, rng) for _ in self.spec.cameras] if amount else None)

    def shard(self, step: int, shard: int, shards: int) -> Batch:
        """Every `shards`-th observation of a step's batch from number `shard` on, on the CPU.

        The observations are the same however many shards they are dealt to, and every shard gets its part of every
        dataset, to within one observation.
        """
        drawn = self.draw(step)
        images: list[list[npt.NDArray[np.uint8]]] = [[] for _ in self.spec.cameras]
        columns: dict[str, list[npt.NDArray[np.generic]]] = {
            name: [] for name in ("tokens", "mask", "state", "actions", "is_pad")
        }
        start = 0
        for (source, count), chosen in zip(self.shares, drawn.indices, strict=True):
            own = np.arange((shard - start) % shards, count, shards)
            indices, frames = chosen[own], source.frames
            if len(own):
                for camera, recorded in enumerate(frames.images):
                    pixels = recorded[indices]
                    images[camera].append(
                        pixels if drawn.light is None else drawn.light[camera].on(pixels, start + own)
                    )
                state, task = frames.state[indices], frames.task_index[indices]
                columns["tokens"].append(source.tokens[task])
                columns["mask"].append(source.mask[task])
                columns["state"].append(self.spec.normalization.state.normalize(state))
                columns["actions"].append(self.spec.encode_actions(frames.rows(indices, self.spec.horizon), state))
                columns["is_pad"].append(frames.beyond(indices, self.spec.horizon))
            start += count
        joined = {name: torch.from_numpy(np.concatenate(parts)) for name, parts in columns.items()}
        return Batch(images=[torch.from_numpy(np.concatenate(parts)) for parts in images], **joined)
