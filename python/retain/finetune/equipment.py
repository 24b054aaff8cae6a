"""What a run works with. None of it changes a result, so a run may be resumed with other equipment. No torch here."""

from dataclasses import dataclass

from retain.errors import TrainingError

LOGS = ("tensorboard", "wandb")


@dataclass(frozen=True)
class Equipment:
    """The machine's side of a run.

    Attributes:
        device: Where to train, cpu or cuda; with several processes on GPUs each takes its own.
        workers: Processes that read data ahead, for each process that trains; None: none where all pictures are in
            memory, else 2.
        picture_memory_gb: Decoded pictures that are kept in memory [GiB], in each process that reads data.
        gradient_checkpointing: Compute activations again in the backward pass, to save memory.
        log: Where the log goes besides log.jsonl: tensorboard, wandb.
    """

    device: str = "cpu"
    workers: int | None = None
    picture_memory_gb: float = 4.0
    gradient_checkpointing: bool = False
    log: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check them.

        Raises:
            TrainingError: One of them is impossible.
        """
        if self.workers is not None and self.workers < 0:
            raise TrainingError(f"workers is {self.workers}, expected 0 or more")
        if not self.picture_memory_gb >= 0:
            raise TrainingError(f"picture_memory is {self.picture_memory_gb} GiB, expected 0 or more")
        unknown = [name for name in self.log if name not in LOGS]
        if unknown:
            raise TrainingError(f"--log {unknown[0]} is not known; expected {' or '.join(LOGS)}")
