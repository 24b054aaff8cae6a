"""Reads an MCAP file by the format's own library, also one whose writer was killed: as far as it goes."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from retain.errors import FlightError, require


@dataclass
class Ending:
    """How a file ended; known when its last message was read."""

    complete: bool = False
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    """By name: "retain.run" stands in the head, "retain.end" only in a file that was closed."""


class GrowingFile:
    """A file that somebody else is still writing: reading past its end waits for more.

    Args:
        file: Opened for reading.
        patience: Called while there is nothing to read; False gives up, and the file ends there.
    """

    def __init__(self, file: IO[bytes], patience: Callable[[], bool]) -> None:
        self._file, self._patience = file, patience

    def read(self, size: int) -> bytes:
        """As many bytes, or fewer where patience ended."""
        data = self._file.read(size)
        while len(data) < size and self._patience():
            data += self._file.read(size - len(data))
        return data


def messages(
    path: Path, wanted: Callable[[str], bool], ending: Ending, patience: Callable[[], bool] | None = None
) -> Iterator[tuple[str, int, bytes]]:
    """The messages of some topics in the file's order.

    Args:
        path: An MCAP file.
        wanted: Says of a topic whether its messages are wanted.
        ending: Is filled on the way.
        patience: For a file that is still being written; see `GrowingFile`.

    Yields:
        Topic, sequence number and contents.

    Raises:
        FlightError: There is no such file, or it is no MCAP file.
        MissingExtraError: mcap is not installed.
    """
    reader, exceptions = require("mcap.stream_reader", "flight"), require("mcap.exceptions", "flight")
    try:
        file: IO[bytes] = path.open("rb")
    except OSError as error:
        raise FlightError(
            f"{path} cannot be read: {error.strerror}; make one with `retain run --record FILE`"
        ) from error
    topics: dict[int, str] = {}
    with file:
        source = file if patience is None else GrowingFile(file, patience)
        try:
            for record in reader.StreamReader(source, validate_crcs=True).records:
                kind = type(record).__name__
                if kind == "Channel":
                    topics[record.id] = record.topic
                elif kind == "Metadata":
                    ending.metadata[record.name] = dict(record.metadata)
                elif kind == "Footer":
                    ending.complete = True
                elif kind == "Message" and wanted(topics[record.channel_id]):
                    yield topics[record.channel_id], record.sequence, record.data
        except exceptions.InvalidMagic as error:
            if not ending.complete and ending.metadata:
                return  # the magic at the end is what is missing
            raise FlightError(f"{path} is not an MCAP file; make one with `retain run --record FILE`") from error
        except (exceptions.McapError, ValueError, struct.error):
            # The writer was killed within a record, or the rest is damaged: what stands before is whole, by its CRC.
            if not ending.metadata:
                raise FlightError(f"{path} ends before its first message; nothing was recorded") from None
