"""Pictures of the frames that a batch asks for: all in memory where they fit, else decoded by index."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from retain.errors import DatasetError
from retain.finetune.renames import Renames
from retain.policy.lerobot.document import IMAGES
from retain.policy.spec import PolicySpec

if TYPE_CHECKING:
    from retain.data import Dataset

Pixels = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]


class Pictures(Protocol):
    """One camera's frames; an array of uint8 (N, H, W, 3) is one."""

    def __getitem__(self, indices: Indices, /) -> Pixels:
        """The frames int64 (n,), uint8 (n, H, W, 3), RGB."""
        ...


class DecodedPictures:
    """One camera's frames, decoded when they are asked for and kept while there is room.

    Frames are drawn evenly at random, so what is in memory once is as good as anything else: nothing is ever thrown out
    for something newer, and the share of frames that need no decoding is the share that fits.

    Args:
        dataset: Where from.
        camera: The dataset's name of the feature.
        cache_bytes: Room for decoded frames, in each process that reads.
    """

    def __init__(self, dataset: "Dataset", camera: str, cache_bytes: int) -> None:
        self._dataset, self._camera = dataset, camera
        self._room = cache_bytes // int(np.prod(dataset.features[camera].shape))
        self._kept: dict[int, Pixels] = {}

    def __getitem__(self, indices: Indices) -> Pixels:
        """See `Pictures`.

        Raises:
            DatasetError: A file is missing or broken.
        """
        missing = np.array(sorted({int(index) for index in indices} - self._kept.keys()), np.int64)
        fresh: dict[int, Pixels] = {}
        if len(missing):
            fresh = dict(zip(missing.tolist(), self._dataset.images(self._camera, missing), strict=True))
        for index, frame in fresh.items():
            if len(self._kept) >= self._room:
                break
            self._kept[index] = frame.copy()  # a view would keep all of its batch in memory
        found = (fresh[index] if index in fresh else self._kept[index] for index in indices.tolist())
        return np.stack(list(found))


def read_pictures(
    dataset: "Dataset", spec: PolicySpec, indices: Indices | None = None, *, renames: Renames | None = None
) -> list[Pixels]:
    """Decode the policy's pictures of some frames, or of all.

    Args:
        dataset: Where from.
        spec: The policy's cameras.
        indices: int64 (n,), which frames; None for all.
        renames: The dataset's names where they are not the policy's.

    Returns:
        Per camera in the spec's order, uint8 (n, H, W, 3).

    Raises:
        DatasetError: A camera of the policy is missing, or its picture size does not fit.
    """
    return [dataset.images(name, indices) for name in camera_names(dataset, spec, renames)]


def open_pictures(
    dataset: "Dataset", spec: PolicySpec, memory_bytes: int, cache_bytes: int, *, renames: Renames | None = None
) -> tuple[Sequence[Pictures], int]:
    """The policy's pictures of all frames, in memory if they fit.

    Args:
        dataset: Where from.
        spec: The policy's cameras.
        memory_bytes: What they may take all together.
        cache_bytes: What some of them may take, where all do not fit.
        renames: The dataset's names where they are not the policy's.

    Returns:
        Per camera in the spec's order its frames, and how much of the memory they take.

    Raises:
        DatasetError: A camera of the policy is missing, or its picture size does not fit.
    """
    names = camera_names(dataset, spec, renames)
    needed = dataset.num_frames * sum(int(np.prod(dataset.features[name].shape)) for name in names)
    if needed <= memory_bytes:
        return [dataset.images(name) for name in names], needed
    return [DecodedPictures(dataset, name, cache_bytes // len(names)) for name in names], cache_bytes


def camera_names(dataset: "Dataset", spec: PolicySpec, renames: Renames | None = None) -> list[str]:
    """The dataset's names of the policy's cameras, in the spec's order.

    Raises:
        DatasetError: One is missing, or its picture size does not fit.
    """
    recorded = [key for key in dataset.features if key.startswith(IMAGES)]
    names = []
    for camera in spec.cameras:
        name = IMAGES + (renames or Renames()).recorded(camera.role, [key.removeprefix(IMAGES) for key in recorded])
        if name not in recorded:
            found = ", ".join(recorded) or "none"
            raise DatasetError(
                f"{dataset.path} has no camera {name}; its cameras: {found}; say which is the policy's with --rename"
                f" THEIRS={camera.role}"
            )
        shape = dataset.features[name].shape
        if tuple(shape) != (camera.height, camera.width, 3):
            raise DatasetError(
                f"{dataset.path}: {name} is {list(shape)}, expected {[camera.height, camera.width, 3]}; give all"
                " datasets pictures of one size, and compact policies those of their base"
            )
        names.append(name)
    return names
