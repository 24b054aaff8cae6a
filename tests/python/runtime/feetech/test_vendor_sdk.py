"""The vendor's SDK as the oracle: on the same line it reads the same registers and says the same bytes."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from retain._core.runtime import RobotStatus
from retain.runtime.feetech import read_calibration
from retain.runtime.feetech.emulator import EmulatedArm

from .test_arm import patient_robot

sdk: Any = pytest.importorskip("scservo_sdk")


class Line:
    """The SDK on a port, patient enough for a busy machine."""

    def __init__(self, path: str) -> None:
        self.port = sdk.PortHandler(path)
        assert self.port.openPort()
        # Its time-outs are wall-clock guesses of some 40 ms.
        self.port.setPacketTimeout = lambda _length: self.port.setPacketTimeoutMillis(10_000)
        self.packets = sdk.PacketHandler(0)

    def word(self, servo: int, address: int) -> int:
        value, result, error = self.packets.read2ByteTxRx(self.port, servo, address)
        assert (result, error) == (sdk.COMM_SUCCESS, 0)
        return int(value)


@pytest.fixture
def vendor(arm: EmulatedArm) -> Iterator[Line]:
    line = Line(arm.port)
    yield line
    line.port.closePort()


def test_both_read_the_same_positions(arm: EmulatedArm, calibration: Path) -> None:
    robot = patient_robot(arm, calibration)
    servos = read_calibration(calibration)
    robot.start()
    assert robot.write([0.5, -0.5, 0.25, -0.25, 1.0, 0.1]) == RobotStatus.ok
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        status, state = robot.measure(time.monotonic_ns())
        assert status == RobotStatus.ok
        if all(arm.registers(servo.id)[42:44] == arm.registers(servo.id)[56:58] for servo in servos):
            break
    status, state = robot.measure(time.monotonic_ns())
    robot.stop()
    vendor = Line(arm.port)
    group = sdk.GroupSyncRead(vendor.port, vendor.packets, 56, 2)
    for servo in servos:
        group.addParam(servo.id)
    assert group.txRxPacket() == sdk.COMM_SUCCESS
    for servo, position in zip(servos, state["position"], strict=True):
        theirs = group.getData(servo.id, 56, 2)
        assert theirs == vendor.word(servo.id, 56)
        assert servo.motor().to_counts(position) == theirs
        assert vendor.packets.ping(vendor.port, servo.id) == (777, sdk.COMM_SUCCESS, 0)
        assert vendor.word(servo.id, 42) == theirs
    vendor.port.closePort()


def test_what_the_vendor_writes_is_what_we_measure(arm: EmulatedArm, vendor: Line, calibration: Path) -> None:
    servos = read_calibration(calibration)
    group = sdk.GroupSyncWrite(vendor.port, vendor.packets, 42, 2)
    for servo in servos:
        goal = servo.range_min + 100 * servo.id
        group.addParam(servo.id, [sdk.SCS_LOBYTE(goal), sdk.SCS_HIBYTE(goal)])
        assert vendor.packets.write1ByteTxRx(vendor.port, servo.id, 40, 1) == (sdk.COMM_SUCCESS, 0)
    assert group.txPacket() == sdk.COMM_SUCCESS
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        if all(vendor.word(servo.id, 56) == servo.range_min + 100 * servo.id for servo in servos):
            break
    vendor.port.closePort()
    robot = patient_robot(arm, calibration)
    robot.start()
    _, state = robot.measure(time.monotonic_ns())
    robot.stop()
    for servo, position in zip(servos, state["position"], strict=True):
        assert servo.motor().to_counts(position) == servo.range_min + 100 * servo.id


def test_both_say_the_same_bytes(arm: EmulatedArm, vendor: Line, calibration: Path) -> None:
    servos = read_calibration(calibration)
    goals = [servo.range_min + 7 * servo.id for servo in servos]
    group = sdk.GroupSyncWrite(vendor.port, vendor.packets, 42, 2)
    for servo, goal in zip(servos, goals, strict=True):
        group.addParam(servo.id, [sdk.SCS_LOBYTE(goal), sdk.SCS_HIBYTE(goal)])
    assert group.txPacket() == sdk.COMM_SUCCESS
    read = sdk.GroupSyncRead(vendor.port, vendor.packets, 56, 8)
    for servo in servos:
        read.addParam(servo.id)
    assert read.txRxPacket() == sdk.COMM_SUCCESS
    # start() reads a servo's memory in one block.
    assert vendor.packets.readTxRx(vendor.port, servos[-1].id, 0, 40)[1] == sdk.COMM_SUCCESS
    theirs = arm.heard()
    vendor.port.closePort()

    robot = patient_robot(arm, calibration)
    robot.start()
    assert (
        robot.write([servo.motor().to_unit(goal) for servo, goal in zip(servos, goals, strict=True)]) == RobotStatus.ok
    )
    robot.measure(time.monotonic_ns())
    ours = arm.heard()
    robot.stop()
    assert len(theirs) == 3
    assert theirs <= ours
