"""Recorded frames as training examples: an observation and the chunk of actions that followed it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from retain.errors import DatasetError
from retain.finetune.pictures import Pictures, read_pictures
from retain.finetune.renames import Renames
from retain.policy.lerobot.document import ACTION, STATE
from retain.policy.normalization import FloatArray
from retain.policy.spec import PolicySpec

if TYPE_CHECKING:
    from retain.data import Dataset


EARLY_FRAMES = 3
"""Frames at an episode's start in which the arm's own state does not yet tell where it is going."""


@dataclass(frozen=True)
class Frames:
    """A dataset's numbers in memory, its channels in the policy's order, and its pictures in memory or on call.

    Attributes:
        images: Per camera in the spec's order what gives uint8 (n, H, W, 3) for the indices of n frames.
        state: float32 (N, S), robot units.
        actions: float32 (N, A), robot units, absolute.
        last: int64 (N,), index of the last frame of the frame's episode.
        tasks: The instructions.
        task_index: int64 (N,), index into `tasks`.
    """

    images: Sequence[Pictures]
    state: FloatArray
    actions: FloatArray
    last: npt.NDArray[np.int64]
    tasks: list[str]
    task_index: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.state)

    @cached_property
    def early(self) -> npt.NDArray[np.int64]:
        """Indices of the first `EARLY_FRAMES` frames of every episode."""
        starts = np.flatnonzero(np.diff(self.last, prepend=-1))
        early = starts[:, None] + np.arange(EARLY_FRAMES)
        return early[early <= self.last[starts, None]]

    def rows(self, indices: npt.NDArray[np.int64], horizon: int) -> FloatArray:
        """The next `horizon` action rows of each frame, float32 (n, horizon, A), robot units.

        Beyond an episode's end its last action is repeated: targets are absolute, so this teaches the policy to stay
        where it finished, which is what a loop that runs on needs. (LeRobot pads in the same way, then masks the loss;
        `beyond` lets a policy do so.)
        """
        following = np.minimum(indices[:, None] + np.arange(horizon), self.last[indices, None])
        rows: FloatArray = self.actions[following]
        return rows

    def beyond(self, indices: npt.NDArray[np.int64], horizon: int) -> npt.NDArray[np.bool_]:
        """Which of those rows lie beyond the episode's end, bool (n, horizon): LeRobot's `action_is_pad`."""
        beyond: npt.NDArray[np.bool_] = indices[:, None] + np.arange(horizon) > self.last[indices, None]
        return beyond


def read_frames(
    dataset: "Dataset", spec: PolicySpec, *, pictures: bool = True, renames: Renames | None = None
) -> Frames:
    """Load what the policy needs of a dataset.

    Args:
        dataset: Where from.
        spec: The policy's channels, rate and cameras.
        pictures: Whether to decode all pictures; without them `images` is empty (see `retain.finetune.pictures`).
        renames: The dataset's names where they are not the policy's.

    Raises:
        DatasetError: A camera or channel of the policy is missing, or rate, picture size or a value does not fit.
    """
    rate = 1 / spec.dt_s
    if abs(dataset.fps - rate) > 1e-6 * rate:
        raise DatasetError(
            f"{dataset.path} has {dataset.fps} frames/s, the policy acts at {rate:g} Hz; give data of the policy's rate"
        )
    episode = dataset.episode_index
    # Frames of an episode are adjacent; its last frame is where the next episode's first one would go.
    last = np.searchsorted(episode, episode, side="right") - 1
    return Frames(
        images=read_pictures(dataset, spec, renames=renames) if pictures else [],
        state=_column(dataset, STATE, [channel.name for channel in spec.state], renames),
        actions=_column(dataset, ACTION, [channel.name for channel in spec.action], renames),
        last=last.astype(np.int64),
        tasks=list(dataset.tasks),
        task_index=dataset.task_index,
    )


def relative_rows(frames: Frames, spec: PolicySpec, indices: npt.NDArray[np.int64] | None = None) -> FloatArray:
    """All rows of the chunks of some frames, or of all, in robot units, relative where the spec says so: (n * H, A)."""
    chosen = np.arange(len(frames)) if indices is None else indices
    rows = frames.rows(chosen, spec.horizon)
    return (rows - spec.reference(frames.state[chosen])[:, None]).reshape(-1, len(spec.action))


def _column(dataset: "Dataset", feature: str, names: list[str], renames: Renames | None) -> FloatArray:
    """A vector feature with its channels in the order of `names`."""
    if feature not in dataset.features:
        raise DatasetError(f"{dataset.path} has no {feature}; record it: the policy needs {', '.join(names)}")
    recorded = list(dataset.features[feature].names or ())
    theirs = [(renames or Renames()).recorded(name, recorded) for name in names]
    missing = [name for name in theirs if name not in recorded]
    if missing:
        has = ", ".join(recorded) or "no names"
        raise DatasetError(
            f"{dataset.path}: {feature} lacks the channel {missing[0]}, it has {has}; say which of its is the policy's"
            f" with --rename THEIRS={missing[0]}"
        )
    values = dataset.column(feature)[:, [recorded.index(name) for name in theirs]]
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        frame, channel = bad[0]
        raise DatasetError(
            f"{dataset.path}: {feature} of frame {frame} has {values[frame, channel]} as {names[channel]}; leave the"
            " episode out, or record it again"
        )
    return np.ascontiguousarray(values, dtype=np.float32)
