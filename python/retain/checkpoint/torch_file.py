"""The tensors of a torch file (.pt, .pth, .bin) in place: a merge streams them from it as from a safetensors file.

torch.save writes a zip archive of a pickle and one uncompressed record per storage. The pickle is read by torch's
restricted unpickler, with tensors that have no data; each then knows at which byte of the file its record begins.
Torch is imported here and nowhere else in this package.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retain.checkpoint.json_object import shorten
from retain.checkpoint.safetensors_header import FileStamp, Header, TensorInfo, build_header
from retain.checkpoint.state_dict import find_state_dict
from retain.checkpoint.zip_records import read_records
from retain.errors import CheckpointError, require

if TYPE_CHECKING:
    import torch

_DTYPES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16", "uint32": "U32", "int32": "I32",
    "uint64": "U64", "int64": "I64", "float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64",
    "complex64": "C64", "float8_e5m2": "F8_E5M2", "float8_e4m3fn": "F8_E4M3", "float8_e8m0fnu": "F8_E8M0",
    "float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2fnuz": "F8_E5M2FNUZ",
}  # fmt: skip
_METADATA = {"format": "pt"}  # without it transformers refuses a safetensors file
_SAVE = "save its tensors with torch.save(model.state_dict(), …) or safetensors"


def read_torch_file(file: Path) -> tuple[Header, tuple[str, ...]]:
    """Find the tensors of a torch file.

    Returns:
        Their names, dtypes and places, with the header that a safetensors file of the same tensors would have; and
        what was chosen among the file's contents, one sentence each.

    Raises:
        CheckpointError: It is not a zip archive of plain contiguous tensors; the message says what it is.
        MissingExtraError: Torch is not installed.
    """
    stamp = FileStamp.of(file)
    records = read_records(file)
    contents = _load(file)
    torch = require("torch", "train")
    state, notes = find_state_dict(file, contents, lambda value: isinstance(value, torch.Tensor))
    tensors = [(name, _place(file, name, tensor, records)) for name, tensor in state.items()]
    tensors.sort(key=lambda item: (item[1].offset, item[1].nbytes))
    if FileStamp.of(file) != stamp:
        raise CheckpointError(f"{file} was changed while it was being read; run the command again")
    raw = build_header(((name, info.dtype, info.shape) for name, info in tensors), _METADATA)
    return Header(file, raw, dict(tensors), _METADATA, stamp), notes


def _load(file: Path) -> Any:
    """The file's objects, with tensors that have no data."""
    torch = require("torch", "train")
    from torch._subclasses.fake_tensor import FakeTensorMode

    try:
        with FakeTensorMode():
            return torch.load(file, weights_only=True, map_location="cpu")
    except OSError as error:
        raise CheckpointError(f"cannot read {file}: {error.strerror}") from error
    except Exception as error:  # the pickle of a broken file can make torch raise anything
        refused = re.search(r"GLOBAL ([\w.]{1,80})", str(error))
        what = f"a {refused[1]}" if refused else f"something else ({shorten(str(error).splitlines()[:1], 120)})"
        raise CheckpointError(f"{file} holds {what} where only tensors are read; {_SAVE}") from error


def _place(file: Path, name: str, tensor: "torch.Tensor", records: Mapping[int, int]) -> TensorInfo:
    called = shorten(name, 120)
    dtype = _DTYPES.get(str(tensor.dtype).removeprefix("torch."))
    if dtype is None or str(tensor.layout) != "torch.strided" or tensor.is_quantized:
        raise CheckpointError(f"{file} stores {called} as {tensor.dtype}, {tensor.layout}, which is not read; {_SAVE}")
    if not tensor.is_contiguous() or tensor.is_neg() or tensor.is_conj():
        raise CheckpointError(
            f"{file} stores {called} {list(tensor.shape)} not in the order of its elements, but as a view with strides "
            f"{list(tensor.stride())}; save it again after .contiguous()"
        )
    start = getattr(tensor.untyped_storage(), "_checkpoint_offset", None)
    if start is None:
        raise CheckpointError(
            f"{file} needs a torch that tells where tensors lie in a file, 2.7 or later; update torch"
        )
    nbytes = tensor.numel() * tensor.itemsize
    skipped = tensor.storage_offset() * tensor.itemsize
    if nbytes and skipped + nbytes > records.get(start, 0):
        raise CheckpointError(
            f"{file} does not hold the {nbytes} bytes of {called} where it says; download or copy it again"
        )
    return TensorInfo(dtype, tuple(tensor.shape), file, start + skipped, nbytes)
