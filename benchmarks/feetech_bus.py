"""What a control cycle of six Feetech servos costs: one sync read and one sync write over a pseudo-terminal at 1 Mbaud.

    python benchmarks/feetech_bus.py

A byte is 10 bits, so 10 µs. Written: 6 bytes around the instruction, 2 for address and length, 3 for each servo.
Asked: the same with 1 for each servo. Answered: 6 + n bytes by each servo, where n is 8, 9 and 10 registers in turn.
The servos are emulated in a process of their own, which hands over an answer when its last byte would have come; what
a USB adapter and a real servo's delay add is not in these figures. On a machine without a core for each of the two
processes, answers that are missing and cycles that are long are the machine's.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

from machine import machine_facts
from retain._core import feetech as core
from retain._core.runtime import RobotStatus
from retain.runtime.feetech import ServoCalibration
from retain.runtime.feetech.emulator import EmulatedArm

RESULT = Path(__file__).parent / "results" / "feetech_bus.json"
BAUD_RATE = 1_000_000
BYTE_US = 10 * 1e6 / BAUD_RATE
SERVOS = 6
LENGTHS = (8, 9, 10)
WARM_UP_CYCLES = 50


def wire_us(registers: int) -> float:
    """Time on the wire of one cycle in which each servo answers with so many registers, µs."""
    written = 6 + 2 + 3 * SERVOS
    asked = 6 + 2 + SERVOS
    answered = SERVOS * (6 + registers)
    return BYTE_US * (written + asked + answered)


def measure(rate_hz: float, seconds: float) -> dict[str, Any]:
    """Cycles at a fixed rate: how long each took, µs, and what went wrong."""
    servos = [ServoCalibration(f"joint_{i}", i + 1, 0, 0, 500, 3500) for i in range(SERVOS)]
    took_us: list[float] = []
    silent = 0
    with EmulatedArm(servos, BAUD_RATE) as arm:
        robot = core.FeetechRobot(arm.port, [servo.motor() for servo in servos], baud_rate=BAUD_RATE)
        robot.start()
        due_s = time.monotonic()
        for cycle in range(WARM_UP_CYCLES + round(rate_hz * seconds)):
            due_s = max(due_s + 1.0 / rate_hz, time.monotonic())
            time.sleep(max(0.0, due_s - time.monotonic()))
            begun_ns = time.monotonic_ns()
            status, _ = robot.measure(begun_ns)
            robot.write([0.0] * SERVOS)
            ended_ns = time.monotonic_ns()
            if cycle >= WARM_UP_CYCLES:
                took_us.append((ended_ns - begun_ns) * 1e-3)
                silent += status != RobotStatus.ok
        robot.stop()
        counts = robot.counts()
    took_us.sort()
    return {
        "rate_hz": rate_hz,
        "cycles": len(took_us),
        "cycle_us": {
            "p50": round(statistics.median(took_us), 1),
            "p99": round(took_us[int(0.99 * len(took_us))], 1),
            "max": round(took_us[-1], 1),
        },
        "cycles_longer_than_the_period": sum(us > 1e6 / rate_hz for us in took_us),
        "silent_cycles": silent,
        "answers_missing": counts["answers missing"],
    }


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="per rate (default: 10)")
    parser.add_argument("--rates", type=float, nargs="+", default=[200.0, 500.0], metavar="HZ")
    parser.add_argument("--output", type=Path, default=RESULT)
    args = parser.parse_args()
    wire = {str(length): wire_us(length) for length in LENGTHS}
    runs = [measure(rate_hz, args.seconds) for rate_hz in args.rates]
    result = {
        "machine": machine_facts(),
        "bus": {"servos": SERVOS, "baud_rate": BAUD_RATE, "registers_in_turn": list(LENGTHS)},
        "wire_us_by_registers": wire,
        "adapter_and_servo_delay": "not run: no hardware here",
        "runs": runs,
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(result, indent=2) + "\n")
    print(f"on the wire {min(wire.values()):.0f} to {max(wire.values()):.0f} µs a cycle")
    print(f"{'µs':<10}{'p50':>10}{'p99':>10}{'max':>10}{'too long':>10}{'missing':>10}")
    for run in runs:
        cycle = run["cycle_us"]
        print(
            f"{run['rate_hz']:>6.0f} Hz {cycle['p50']:>10.0f}{cycle['p99']:>10.0f}{cycle['max']:>10.0f}"
            f"{run['cycles_longer_than_the_period']:>10}{run['answers_missing']:>10}"
        )


if __name__ == "__main__":
    main()
