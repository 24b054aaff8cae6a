"""Batches as a function of (seed, step): nothing is remembered between steps, so resuming is exact."""

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
    """Draws batches of the task's data, mixed with co-training data at a fixed ratio.

    Args:
        spec: Units and order of the channels.
        config: Batch size, ratio, jitter, seed.
        task: What is to be learned.
        co_training: What is not to be forgotten; needed where `config.co_ratio` is above 0.

    Raises:
        TrainingError: There is a ratio without data, or data without a ratio.
    """

    def __init__(
        self, spec: PolicySpec, config: TrainingConfig, task: Source, co_training: Source | None = None
    ) -> None:
        if (co_training is None) != (config.co_ratio == 0):
            raise TrainingError("--co-data and --co-ratio go together; give both or neither")
        self.spec, self.config = spec, config
        from_co_training = round(config.batch_size * config.co_ratio)
        self.shares = [(task, config.batch_size - from_co_training)]
        if co_training is not None:
            self.shares.append((co_training, from_co_training))

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
