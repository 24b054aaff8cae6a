"""The header of a safetensors file, read with distrust.

Layout: an unsigned little-endian 64-bit length n, n bytes of JSON, then the tensors. The JSON maps each name to its
dtype, shape and the half-open span of its bytes; the spans must cover the rest of the file exactly. Nothing but the
header is read here, whatever the file's size.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from retain.checkpoint.json_object import MAX_BYTES, parse_object, shorten
from retain.errors import CheckpointError

DTYPE_BYTES: Mapping[str, int] = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1,
    "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4,
    "U64": 8, "I64": 8, "F64": 8, "C64": 8,
}  # fmt: skip
"""Bytes per element of every dtype that fills whole bytes."""

MAX_NAME = 4096
"""Letters of a tensor's name; patterns that are matched against longer ones would take too long."""

_LENGTH_BYTES = 8
_ALIGNMENT = 8
_MAX_DIMENSIONS = 64  # torch's and numpy's own limit; the product of a million sizes takes minutes


@dataclass(frozen=True)
class TensorInfo:
    """Where a tensor is and how it is stored.

    Attributes:
        dtype: The safetensors name, as "BF16".
        shape: Its dimensions; () is a scalar.
        file: The file that holds it.
        offset: First byte, counted from the start of the file.
        nbytes: Its length in bytes.
    """

    dtype: str
    shape: tuple[int, ...]
    file: Path
    offset: int
    nbytes: int

    @property
    def elements(self) -> int:
        """The product of the dimensions."""
        return math.prod(self.shape)


class FileStamp(NamedTuple):
    """What changes when a file is replaced or written to."""

    device: int
    inode: int
    bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileStamp":
        """Read the stamp of a file.

        Raises:
            CheckpointError: The file is gone.
        """
        try:
            return cls._of_status(path.stat())
        except OSError as error:
            raise CheckpointError(f"cannot read {path}: {error.strerror}") from error

    @classmethod
    def _of_status(cls, status: os.stat_result) -> "FileStamp":
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class Header:
    """A validated header.

    Attributes:
        file: The file it was read from.
        raw: Length and JSON, byte for byte: what precedes the tensors.
        tensors: By name, in the order of their bytes.
        metadata: The `__metadata__` entry; LeRobot keeps the names of tied tensors here.
        stamp: The file's identity when it was read.
    """

    file: Path
    raw: bytes
    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]
    stamp: FileStamp


def read_header(file: Path) -> Header:
    """Read and validate the header of a safetensors file.

    Raises:
        CheckpointError: The file is missing, or is not what its header says; the message tells what was found.
    """
    try:
        with file.open("rb") as stream:
            stamp = FileStamp._of_status(os.fstat(stream.fileno()))
            prefix = stream.read(_LENGTH_BYTES)
            if len(prefix) < _LENGTH_BYTES:
                raise _broken(file, f"is {len(prefix)} bytes long, too short to hold even the length of a header")
            length = int.from_bytes(prefix, "little")
            _check_length(file, length, stamp.bytes)
            text = stream.read(length)
    except OSError as error:
        raise CheckpointError(f"cannot read {file}: {error.strerror}") from error
    if len(text) < length:
        raise _broken(file, f"ended after {len(text)} of the {length} bytes of its header")
    entries = _parse(file, text)
    metadata = _metadata(file, entries.pop("__metadata__", {}))
    start = _LENGTH_BYTES + length
    tensors = [(name, _tensor(file, name, entry, start, stamp.bytes)) for name, entry in entries.items()]
    tensors.sort(key=lambda item: (item[1].offset, item[1].nbytes))
    _check_cover(file, tensors, start, stamp.bytes)
    return Header(file, prefix + text, dict(tensors), metadata, stamp)


def build_header(tensors: Iterable[tuple[str, str, tuple[int, ...]]], metadata: Mapping[str, str]) -> bytes:
    """Length and JSON for tensors that lie one after the other in the order given.

    Args:
        tensors: (name, dtype, shape) of each.
        metadata: For the `__metadata__` entry, which is left out when empty.
    """
    entries: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for name, dtype, shape in tensors:
        end = offset + math.prod(shape) * DTYPE_BYTES[dtype]
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text


def _broken(file: Path, found: str) -> CheckpointError:
    return CheckpointError(f"{file} is not a valid safetensors file: it {found}; download or copy it again")


def _check_length(file: Path, length: int, file_bytes: int) -> None:
    if length > file_bytes - _LENGTH_BYTES:
        raise _broken(file, f"announces a header of {length} bytes but is {file_bytes} bytes long")
    if length > MAX_BYTES:
        raise _broken(file, f"announces a header of {length} bytes, more than the allowed {MAX_BYTES}")


def _parse(file: Path, text: bytes) -> dict[str, Any]:
    if not text.startswith(b"{"):
        raise _broken(file, f"has a header that starts with {text[:1]!r}, not with '{{'")
    return parse_object(text, lambda found: _broken(file, f"has a header that {found}"))


def _metadata(file: Path, entry: Any) -> dict[str, str]:
    if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
        raise _broken(file, "has a __metadata__ that is not a map of strings")
    return entry


def _is_natural(value: Any) -> bool:
    return type(value) is int and value >= 0  # bool is an int, but true is no dimension


def _tensor(file: Path, name: str, entry: Any, start: int, file_bytes: int) -> TensorInfo:
    if len(name) > MAX_NAME:
        raise _broken(file, f"has a name of {len(name)} letters, which begins {shorten(name, 40)}")
    called = shorten(name)
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _broken(file, f"describes {called} by something other than dtype, shape and data_offsets")
    dtype, shape, span = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise CheckpointError(
            f"{file}: {called} has the dtype {shorten(dtype)}; supported are {', '.join(DTYPE_BYTES)}"
        )
    if not isinstance(shape, list) or not all(map(_is_natural, shape)):
        raise _broken(file, f"gives {called} the shape {shorten(shape)}, which is not a list of sizes")
    if len(shape) > _MAX_DIMENSIONS:
        raise _broken(file, f"gives {called} {len(shape)} dimensions, more than {_MAX_DIMENSIONS}")
    if not isinstance(span, list) or len(span) != 2 or not all(map(_is_natural, span)):
        raise _broken(file, f"gives {called} the span {shorten(span)}, which is not [begin, end]")
    begin, end = span
    if not begin <= end <= file_bytes - start:
        raise _broken(
            file, f"puts {called} at bytes {shorten(begin)} to {shorten(end)} of its {file_bytes - start} bytes of data"
        )
    needed = math.prod(shape) * DTYPE_BYTES[dtype]
    if end - begin != needed:
        raise _broken(file, f"gives {called} {end - begin} bytes, but {dtype} {shorten(shape)} takes {shorten(needed)}")
    return TensorInfo(dtype, tuple(shape), file, start + begin, end - begin)


def _check_cover(file: Path, tensors: list[tuple[str, TensorInfo]], start: int, file_bytes: int) -> None:
    """Spans in order of their offsets must touch: overlaps could smuggle, and gaps hide, data."""
    reached, before = start, "the header"
    for name, tensor in tensors:
        if tensor.offset < reached:
            raise _broken(file, f"lets {shorten(name)} overlap {before} by {reached - tensor.offset} bytes")
        if tensor.offset > reached:
            raise _broken(file, f"leaves a gap of {tensor.offset - reached} bytes between {before} and {shorten(name)}")
        reached, before = tensor.offset + tensor.nbytes, shorten(name)
    if reached != file_bytes:
        raise _broken(file, f"has {file_bytes - reached} bytes after its last tensor")
