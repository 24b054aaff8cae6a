"""Reads CDR, little-endian: the encoding of ROS 2 messages, as csrc/record/cdr.hpp writes it."""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

_HEADER = b"\x00\x01"
_START = 4


class CdrReader:
    """Takes values off a message, one after the other.

    Args:
        data: The whole message.

    Raises:
        ValueError: It is not plain little-endian CDR, or ends too soon (from every method).
    """

    def __init__(self, data: bytes) -> None:
        if data[:2] != _HEADER:
            raise ValueError(f"a message begins with {data[:4].hex()}, expected plain little-endian CDR")
        self._data, self._at = data, _START

    def value(self, code: str) -> Any:
        """A number, by its letter of `struct`."""
        size = struct.calcsize(code)
        self._align(size)
        try:
            (number,) = struct.unpack_from("<" + code, self._data, self._at)
        except struct.error as error:
            raise ValueError(f"a message of {len(self._data)} bytes is too short") from error
        self._at += size
        return number

    def time_ns(self) -> int:
        """A builtin_interfaces/Time, ns."""
        return int(self.value("i")) * 1_000_000_000 + int(self.value("I"))

    def text(self) -> str:
        """A string."""
        length = self.value("I")
        return self._take(length)[: length - 1].decode()

    def array(self, dtype: str) -> npt.NDArray[Any]:
        """A sequence of numbers; a view of the message."""
        count, kind = self.value("I"), np.dtype("<" + dtype)
        if count == 0:
            return np.empty(0, kind)
        self._align(kind.itemsize)
        return np.frombuffer(self._take(count * kind.itemsize), kind)

    def _take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) != size:
            raise ValueError(f"a message of {len(self._data)} bytes is too short")
        self._at += size
        return taken

    def _align(self, size: int) -> None:
        self._at += -(self._at - _START) % size
