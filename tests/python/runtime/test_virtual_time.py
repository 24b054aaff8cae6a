"""A run in virtual time is a function of its inputs: not of the machine, its load, or what ran before."""

import math
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from retain._core.runtime import Strategy

from .virtual_arm import VirtualArm

STRATEGIES = [Strategy.sync, Strategy.async_, Strategy.ensemble, Strategy.rtc_guided, Strategy.rtc_prefix]


def eventful_run(strategy: Strategy, pause_s: float = 0.0) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Eight seconds with changing delays, lost frames, stolen ticks and two NaN chunks.

    Args:
        strategy: Of execution.
        pause_s: That the process sleeps at random ticks, real time.
    """
    world, sleeper = random.Random(4), random.Random()
    delays = [0.02 + 0.2 * world.random() ** 2 for _ in range(1000)]
    stolen = {round(0.01 * k, 2): 1 + k % 3 for k in world.sample(range(800), 40)}

    def lost_periods(time_s: float) -> int:
        if pause_s > 0 and sleeper.random() < 0.05:
            time.sleep(pause_s)
        return stolen.get(round(time_s, 2), 0)

    def nan(on: bool) -> Any:
        return lambda arm: setattr(arm.switches, "not_a_number", on)

    arm = VirtualArm(
        strategy=strategy,
        execute_rows=6,
        delay_s=lambda request: delays[request % len(delays)],
        frame_arrives=lambda time_s: math.sin(40 * time_s) < 0.9,
        lost_periods=lost_periods,
        faults=[(3.0, nan(True)), (3.6, nan(False)), (6.0, nan(True)), (6.6, nan(False))],
        options={"max_trained_delay": 4, "overruns_per_s_to_stop": 100, "rejections_to_stop": 1000, "seed": 11},
    )
    report, records = arm.run(8.0)
    assert report["chunks"] > 5
    assert report["rejected_not_finite"] > 0
    # What a stopwatch says about the tick's own arithmetic is the only thing that is real.
    stopwatch = {"body", "device"}
    return (
        {name: value for name, value in report.items() if name not in stopwatch},
        {name: np.ascontiguousarray(values).tobytes() for name, values in records.items()},
    )


@contextmanager
def busy(threads: int) -> Iterator[None]:
    """Threads that want the interpreter all the time."""
    over = threading.Event()

    def spin() -> None:
        while not over.is_set():
            sum(range(1000))

    spinning = [threading.Thread(target=spin) for _ in range(threads)]
    for thread in spinning:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in spinning:
            thread.join()


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.name)
def test_two_runs_are_equal_to_the_bit(strategy: Strategy) -> None:
    assert eventful_run(strategy) == eventful_run(strategy)


def test_a_busy_machine_and_a_process_that_sleeps_change_nothing() -> None:
    calm = eventful_run(Strategy.rtc_guided)
    with busy(2):
        assert eventful_run(Strategy.rtc_guided, pause_s=0.01) == calm


def test_a_run_in_pieces_is_the_run_in_one() -> None:
    whole, pieces = VirtualArm(), VirtualArm()
    _, records = whole.run(5.0)
    for _ in range(50):
        pieces.loop.run(0.1)
    assert {k: v.tobytes() for k, v in pieces.loop.records().items()} == {k: v.tobytes() for k, v in records.items()}
