"""Where the records of a torch archive lie in its file."""

import struct
import zipfile
from pathlib import Path

from retain.checkpoint.json_object import shorten
from retain.errors import CheckpointError

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, …, lengths of name and extra field
_SIGNATURE = b"PK\x03\x04"
_BYTE_ORDER = b"little"
_SAVE_AGAIN = "load it with the torch that wrote it and save its state_dict() again"


def read_records(file: Path) -> dict[int, int]:
    """The places of a zip archive's records: first byte → length [bytes].

    Raises:
        CheckpointError: It is no zip archive of uncompressed records written on a little-endian machine.
    """
    try:
        with file.open("rb") as stream:
            if stream.read(len(_SIGNATURE)) != _SIGNATURE:
                raise CheckpointError(
                    f"{file} is not a zip archive, which torch.save has written since 1.6; {_SAVE_AGAIN}"
                )
            records = {}
            with zipfile.ZipFile(stream) as archive:
                for record in archive.infolist():
                    if record.compress_type != zipfile.ZIP_STORED or record.flag_bits & 1:
                        raise CheckpointError(f"{file} is compressed or encrypted, as torch never does; {_SAVE_AGAIN}")
                    stream.seek(record.header_offset)
                    signature, name, extra = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
                    start = record.header_offset + _LOCAL_HEADER.size + name + extra
                    if signature == _SIGNATURE:
                        records[start] = record.file_size
                    stream.seek(start)
                    if record.filename.endswith("/byteorder") and stream.read(len(_BYTE_ORDER)) != _BYTE_ORDER:
                        raise CheckpointError(f"{file} was not written on a little-endian machine; {_SAVE_AGAIN}")
            end = stream.seek(0, 2)
    except OSError as error:
        raise CheckpointError(f"cannot read {file}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, RuntimeError) as error:
        found = shorten(str(error), 120)
        raise CheckpointError(f"{file} is a damaged zip archive ({found}); download or copy it again") from error
    return {start: length for start, length in records.items() if start + length <= end}
