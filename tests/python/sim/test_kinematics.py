import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.sim.arm import HOME_RAD, LIMITS
from retain.sim.kinematics import Kinematics

KINEMATICS = Kinematics()
START = KINEMATICS.solve(np.array([0.0, 0.0, 0.15]), np.array(HOME_RAD), iterations=30)

reachable = st.tuples(st.floats(-0.29, 0.29), st.floats(-0.29, 0.29), st.floats(0.006, 0.22)).map(np.array)


@settings(max_examples=80, deadline=None)
@given(reachable)
def test_the_whole_workspace_is_reached_with_the_cup_pointing_down(point: np.ndarray) -> None:
    joints = KINEMATICS.solve(point, START, iterations=60)
    np.testing.assert_allclose(KINEMATICS.cup(joints), point, atol=1e-3)
    assert abs(joints[1] + joints[2] + joints[3]) < 0.02
    assert abs(joints[4]) < 0.02
    assert ((joints >= LIMITS.position_min) & (joints <= LIMITS.position_max)).all()


@settings(max_examples=80, deadline=None)
@given(reachable, st.tuples(*[st.floats(-0.05, 0.05)] * 3).map(np.array))
def test_a_control_steps_move_converges_from_where_the_arm_is(point: np.ndarray, move: np.ndarray) -> None:
    here = KINEMATICS.solve(point, START, iterations=60)
    there = np.clip(point + move, [-0.29, -0.29, 0.006], [0.29, 0.29, 0.22])
    np.testing.assert_allclose(KINEMATICS.cup(KINEMATICS.solve(there, here)), there, atol=1e-3)


def test_out_of_reach_gives_joints_within_the_limits() -> None:
    joints = KINEMATICS.solve(np.array([3.0, -3.0, 1.0]), START)
    assert np.isfinite(joints).all()
    assert ((joints >= LIMITS.position_min - 1e-6) & (joints <= LIMITS.position_max + 1e-6)).all()
