"""Bytes → a checkpoint directory → everything that reads one. Whatever the bytes, only CheckpointError may come out.

The bytes are files, parted by SEPARATOR: one byte that chooses the file's name, then its content. A safetensors file
whose content begins with a brace is a header alone; its length is put before it and as many zero bytes after it as it
asks for, so that a fuzzer need not find lengths that fit.
"""

import json
import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from retain.checkpoint import build_header, open_checkpoint, read_statistics
from retain.checkpoint.safetensors_header import DTYPE_BYTES
from retain.errors import CheckpointError
from retain.merge.anatomy import dissect

SEPARATOR = b"\xff\xfe"
NAMES = (
    "model.safetensors",
    "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
    "model.safetensors.index.json",
    "adapter_model.safetensors",
    "adapter_config.json",
    "config.json",
    "policy_preprocessor.json",
    "policy_preprocessor_step_2_normalizer_processor.safetensors",
    "assets/droid/norm_stats.json",
    "statistics.json",
    "dataset_statistics.json",
    "experiment_cfg/metadata.json",
    "merge_report.json",
    "policy.pt",
    "pytorch_model.bin.index.json",
    "model.fp16.safetensors.index.json",
    "pretrained_model_ema/model.safetensors",
    "lora_adapter/adapter_config.json",
    "lora_adapter/adapter_model.safetensors",
)
_MAX_PADDING = 1 << 16
_LONGEST_MESSAGE = 1500


def pack(files: Sequence[tuple[str, bytes]]) -> bytes:
    """An input that makes these files."""
    return SEPARATOR.join(bytes([NAMES.index(name)]) + content for name, content in files)


def write_directory(data: bytes, directory: Path) -> None:
    """Make the files of an input."""
    for chunk in data.split(SEPARATOR):
        if not chunk:
            continue
        file = directory / NAMES[chunk[0] % len(NAMES)]
        file.parent.mkdir(parents=True, exist_ok=True)
        content = chunk[1:]
        if file.suffix == ".safetensors" and content.startswith(b"{"):
            content = len(content).to_bytes(8, "little") + content + bytes(_padding(content))
        file.write_bytes(content)


def _padding(header: bytes) -> int:
    try:
        entries = json.loads(header)
        ends = [entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"]
        return int(min(max(0, *ends), _MAX_PADDING)) if ends else 0
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError):
        return 0


def read_everything(directory: Path, *, allow_pickle: bool = False) -> None:
    """Open a directory every way there is, and check what was accepted.

    Raises:
        AssertionError: Something was accepted that is not so, or refused in more than one line.
        Exception: Whatever must not happen.
    """
    for path in (directory, *directory.glob("*.safetensors"), *directory.glob("*.pt")):
        message = _refusal(path, allow_pickle)
        assert "\n" not in message, message
        assert len(message) < _LONGEST_MESSAGE, message
        assert message.encode() is not None


def _refusal(path: Path, allow_pickle: bool) -> str:
    """The message with which a path is refused, or "" where it is accepted and what is said of it holds."""
    try:
        checkpoint = open_checkpoint(path, allow_pickle=allow_pickle)
        read_statistics(checkpoint)
        described = dissect(path, allow_pickle=allow_pickle)
    except CheckpointError as error:
        return str(error)
    for header in checkpoint.headers:
        for info in header.tensors.values():
            assert info.offset + info.nbytes <= header.stamp.bytes
            assert info.nbytes == math.prod(info.shape) * DTYPE_BYTES[info.dtype]
        assert build_header([(name, info.dtype, info.shape) for name, info in header.tensors.items()], header.metadata)
    for change in checkpoint.adapters.values():
        assert change.a.shape[0] == change.b.shape[1] == change.rank
        assert math.isfinite(change.scale)
    assert all(name not in checkpoint.tensors for name in checkpoint.aliases)
    assert json.dumps(described.to_json()).encode()
    return ""


def try_input(data: bytes, *, allow_pickle: bool = False) -> None:
    """Make the directory of an input in memory, and read it."""
    memory = Path("/dev/shm")
    directory = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    try:
        write_directory(data, directory)
        read_everything(directory, allow_pickle=allow_pickle)
    finally:
        shutil.rmtree(directory)
