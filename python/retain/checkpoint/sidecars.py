"""The files beside the weights: configuration, processors, tokenizer, statistics. They travel byte for byte."""

import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from retain.errors import CheckpointError

LEFT_BEHIND = frozenset(
    {
        "merge_report.json",  # tells how the source was made, not its copy
        "optimizer.pt",  # training state: larger than the weights and wrong for any others
        "metadata.pt",
        "optimizer.bin",
        "scheduler.pt",
        "rng_state.pth",
        "training_args.bin",
        "training_state",
        "trainer_state.json",
    }
)
"""Names of files and folders that describe a training run and not the policy."""


def find_sidecars(directory: Path, weights: Collection[str]) -> tuple[Path, ...]:
    """Everything in a policy directory that is neither weights nor training state nor hidden.

    Args:
        directory: The policy directory.
        weights: Names of the weight files and their index.

    Returns:
        Paths relative to `directory`, sorted. Links to files count (the Hugging Face cache is made of them); links to
        directories are not followed.
    """
    return tuple(sorted(_walk(directory, Path(), weights)))


def _walk(directory: Path, below: Path, weights: Collection[str]) -> Iterator[Path]:
    for entry in os.scandir(directory / below):
        if entry.name.startswith(".") or entry.name in LEFT_BEHIND:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(directory, below / entry.name, weights)
        elif entry.is_file() and not (below == Path() and entry.name in weights):
            yield below / entry.name


def copy_sidecars(source: Path, files: Iterable[Path], target: Path) -> None:
    """Copy files byte for byte, keeping their places below the directory.

    Args:
        source: The policy directory they are in.
        files: Relative paths, from find_sidecars.
        target: An existing directory.

    Raises:
        CheckpointError: One cannot be read or written.
    """
    try:
        for file in files:
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file, target / file)
    except OSError as error:
        raise CheckpointError(f"cannot copy the files beside {source}'s weights to {target}: {error}") from error
