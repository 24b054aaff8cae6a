"""Recorded observations in the form in which a policy is asked and trained."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from retain.data import Dataset
from retain.errors import EvaluationError
from retain.finetune.chunks import Frames, read_frames
from retain.finetune.pictures import read_pictures
from retain.finetune.renames import Renames
from retain.policy import Batch, Policy


@dataclass(frozen=True)
class Observations:
    """N frames of a dataset.

    Attributes:
        images: Camera role → uint8 [N, H, W, 3].
        state: float32 [N, S], robot units.
        instructions: N sentences.
        batch: The same with the chunks that followed, normalized and encoded.
    """

    images: Mapping[str, NDArray[np.uint8]]
    state: NDArray[np.float32]
    instructions: list[str]
    batch: Batch

    def __len__(self) -> int:
        return len(self.state)

    def told(self, instruction: str) -> "Observations":
        """The same scenes under another instruction; the batch's actions do not belong to it and are not to be used."""
        return replace(self, instructions=[instruction] * len(self))


def observe(dataset: Dataset, policy: Policy, count: int, seed: int, renames: Renames | None = None) -> Observations:
    """Draw frames evenly at random, without repetition; all of them if there are fewer.

    Args:
        dataset: Where from.
        policy: Whose cameras and channels are read.
        count: How many frames.
        seed: Decides which.
        renames: The dataset's names where they are not the policy's.

    Raises:
        EvaluationError: Fewer than one was asked for.
        DatasetError: The dataset does not fit the policy.
    """
    if count < 1:
        raise EvaluationError(f"found {count} frames to look at; expected at least 1")
    frames = read_frames(dataset, policy.spec, pictures=False, renames=renames)
    drawn = np.sort(np.random.default_rng(seed).permutation(len(frames))[:count])
    # Old data may be larger than memory: only what was drawn is decoded.
    return _observations(frames, read_pictures(dataset, policy.spec, drawn, renames=renames), drawn, policy)


def _observations(
    frames: Frames, pictures: list[NDArray[np.uint8]], drawn: NDArray[np.int64], policy: Policy
) -> Observations:
    spec = policy.spec
    state = frames.state[drawn]
    instructions = [frames.tasks[task] for task in frames.task_index[drawn]]
    tokens, mask = policy.encode(instructions)
    batch = Batch(
        images=[torch.from_numpy(picture) for picture in pictures],
        tokens=tokens,
        mask=mask,
        state=torch.from_numpy(spec.normalization.state.normalize(state)),
        actions=torch.from_numpy(spec.encode_actions(frames.rows(drawn, spec.horizon), state)),
        is_pad=torch.from_numpy(frames.beyond(drawn, spec.horizon)),
    )
    images = {camera.role: picture for camera, picture in zip(spec.cameras, pictures, strict=True)}
    return Observations(images, state, instructions, batch)
