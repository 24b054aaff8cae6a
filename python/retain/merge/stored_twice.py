"""Tied tensors that a checkpoint stores under both names: whether they are still one."""

from collections.abc import Sequence
from dataclasses import dataclass

from retain.checkpoint import Checkpoint, TensorInfo
from retain.errors import CheckpointError

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class StoredTwice:
    """Two names that a family's code ties, both stored, and whether their bytes are the same."""

    name: str
    other: str
    same: bool


def find_stored_twice(checkpoint: Checkpoint, aliases: Sequence[tuple[str, str]]) -> tuple[StoredTwice, ...]:
    """Compare the known ties that a checkpoint stores twice, byte for byte.

    Args:
        checkpoint: What to look at.
        aliases: Pairs of names that stand for one tensor.

    Raises:
        CheckpointError: A weight file cannot be read.
    """
    tensors = checkpoint.tensors
    return tuple(
        StoredTwice(name, other, _same(tensors[name], tensors[other]))
        for name, other in aliases
        if name in tensors and other in tensors
    )


def _same(one: TensorInfo, other: TensorInfo) -> bool:
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    if (one.file, one.offset) == (other.file, other.offset):
        return True
    try:
        with one.file.open("rb") as first, other.file.open("rb") as second:
            first.seek(one.offset)
            second.seek(other.offset)
            for start in range(0, one.nbytes, _BLOCK_BYTES):
                count = min(_BLOCK_BYTES, one.nbytes - start)
                if first.read(count) != second.read(count):
                    return False
    except OSError as error:
        raise CheckpointError(f"cannot read {one.file}: {error.strerror}") from error
    return True
