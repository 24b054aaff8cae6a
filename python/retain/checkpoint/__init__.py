"""Checkpoints in and out: validated headers, sidecar files, hashes, all-or-nothing directories. No torch.

>>> checkpoint = open_checkpoint(Path("policies/pi05"))
>>> checkpoint.kind, len(checkpoint.tensors)
"""

from retain.checkpoint.atomic_directory import atomic_directory
from retain.checkpoint.checkpoint import Adapter, Checkpoint
from retain.checkpoint.copy_file import copy_file
from retain.checkpoint.hashing import sha256_files
from retain.checkpoint.json_object import read_json_object
from retain.checkpoint.open import open_checkpoint
from retain.checkpoint.safetensors_header import Header, TensorInfo, build_header, read_header
from retain.checkpoint.sidecars import copy_sidecars, find_sidecars
from retain.checkpoint.statistics import Statistics, read_statistics
from retain.checkpoint.trained_delay import read_trained_delay, with_trained_delay

__all__ = [
    "Adapter",
    "Checkpoint",
    "Header",
    "Statistics",
    "TensorInfo",
    "atomic_directory",
    "build_header",
    "copy_file",
    "copy_sidecars",
    "find_sidecars",
    "open_checkpoint",
    "read_header",
    "read_json_object",
    "read_statistics",
    "read_trained_delay",
    "sha256_files",
    "with_trained_delay",
]
