"""Batches as a function of (seed, step): nothing is remembered between steps, so resuming is exact."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer

from retain.errors import TrainingError
from retain.finetune.chunks import Frames
from retain.finetune.configuration import TrainingConfig
from retain.policy.base import Batch
from retain.policy.spec import PolicySpec
from retain.policy.tokenization import tokenize

Images = npt.NDArray[np.uint8]


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
    def encode(cls, frames: Frames, tokenizer: Tokenizer) -> "Source":
        """Encode every instruction once."""
        return cls(frames, *tokenize(tokenizer, frames.tasks))


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
        rng = np.random.default_rng([self.config.seed, step])
        images: list[list[Images]] = [[] for _ in self.spec.cameras]
        columns: dict[str, list[npt.NDArray[np.generic]]] = {
            name: [] for name in ("tokens", "mask", "state", "actions")
        }
        for source, count in self.shares:
            frames = source.frames
            indices = rng.integers(0, len(frames), count)
            early = round(count * self.config.early_share)
            if early:
                indices[:early] = frames.early[rng.integers(0, len(frames.early), early)]
            state = frames.state[indices]
            task = frames.task_index[indices]
            for camera, recorded in enumerate(frames.images):
                images[camera].append(recorded[indices])
            columns["tokens"].append(source.tokens[task])
            columns["mask"].append(source.mask[task])
            columns["state"].append(self.spec.normalization.state.normalize(state))
            columns["actions"].append(self.spec.encode_actions(frames.rows(indices, self.spec.horizon), state))
        joined = {name: torch.from_numpy(np.concatenate(parts)).to(device) for name, parts in columns.items()}
        pictures = [torch.from_numpy(jitter(np.concatenate(parts), self.config.jitter, rng)) for parts in images]
        return Batch(images=[picture.to(device) for picture in pictures], **joined)


def jitter(images: Images, amount: float, rng: np.random.Generator) -> Images:
    """Other light: each picture times 1 + amount n, then each of its colours plus 0.3 amount n (of full scale).

    Args:
        images: uint8 (n, H, W, 3).
        amount: Standard deviation of the relative change; 0 returns the pictures as they are.
        rng: Draws the normal numbers n.
    """
    if amount == 0:
        return images
    gain = 1 + amount * rng.standard_normal((len(images), 1, 1, 1), dtype=np.float32)
    cast = 0.3 * 255 * amount * rng.standard_normal((len(images), 1, 1, 3), dtype=np.float32)
    lit: Images = np.clip(images * gain + cast, 0, 255).astype(np.uint8)
    return lit
