"""The table in scenarios.csv, row by row: what happens to the loop, and where it must end.

    strategy      of execution; 8 of 16 rows of 0.1 s between two requests, one for the ensemble
    delay         s of every request, then request:delay for a single one, request+:delay from one on
    lost_frames   from-to, s
    stolen_ticks  from-to:ticks, and with /n before every n-th tick only
    fault         time (s), what, and when it ends
    state, cause, holds, rejected   of the report after 6 s

Whatever happens, every command must be inside position, velocity, acceleration and jerk limits.
"""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from retain._core.runtime import Strategy

from .virtual_arm import ACCELERATION, JERK, POSITION, VELOCITY, VirtualArm

DURATION_S = 6.0
DROP = 3
"""The reaction on ticks that send nothing."""
TABLE = list(csv.DictReader((Path(__file__).parent / "scenarios.csv").read_text().splitlines()))

STRATEGIES = {
    "sync": Strategy.sync,
    "async": Strategy.async_,
    "ensemble": Strategy.ensemble,
    "rtc-guided": Strategy.rtc_guided,
    "rtc-prefix": Strategy.rtc_prefix,
}
SWITCHES: dict[str, tuple[str, Any, Any]] = {
    "not_a_number": ("not_a_number", True, False),
    "robot_silent": ("robot_silent", True, False),
    "pushed": ("displaced", 0.5, 0.0),
    "hot": ("hot", True, False),
}


def delays(text: str) -> Callable[[int], float]:
    usual, *others = text.split()

    def delay_s(request: int) -> float:
        for which, delay in (other.split(":") for other in others):
            if request == int(which.rstrip("+")) or (which.endswith("+") and request > int(which.rstrip("+"))):
                return float(delay)
        return float(usual)

    return delay_s


def arrivals(text: str) -> Callable[[float], bool]:
    if not text:
        return lambda _: True
    begin, end = (float(time_s) for time_s in text.split("-"))
    return lambda time_s: not begin <= time_s < end


def thefts(text: str) -> Callable[[float], int]:
    if not text:
        return lambda _: 0
    span, ticks = text.split(":")
    begin, end = (float(time_s) for time_s in span.split("-"))
    count, every = (int(number) for number in (ticks if "/" in ticks else f"{ticks}/1").split("/"))
    calls = 0

    def stolen(time_s: float) -> int:
        nonlocal calls
        calls += 1
        return count if begin - 1e-9 <= time_s < end - 1e-9 and calls % every == 0 else 0

    return stolen


def faults(text: str) -> list[tuple[float, Callable[[VirtualArm], Any]]]:
    if not text:
        return []
    begin, what, *end = text.split()
    if what in SWITCHES:
        name, on, off = SWITCHES[what]
        switched = [(float(begin), on), *((float(time_s), off) for time_s in end)]
        return [(time_s, lambda arm, value=value: setattr(arm.switches, name, value)) for time_s, value in switched]
    if what == "blocked":
        return [(float(begin), VirtualArm.block)]
    request = {"stop": "request_stop", "drop": "request_drop"}[what]
    return [(float(begin), lambda arm: getattr(arm.loop, request)())]


@pytest.mark.parametrize("row", TABLE, ids=[row["scenario"] for row in TABLE])
def test_scenario(row: dict[str, str]) -> None:
    arm = VirtualArm(
        strategy=STRATEGIES[row["strategy"]],
        execute_rows=1 if row["strategy"] == "ensemble" else 8,
        delay_s=delays(row["delay"]),
        frame_arrives=arrivals(row["lost_frames"]),
        lost_periods=thefts(row["stolen_ticks"]),
        faults=faults(row["fault"]),
        options={"duration_s": DURATION_S, "max_trained_delay": 4},
    )
    report, records = arm.run(DURATION_S + 3.0)
    rejected = sum(report[name] for name in report if name.startswith("rejected_"))
    ended = {"state": report["state"], "cause": report["cause"], "holds": report["holds"], "rejected": rejected}
    assert {name: str(value) for name, value in ended.items()} == {name: row[name] for name in ended}

    sent, T = records["sent"][records["reaction"] != DROP], 1.0 / arm.rate_hz
    path = np.concatenate([np.repeat(sent[:1], 3, axis=0), sent])
    assert np.abs(path).max() <= POSITION
    for order, limit in ((1, VELOCITY), (2, ACCELERATION), (3, JERK)):
        assert np.abs(np.diff(path, order, axis=0)).max() <= limit * T**order * (1 + 1e-6) + 1e-12
    if row["cause"] not in {"operator_drop", "robot_silent"}:
        assert np.array_equal(sent[-1], sent[-2]), "at rest"
    assert np.abs(sent[-1]).max() > 0.1, "the policy has moved the arm"
