"""Batches read ahead by processes of their own, in the order of the steps."""

import signal
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from retain.errors import RetainError, TrainingError
from retain.finetune.batches import BatchSampler
from retain.policy.base import Batch

READ_AHEAD = 2
"""Batches that each process prepares before they are asked for."""


@dataclass(frozen=True)
class Portion:
    """Which part of every step's batch this process computes.

    A step's batch is dealt to `processes * accumulate` shards, and shard `turn * processes + rank` is computed by
    process `rank` in its turn. So two processes learn what one does that accumulates two.

    Attributes:
        rank: Number of this process.
        processes: How many there are.
        accumulate: Shards that each process computes one after another before a step of the optimizer.
    """

    rank: int = 0
    processes: int = 1
    accumulate: int = 1

    @property
    def shards(self) -> int:
        """Parts of a batch."""
        return self.processes * self.accumulate

    def shard(self, turn: int) -> int:
        """Number of the shard of a turn."""
        return turn * self.processes + self.rank


class Turns(Dataset[Any]):
    """The shards of one process from a step on: item i is turn i % accumulate of step first + i // accumulate."""

    def __init__(self, batches: BatchSampler, portion: Portion, first: int, steps: int) -> None:
        self._batches, self._portion = batches, portion
        self._first, self._steps = first, steps

    def __len__(self) -> int:
        return (self._steps - self._first) * self._portion.accumulate

    def __getitem__(self, index: int) -> Batch | RetainError:
        """The shard, or why there is none: an error crosses to the training process as it is, not wrapped."""
        step, turn = divmod(index, self._portion.accumulate)
        try:
            return self._batches.shard(self._first + step, self._portion.shard(turn), self._portion.shards)
        except RetainError as error:
            return error


def read_ahead(
    batches: BatchSampler, portion: Portion, first: int, steps: int, workers: int
) -> Generator[Batch, None, None]:
    """The shards of one process, step after step, on the CPU; to be closed, which ends the processes that read.

    Args:
        batches: Gives the shards.
        portion: Which of them.
        first: The first step.
        steps: One more than the last step.
        workers: Processes that prepare them; 0 prepares each when it is asked for. They change no value.

    Raises:
        DatasetError: Data cannot be read.
        TrainingError: A process that reads data was ended from outside.
    """
    loader: DataLoader[Batch | RetainError] = DataLoader(
        Turns(batches, portion, first, steps),
        batch_size=None,
        num_workers=workers,
        collate_fn=_as_it_is,
        worker_init_fn=_prepare_worker,
        prefetch_factor=READ_AHEAD if workers else None,
        generator=torch.Generator(),  # the global one is not ours to advance
    )
    items = iter(loader)
    try:
        while (item := next(items, None)) is not None:
            if isinstance(item, RetainError):
                raise item
            yield item
    except RuntimeError as error:
        raise TrainingError(
            f"a process that reads data ended ({str(error).splitlines()[0]}); with less memory at hand give"
            " fewer --workers or a smaller --picture-memory"
        ) from error
    finally:
        del items  # which tells the readers to end


def _as_it_is(item: Any) -> Any:
    return item


def _prepare_worker(_number: int) -> None:
    # Ctrl-C and a launcher's SIGTERM reach the whole group; the step that is being computed still needs its data. A
    # reader ends when it is told to by its queue, or when the process that trains is gone.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(1)
