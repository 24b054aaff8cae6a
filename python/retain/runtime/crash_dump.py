"""Reads what a crashed loop left behind: the signal, and the last ticks before it (csrc/runtime/crash_dump.hpp)."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retain._core import runtime as core
from retain.errors import RetainError

FloatArray = npt.NDArray[np.float64]

_MAGIC = b"RETAINCD"
_VERSION = 1
_MAX_CHANNELS = 32
_HEADER = np.dtype(
    [
        ("magic", "S8"),
        ("version", np.uint32),
        ("header_bytes", np.uint32),
        ("entry_bytes", np.uint32),
        ("entries", np.uint32),
        ("channels", np.uint32),
        ("signal", np.int32),
        ("code", np.int32),
        ("process", np.int32),
        ("thread", np.int32),
        ("max_channels", np.uint32),
        ("address", np.uint64),
        ("time_ns", np.int64),
        ("names", "S64", (_MAX_CHANNELS,)),
    ]
)
_ENTRY = np.dtype(
    [
        ("number", np.uint64),
        ("time_ns", np.int64),
        ("chunk", np.uint64),
        ("row", np.uint32),
        ("state", np.uint8),
        ("reaction", np.uint8),
        ("unused", np.uint16),
        ("measured", np.float64, (_MAX_CHANNELS,)),
        ("sent", np.float64, (_MAX_CHANNELS,)),
    ]
)
REACTIONS = ("none", "hold", "ramp", "drop")


@dataclass(frozen=True)
class CrashRecord:
    """The last T ticks of C channels before a crash, in the robot's order and units.

    Attributes:
        signal: Its name, such as SIGSEGV.
        address: What could not be accessed, or the instruction's own; None where the signal was sent by a program
            (abort, kill) and there is none.
        process: Its number.
        thread: The thread that crashed; equal to `process` for the main thread.
        channels: Names of the C channels.
        torn: Ticks that were being overwritten at that moment, and are left out.
        number: [T] of the tick, from 1.
        time_s: [T] relative to the crash, so not above 0.
        chunk: [T] number of the chunk that played; 0: none.
        row: [T] the row being approached.
        state: [T] index into `retain._core.runtime.STATES`.
        reaction: [T] index into `REACTIONS`.
        measured: [T, C].
        sent: [T, C] the command after the limiter.
    """

    signal: str
    address: int | None
    process: int
    thread: int
    channels: tuple[str, ...]
    torn: int
    number: npt.NDArray[np.uint64]
    time_s: FloatArray
    chunk: npt.NDArray[np.uint64]
    row: npt.NDArray[np.uint32]
    state: npt.NDArray[np.uint8]
    reaction: npt.NDArray[np.uint8]
    measured: FloatArray
    sent: FloatArray


def is_crash_dump(path: Path) -> bool:
    """Whether a file begins as a crash dump does."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def read_crash_dump(path: Path) -> CrashRecord:
    """Read a crash dump. One that was cut short (a full disk) gives the ticks that are whole.

    Raises:
        RetainError: There is no such file, it is empty, or it isn't a crash dump of this version.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RetainError(f"{path}: {error.strerror}; give the file that the crashed run was to write") from error
    if not data:
        raise RetainError(f"{path} is empty: the process was killed or lost its power, it met no signal that is dumped")
    if len(data) < _HEADER.itemsize or data[: len(_MAGIC)] != _MAGIC:
        raise RetainError(f"{path} is not a crash dump of retain; expected it to begin with {_MAGIC.decode()}")
    header = np.frombuffer(data, _HEADER, count=1)[0]
    expected = (_VERSION, _HEADER.itemsize, _ENTRY.itemsize, _MAX_CHANNELS)
    found = tuple(int(header[name]) for name in ("version", "header_bytes", "entry_bytes", "max_channels"))
    if found != expected:
        raise RetainError(
            f"{path} is a crash dump of another retain: version {found[0]}, this one reads {_VERSION}; read it with "
            "the retain that wrote it"
        )
    count = min(int(header["entries"]), (len(data) - _HEADER.itemsize) // _ENTRY.itemsize)
    entries = np.frombuffer(data, _ENTRY, count=count, offset=_HEADER.itemsize)
    whole = entries[entries["number"] > 0]
    channels = min(int(header["channels"]), _MAX_CHANNELS)
    sent_by_a_program = int(header["code"]) <= 0
    return CrashRecord(
        signal=_signal_name(int(header["signal"])),
        address=None if sent_by_a_program else int(header["address"]),
        process=int(header["process"]),
        thread=int(header["thread"]),
        channels=tuple(name.decode(errors="replace") for name in header["names"][:channels]),
        torn=count - len(whole),
        number=whole["number"].copy(),
        time_s=(whole["time_ns"] - header["time_ns"]) / 1e9,
        chunk=whole["chunk"].copy(),
        row=whole["row"].copy(),
        state=whole["state"].copy(),
        reaction=whole["reaction"].copy(),
        measured=whole["measured"][:, :channels].copy(),
        sent=whole["sent"][:, :channels].copy(),
    )


def crash_facts(record: CrashRecord) -> list[tuple[str, str]]:
    """(what, value) about the crash itself, for a person."""
    where = "the main thread" if record.thread == record.process else f"thread {record.thread}"
    facts = [
        ("signal", record.signal),
        ("in", f"{where} of process {record.process}"),
        ("address", "sent by a program" if record.address is None else f"{record.address:#x}"),
        ("ticks kept", str(len(record.number))),
    ]
    if len(record.time_s):
        facts.append(("last tick", f"{-1e3 * record.time_s[-1]:.1f} ms before the signal"))
    if record.torn:
        facts.append(("ticks torn", str(record.torn)))
    return facts


def crash_ticks(record: CrashRecord, last: int = 20) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """(column names, rows) of the last ticks: when, in which state, what was measured → sent per channel."""
    columns = ("ms", "tick", "state", "reaction", "chunk", "row", *record.channels)
    rows = []
    for i in range(max(len(record.number) - last, 0), len(record.number)):
        motion = (f"{m:.4f} → {s:.4f}" for m, s in zip(record.measured[i], record.sent[i], strict=True))
        state, reaction = _named(core.STATES, record.state[i]), _named(REACTIONS, record.reaction[i])
        at = f"{1e3 * record.time_s[i]:.1f}"
        rows.append((at, int(record.number[i]), state, reaction, int(record.chunk[i]), int(record.row[i]), *motion))
    return columns, rows


def _named(names: tuple[str, ...], index: int) -> str:
    return names[index] if index < len(names) else f"? ({index})"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
