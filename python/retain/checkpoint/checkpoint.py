"""A checkpoint: which files hold the weights, and every tensor's dtype, shape and place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from retain.checkpoint.json_object import read_json_object as read_json_object  # noqa: PLC0414 - imported from here
from retain.checkpoint.safetensors_header import FileStamp, Header, TensorInfo
from retain.errors import CheckpointError

Kind = Literal["file", "directory", "lerobot", "huggingface", "openpi", "peft", "pickle"]

WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Adapter:
    """A low-rank change of one weight: ΔW = scale · B · A (LoRA, arXiv 2106.09685).

    Attributes:
        a: A, [rank, columns].
        b: B, [rows, rank], of the same dtype.
        rank: Their common size.
        scale: lora_alpha / rank.
    """

    a: TensorInfo
    b: TensorInfo
    rank: int
    scale: float


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint.

    Attributes:
        path: As it was asked for.
        directory: Where the files are that belong to the weights: configuration, processors, statistics.
        kind: How it is laid out. "file" is a bare safetensors file; "peft" is an adapter without its base; "pickle" is
            a torch file, or a directory whose weights are torch files.
        headers: One per weight file, in the files' order. Of a torch file, what a safetensors file with the same
            tensors would begin with; only the places of the tensors are the torch file's.
        index: The shard index, where there is one.
        tensors: By name, shard after shard, each in the order of its bytes. Of an adapter, only what was trained whole.
        config: What config.json says; empty where there is none.
        sidecars: Everything else that belongs to it, relative to `directory`, sorted.
        adapters: By name of the base's weight, what changes it; empty but for "peft".
        notes: What was decided while opening it that its reader should know, one sentence each.
    """

    path: Path
    directory: Path
    kind: Kind
    headers: tuple[Header, ...]
    index: Path | None
    tensors: Mapping[str, TensorInfo]
    config: Mapping[str, Any]
    sidecars: tuple[Path, ...]
    adapters: Mapping[str, Adapter] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def nbytes(self) -> int:
        """Bytes of all weight files, headers included."""
        return sum(header.stamp.bytes for header in self.headers)

    @property
    def is_bare(self) -> bool:
        """Whether it is a file by itself: what lies beside it does not belong to it."""
        return len(self.headers) == 1 and self.headers[0].file == self.path

    @property
    def aliases(self) -> Mapping[str, str]:
        """Tied names that are not stored themselves → the stored tensor they stand for, from the files' metadata."""
        return {
            alias: name
            for header in self.headers
            for alias, name in header.metadata.items()
            if name in self.tensors and alias not in self.tensors
        }

    def check_unchanged(self) -> None:
        """Make sure that the weight files are still those whose headers were read.

        Raises:
            CheckpointError: One was replaced or written to.
        """
        for header in self.headers:
            if FileStamp.of(header.file) != header.stamp:
                raise CheckpointError(f"{header.file} was changed while it was being read; run the command again")
