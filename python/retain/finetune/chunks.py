"""Recorded frames as training examples: an observation and the chunk of actions that followed it, all in memory."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from retain.errors import DatasetError
from retain.policy.configuration_file import ACTION, IMAGES, STATE
from retain.policy.normalization import FloatArray
from retain.policy.spec import PolicySpec

if TYPE_CHECKING:
    from retain.data import Dataset


EARLY_FRAMES = 3
"""Frames at an episode's start in which the arm's own state does not yet tell where it is going."""


@dataclass(frozen=True)
class Frames:
    """A dataset in memory, its channels in the policy's order.

    Attributes:
        images: Per camera in the spec's order, uint8 (N, H, W, 3).
        state: float32 (N, S), robot units.
        actions: float32 (N, A), robot units, absolute.
        last: int64 (N,), index of the last frame of the frame's episode.
        tasks: The instructions.
        task_index: int64 (N,), index into `tasks`.
    """

    images: list[npt.NDArray[np.uint8]]
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
        where it finished, which is what a loop that runs on needs. (LeRobot pads in the same way, then masks the loss.)
        """
        following = np.minimum(indices[:, None] + np.arange(horizon), self.last[indices, None])
        rows: FloatArray = self.actions[following]
        return rows


def read_frames(dataset: "Dataset", spec: PolicySpec, *, pictures: bool = True) -> Frames:
    """Load what the policy needs of a dataset.

    Args:
        dataset: Where from.
        spec: The policy's channels, rate and cameras.
        pictures: Whether to decode all pictures; without them `images` is empty (see `read_pictures`).

    Raises:
        DatasetError: A camera or channel of the policy is missing, or rate, picture size or a value does not fit.
    """
    rate = 1 / spec.dt_s
    if abs(dataset.fps - rate) > 1e-6 * rate:
        raise DatasetError(f"{dataset.path} has {dataset.fps} frames/s, the policy acts at {rate:g} Hz")
    episode = dataset.episode_index
    # Frames of an episode are adjacent; its last frame is where the next episode's first one would go.
    last = np.searchsorted(episode, episode, side="right") - 1
    return Frames(
        images=read_pictures(dataset, spec) if pictures else [],
        state=_column(dataset, STATE, [channel.name for channel in spec.state]),
        actions=_column(dataset, ACTION, [channel.name for channel in spec.action]),
        last=last.astype(np.int64),
        tasks=list(dataset.tasks),
        task_index=dataset.task_index,
    )


def read_pictures(
    dataset: "Dataset", spec: PolicySpec, indices: npt.NDArray[np.int64] | None = None
) -> list[npt.NDArray[np.uint8]]:
    """Decode the policy's pictures of some frames, or of all.

    Args:
        dataset: Where from.
        spec: The policy's cameras.
        indices: int64 (n,), which frames; None for all.

    Returns:
        Per camera in the spec's order, uint8 (n, H, W, 3).

    Raises:
        DatasetError: A camera of the policy is missing, or its picture size does not fit.
    """
    images = []
    for camera in spec.cameras:
        name = IMAGES + camera.role
        if name not in dataset.features:
            found = ", ".join(key for key in dataset.features if key.startswith(IMAGES)) or "none"
            raise DatasetError(f"{dataset.path} has no camera {name}; its cameras: {found}")
        shape = dataset.features[name].shape
        if tuple(shape) != (camera.height, camera.width, 3):
            raise DatasetError(f"{dataset.path}: {name} is {list(shape)}, expected {[camera.height, camera.width, 3]}")
        images.append(dataset.images(name, indices))
    return images


def relative_rows(frames: Frames, spec: PolicySpec) -> FloatArray:
    """All rows of all chunks in robot units, relative where the spec says so: float32 (N * H, A)."""
    rows = frames.rows(np.arange(len(frames)), spec.horizon)
    return (rows - spec.reference(frames.state)[:, None]).reshape(-1, len(spec.action))


def _column(dataset: "Dataset", feature: str, names: list[str]) -> FloatArray:
    """A vector feature with its channels in the order of `names`."""
    if feature not in dataset.features:
        raise DatasetError(f"{dataset.path} has no {feature}; the policy needs {', '.join(names)}")
    recorded = list(dataset.features[feature].names or ())
    missing = [name for name in names if name not in recorded]
    if missing:
        has = ", ".join(recorded) or "no names"
        raise DatasetError(f"{dataset.path}: {feature} lacks the channel {missing[0]}; it has {has}")
    values = dataset.column(feature)[:, [recorded.index(name) for name in names]]
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        frame, channel = bad[0]
        raise DatasetError(
            f"{dataset.path}: {feature} of frame {frame} has {values[frame, channel]} as {names[channel]}"
        )
    return np.ascontiguousarray(values, dtype=np.float32)
