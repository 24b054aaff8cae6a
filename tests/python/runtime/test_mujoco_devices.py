import numpy as np
import pytest
from retain._core import runtime as core
from retain.runtime.mujoco import open_tabletop
from retain.sim import Tabletop, episodes, expert_action, parse_instruction
from retain.sim.tabletop import DT_S, SUBSTEPS

from .tiny_policy import TASK

STEP_NS = round(DT_S / SUBSTEPS * 1e9)


@pytest.mark.parametrize("index", [0, 1])
def test_the_cpp_robot_repeats_an_experts_episode_state_by_state_and_sees_the_same_picture(index: int) -> None:
    """Grasp, transport and release included: the suction rule is the same in both."""
    episode = episodes("id", parse_instruction(TASK), 2, seed=5)[index]
    scene = open_tabletop(episode)
    robot, (camera,) = scene.devices.robot, scene.devices.cameras
    sim = Tabletop()
    sim.reset(episode.skill, episode.variation, episode.seed)
    now_ns, done = 0, False
    robot.read(now_ns)
    while not done and sim.steps < 60:
        action = np.asarray(expert_action(sim), np.float64)
        before = sim.command.copy()
        done = sim.step(action)
        for substep in range(1, SUBSTEPS + 1):
            command = before + (action[:6] - before) * (substep / SUBSTEPS)
            assert robot.write([*command, action[6]]) == core.RobotStatus.ok
            status, measured = robot.read(now_ns := now_ns + STEP_NS)
            assert status == core.RobotStatus.ok
        snapshot = scene.onlooker.snapshot()
        assert np.abs(snapshot["qpos"] - sim.data.qpos).max() < 1e-9
        assert np.abs(np.array(measured) - sim.state()).max() < 1e-6
    assert done
    assert scene.sim.judge(snapshot["qpos"], snapshot["suction"])
    camera.open()
    try:
        sensor_time_ns, number, image = camera.grab()
    finally:
        camera.close()
    assert sensor_time_ns == now_ns
    assert number == 1
    assert image.shape == (64, 64, 3)
    assert np.abs(image.astype(int) - sim.image()).mean() < 2.0
    scene.sim.close()
    sim.close()


def test_a_camera_has_nothing_to_show_before_the_physics_has_begun() -> None:
    episode = episodes("id", parse_instruction(TASK), 1, seed=0)[0]
    scene = open_tabletop(episode)
    camera = scene.devices.cameras[0]
    camera.open()
    assert camera.grab() is None
    scene.devices.robot.read(0)
    assert camera.grab() is not None
    assert camera.grab() is None  # the same physics is not a new picture
    camera.close()
    scene.sim.close()
