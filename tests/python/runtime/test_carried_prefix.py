"""kinetix PR #12: what a request carries over from the running chunk is what the arm does at those instants.

Its carry buffer kept only the tail of the newest chunk, so that the next prefix began at the wrong row (kinetix #9).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from retain._core.runtime import Strategy

from .virtual_arm import JOINTS, VirtualArm

COMMITTED_S = 0.4
"""Four rows: both delays below make a prefix of this length."""


def planned(strategy: Strategy, delay_s: float) -> tuple[dict[str, Any], npt.NDArray[np.float64]]:
    """The plan on every tick of six seconds, by a policy that begins anew with every chunk, as if it knew of none."""
    rows = np.repeat(0.02 * np.arange(1, 17, dtype=np.float32)[:, None], len(JOINTS), axis=1)
    arm = VirtualArm(
        rows=rows, delta=False, strategy=strategy, delay_s=lambda _: delay_s, options={"max_trained_delay": 6}
    )
    report, records = arm.run(6.0)
    begun = int(np.argmax(records["chunk"] > 0))
    first = round(COMMITTED_S * arm.rate_hz) + 2
    assert report["chunks"] >= 6
    return report, records["planned"][max(begun, first) :]


def test_it_makes_no_difference_when_the_answer_comes_within_the_committed_rows() -> None:
    """Until it comes the old chunk plays, from then on the new one: the same plan, chunk after chunk."""
    early, plan_of_the_early = planned(Strategy.rtc_prefix, 0.31)
    late, plan_of_the_late = planned(Strategy.rtc_prefix, 0.38)
    assert early["beyond_splice"] == late["beyond_splice"] == 0
    assert early["spliced"] >= 5
    assert np.abs(plan_of_the_early - plan_of_the_late).max() < 1e-6


def test_without_a_prefix_it_does() -> None:
    _, early = planned(Strategy.async_, 0.31)
    _, late = planned(Strategy.async_, 0.38)
    assert np.abs(early - late).max() > 0.05


@pytest.mark.parametrize("delay_s", [0.05, 0.15, 0.31, 0.55])
def test_the_plan_goes_on_through_every_seam(delay_s: float) -> None:
    """A restart of the policy shows only after the committed rows, spread over a row: 0.16 rad in 0.1 s at most."""
    _, plan = planned(Strategy.rtc_prefix, delay_s)
    assert np.abs(np.diff(plan, axis=0)).max() < 0.2 / 10 + 1e-6
