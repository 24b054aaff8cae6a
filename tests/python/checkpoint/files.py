"""Safetensors files as bytes, good and bad."""

import json
from typing import Any


def image(header: Any, data: bytes = b"", *, length: int | None = None) -> bytes:
    """A file with this header: an object to be written as JSON, or the text itself."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(begin: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
