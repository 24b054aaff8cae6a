"""An arm that is only its bytes: servos behind a pseudo-terminal, in a process of their own, at the wire's speed.

They keep their registers, move at a servo's speed, and hand over an answer when the last of its bytes would have come.
Their cable can be made a bad one.
For trying things out without an arm, for tests and for benchmarks; what a real adapter adds is not in it.
"""

import argparse
import json
import os
import pty
import select
import subprocess
import sys
import time
import tty
from collections.abc import Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any, Final

from retain.runtime.feetech.calibration import ServoCalibration
from retain.runtime.feetech.line_trouble import LineTrouble, WireCounts

COUNTS_PER_S: Final = 3000.0
"""How fast an STS3215 turns without load: 45 turns a minute."""
BITS_PER_BYTE: Final = 10
SPIN_S: Final = 300e-6
"""The end of a wait that is spent awake: sleeping is not exact to a byte."""

_READ, _WRITE, _SYNC_READ, _SYNC_WRITE, _PING = 0x02, 0x03, 0x82, 0x83, 0x01
_TORQUE, _GOAL, _POSITION = 40, 42, 56


class EmulatedArm:
    """The process with the servos, as a context.

    Args:
        servos: The calibration that they have in their memories.
        baud_rate: How long their bytes take, bit/s; 0: no time.

    Attributes:
        port: The path to open, from `__enter__` on.
    """

    def __init__(self, servos: Sequence[ServoCalibration], baud_rate: int = 1_000_000) -> None:
        self._arguments = json.dumps({"servos": [asdict(servo) for servo in servos], "baud_rate": baud_rate})
        self._process: subprocess.Popen[str] | None = None
        self.port = ""

    def __enter__(self) -> "EmulatedArm":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "retain.runtime.feetech.emulator", self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = json.loads(self._said())["port"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        assert process is not None
        process.communicate()

    def put(self, servo: int, address: int, values: Sequence[int]) -> None:
        """Write registers of one servo behind the bus's back."""
        self._ask({"servo": servo, "address": address, "values": list(values)})

    def registers(self, servo: int) -> list[int]:
        """All 256 registers of one servo."""
        found: list[int] = self._ask({"servo": servo})["registers"]
        return found

    def goals(self) -> tuple[int, int]:
        """How many goals have come, and how many of them were outside their servo's limits."""
        counts = self.wire()
        return counts.goals, counts.goals_outside

    def disturb(self, rate: float, seed: int = 0) -> None:
        """From now on this share of the answers is lost, broken, cut off or late; 0: none."""
        self._ask({"rate": rate, "seed": seed})

    def interrupt(self, seconds: float) -> None:
        """From now on nothing passes on the cable for this long."""
        self._ask({"interrupt": seconds})

    def wire(self) -> WireCounts:
        """What has passed on the wire, and what has not."""
        return WireCounts(**self._ask({}))

    def heard(self) -> set[bytes]:
        """The different packets that have come since the last call."""
        return {bytes.fromhex(packet) for packet in self._ask({"heard": True})["heard"]}

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._said())
        return answer

    def _said(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.readline()


class _Servos:
    """The servos on one line, without the line."""

    def __init__(self, servos: Sequence[ServoCalibration]) -> None:
        self.registers = {servo.id: bytearray(256) for servo in servos}
        self.trouble = LineTrouble()
        self.heard: set[str] = set()
        self._moved_s = time.monotonic()
        for servo in servos:
            memory = self.registers[servo.id]
            offset = servo.homing_offset
            _put(memory, 3, 777)
            memory[5] = servo.id
            memory[8] = 1  # acknowledges every instruction
            _put(memory, 9, servo.range_min)
            _put(memory, 11, servo.range_max)
            _put(memory, 31, offset if offset >= 0 else -offset | 1 << 11)
            _put(memory, _POSITION, (servo.range_min + servo.range_max) // 2)
            memory[62], memory[63] = 74, 30

    def handle(self, packet: bytes) -> list[bytes]:
        """The answers to one valid packet."""
        self._move()
        self.heard.add(packet.hex())
        target, instruction, parameters = packet[2], packet[4], packet[5:-1]
        if instruction == _SYNC_READ:
            asked = [i for i in parameters[2:] if i in self.registers]
            return [_status(i, self._read(i, parameters[0], parameters[1])) for i in asked]
        if instruction == _SYNC_WRITE:
            step = parameters[1] + 1
            for at in range(2, len(parameters), step):
                self._write(parameters[at], parameters[0], parameters[at + 1 : at + step])
            return []
        if target not in self.registers:
            return []
        if instruction == _READ:
            return [_status(target, self._read(target, parameters[0], parameters[1]))]
        if instruction == _WRITE:
            self._write(target, parameters[0], parameters[1:])
        return [_status(target, b"")] if instruction in (_WRITE, _PING) else []

    def _read(self, servo: int, address: int, count: int) -> bytes:
        return bytes(self.registers[servo][address : address + count])

    def _write(self, servo: int, address: int, values: bytes) -> None:
        memory = self.registers.get(servo)
        if memory is None:
            return
        memory[address : address + len(values)] = values
        if address == _GOAL:
            self.trouble.counts.goals += 1
            self.trouble.counts.goals_outside += not _get(memory, 9) <= _get(memory, _GOAL) <= _get(memory, 11)

    def _move(self) -> None:
        now_s = time.monotonic()
        step = int((now_s - self._moved_s) * COUNTS_PER_S)
        if step == 0:
            return
        self._moved_s += step / COUNTS_PER_S
        for memory in self.registers.values():
            if memory[_TORQUE] == 1:
                here, goal = _get(memory, _POSITION), _get(memory, _GOAL)
                _put(memory, _POSITION, here + max(-step, min(step, goal - here)))


def _get(memory: bytearray, address: int) -> int:
    return int.from_bytes(memory[address : address + 2], "little")


def _put(memory: bytearray, address: int, value: int) -> None:
    memory[address : address + 2] = value.to_bytes(2, "little")


def _checksum(body: bytes) -> int:
    return ~sum(body) & 0xFF


def _status(servo: int, parameters: bytes) -> bytes:
    body = bytes((servo, len(parameters) + 2, 0)) + parameters
    return b"\xff\xff" + body + bytes((_checksum(body),))


def _split(buffer: bytearray) -> list[bytes]:
    """The valid packets at the buffer's beginning; they and what is before them are taken out."""
    packets = []
    while (start := buffer.find(b"\xff\xff")) >= 0:
        del buffer[:start]
        if len(buffer) < 4 or len(buffer) < buffer[3] + 4:
            break
        packet = bytes(buffer[: buffer[3] + 4])
        valid = packet[2] != 0xFF and len(packet) >= 6 and packet[-1] == _checksum(packet[2:-1])
        del buffer[: len(packet) if valid else 1]
        if valid:
            packets.append(packet)
    return packets


def _wait_until(instant_s: float) -> None:
    if (left_s := instant_s - time.monotonic() - SPIN_S) > 0:
        time.sleep(left_s)
    while time.monotonic() < instant_s:
        pass


def serve(servos: Sequence[ServoCalibration], baud_rate: int) -> None:
    """Emulate until the standard input ends. Its lines are questions of `EmulatedArm`."""
    line = _Servos(servos)
    master, slave = pty.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    print(json.dumps({"port": os.ttyname(slave)}), flush=True)
    byte_s = BITS_PER_BYTE / baud_rate if baud_rate else 0.0
    buffer = bytearray()
    quiet_s = 0.0
    while True:
        ready, _, _ = select.select([master, sys.stdin], [], [])
        if master in ready:
            buffer += os.read(master, 4096)
            quiet_s = max(quiet_s, time.monotonic())
            for packet in _split(buffer):
                if not line.trouble.hears():
                    continue
                answer, late_s = line.trouble.pass_on(line.handle(packet))
                # One byte after the other, questions and answers alike: the line is one wire.
                quiet_s += (len(packet) + len(answer)) * byte_s + late_s
                if answer:
                    _wait_until(quiet_s)
                    os.write(master, answer)
        if sys.stdin in ready:
            question = sys.stdin.readline()
            if not question:
                return
            print(json.dumps(_answer(line, json.loads(question))), flush=True)


def _answer(line: _Servos, question: dict[str, Any]) -> dict[str, Any]:
    if "values" in question:
        address, values = question["address"], bytes(question["values"])
        line.registers[question["servo"]][address : address + len(values)] = values
        return {}
    if "servo" in question:
        return {"registers": list(line.registers[question["servo"]])}
    if "heard" in question:
        heard, line.heard = line.heard, set()
        return {"heard": list(heard)}
    if "rate" in question:
        line.trouble.disturb(question["rate"], question["seed"])
    if "interrupt" in question:
        line.trouble.interrupt(question["interrupt"])
    return asdict(line.trouble.counts)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", help="JSON of servos and baud_rate, as EmulatedArm writes it")
    settings = json.loads(parser.parse_args().settings)
    serve([ServoCalibration(**servo) for servo in settings["servos"]], settings["baud_rate"])


if __name__ == "__main__":
    _main()
