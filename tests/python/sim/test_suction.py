import numpy as np
import pytest
from retain.sim import Skill, Tabletop, Variation, expert_action
from retain.sim.suction import SUCTION, Suction


def _gripping(sim: Tabletop) -> Suction:
    """Bring the cup onto the target and switch suction on."""
    sim.reset(Skill("lift", "red"), Variation(), 1)
    suction = Suction(sim.model)
    for _ in range(30):
        if suction.held(sim.data) is not None:
            return suction
        sim.step(expert_action(sim))
    pytest.fail("the expert did not grip")


def test_a_gripped_block_keeps_its_pose_in_the_cups_frame(sim: Tabletop) -> None:
    _gripping(sim)
    before = sim.block - sim.cup
    for _ in range(6):
        sim.step(expert_action(sim))
    assert sim.block[2] > 0.1
    np.testing.assert_allclose(sim.block - sim.cup, before, atol=2e-3)


def test_suction_off_lets_go(sim: Tabletop) -> None:
    suction = _gripping(sim)
    for _ in range(3):
        sim.step(expert_action(sim))
    for _ in range(6):
        sim.step(np.array([*sim.command, 0.0]))
    assert suction.held(sim.data) is None
    assert sim.block[2] < 0.03


def test_suction_in_the_air_grips_nothing(sim: Tabletop) -> None:
    sim.reset(Skill("lift", "red"), Variation(), 1)
    sim.step(np.array([*sim.command, 1.0]))
    assert Suction(sim.model).held(sim.data) is None


@pytest.mark.parametrize(("radial", "axial", "grips"), [(0.019, 0.0, True), (0.021, 0.0, False), (0.0, 0.009, True), (0.0, 0.011, False)])  # fmt: skip  # noqa: E501
def test_the_reach_is_what_the_specification_says(sim: Tabletop, radial: float, axial: float, grips: bool) -> None:
    sim.reset(Skill("lift", "red"), Variation(), 1)
    target = sim.model.joint(sim.model.body(SUCTION.block_bodies[0]).jntadr[0]).qposadr[0]
    sim.data.qpos[target : target + 3] = sim.cup - np.array([radial, 0.0, SUCTION.block_half_m + axial])
    suction = Suction(sim.model)
    suction.apply(sim.data, 1.0)
    assert (suction.held(sim.data) == 0) == grips


def test_only_one_block_is_held(sim: Tabletop) -> None:
    _gripping(sim)
    assert int(sim.data.eq_active.sum()) == 1
