"""Checkpoints in and out: validated headers, sidecar files, hashes, all-or-nothing directories. No torch.

>>> checkpoint = open_checkpoint(Path("policies/pi05"))
>>> checkpoint.kind, len(checkpoint.tensors)
"""

from retain.checkpoint.atomic_directory import atomic_directory
from retain.checkpoint.checkpoint import Checkpoint, open_checkpoint
from retain.checkpoint.hashing import sha256_files
from retain.checkpoint.safetensors_header import Header, TensorInfo, build_header, read_header
from retain.checkpoint.sidecars import copy_sidecars, find_sidecars
from retain.checkpoint.statistics import Statistics, read_statistics

__all__ = [
    "Checkpoint",
    "Header",
    "Statistics",
    "TensorInfo",
    "atomic_directory",
    "build_header",
    "copy_sidecars",
    "find_sidecars",
    "open_checkpoint",
    "read_header",
    "read_statistics",
    "sha256_files",
]
