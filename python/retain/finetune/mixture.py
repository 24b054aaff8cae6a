"""Several datasets as one stream of observations: what is to be learned, and what is not to be forgotten."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from retain.finetune.batches import Source
from retain.finetune.chunks import read_frames
from retain.finetune.equipment import Equipment
from retain.finetune.pictures import DecodedPictures, open_pictures
from retain.finetune.renames import Renames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retain.data import Dataset
    from retain.policy.base import Policy

READERS = 2
"""Processes that read ahead where pictures have to be decoded, unless another number is asked for."""


@dataclass(frozen=True)
class CoData:
    """Data that is mixed into every batch: the base's own, so that less is forgotten, or that of earlier skills.

    Attributes:
        dataset: The data.
        ratio: Its share of every batch, above 0 and below 1.
    """

    dataset: "Dataset"
    ratio: float


@dataclass(frozen=True)
class Mixture:
    """Opened datasets.

    Attributes:
        task: What is to be learned.
        co_training: What is mixed in, each with its share of every batch.
        equipment: As asked for, with the number of workers decided.
    """

    task: Source
    co_training: list[tuple[Source, float]]
    equipment: Equipment

    @property
    def sources(self) -> list[Source]:
        """All of them, the task's first."""
        return [self.task, *(source for source, _ in self.co_training)]


def open_mixture(
    data: "Dataset", co_data: "Sequence[CoData]", policy: "Policy", equipment: Equipment, renames: Renames
) -> Mixture:
    """Open datasets for a policy, smallest pictures first into the memory that there is for them.

    Raises:
        DatasetError: A dataset does not fit the policy.
        TrainingError: A name that is to be renamed is in no dataset.
    """
    datasets = [data, *(one.dataset for one in co_data)]
    renames.check_used({name for dataset in datasets for name in _names(dataset)})
    left = int(equipment.picture_memory_gb * (1 << 30))
    order = sorted(range(len(datasets)), key=lambda index: datasets[index].num_frames)
    sources: dict[int, Source] = {}
    for place, index in enumerate(order):
        dataset = datasets[index]
        frames = read_frames(dataset, policy.spec, pictures=False, renames=renames)
        # What does not fit as a whole gets an even part of what is left.
        images, taken = open_pictures(dataset, policy.spec, left, left // (len(order) - place), renames=renames)
        left -= taken
        sources[index] = Source.encode(replace(frames, images=images), policy)
    decoding = any(isinstance(images, DecodedPictures) for one in sources.values() for images in one.frames.images)
    workers = equipment.workers if equipment.workers is not None else READERS * decoding
    co_training = [(sources[1 + index], one.ratio) for index, one in enumerate(co_data)]
    return Mixture(sources[0], co_training, replace(equipment, workers=workers))


def _names(dataset: "Dataset") -> set[str]:
    cameras = {name.removeprefix("observation.images.") for name in dataset.features}
    return cameras.union(*(feature.names or () for feature in dataset.features.values()))
