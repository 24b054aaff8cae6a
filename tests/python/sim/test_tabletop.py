import mujoco
import numpy as np
import pytest
from retain.errors import SimulationError
from retain.sim import DEMO_SKILL, PRETRAINING_VARIATION, Tabletop, Variation, expert_action
from retain.sim.arm import CUP_BODY, JOINTS
from retain.sim.rendering import Renderer
from retain.sim.scene import BLOCKS
from retain.sim.suction import Suction
from retain.sim.tabletop import DT_S, SUBSTEPS

CROWDED = Variation(distractors=2, light=0.6, table_rgb=(0.5, 0.52, 0.58), camera_shift_m=0.015, look_noise=0.5)


def _play(sim: Tabletop, seed: int, steps: int) -> np.ndarray:
    sim.reset(DEMO_SKILL, CROWDED, seed)
    for _ in range(steps):
        sim.step(expert_action(sim))
    return sim.data.qpos.copy()


def test_the_same_seed_gives_the_same_episode_bit_for_bit_in_another_instance(sim: Tabletop) -> None:
    other = Tabletop()
    assert np.array_equal(_play(sim, 3, 12), _play(other, 3, 12))
    assert np.array_equal(sim.image(), other.image())
    other.close()


def test_looking_does_not_disturb(sim: Tabletop) -> None:
    expected = _play(sim, 5, 12)
    sim.reset(DEMO_SKILL, CROWDED, 5)
    for _ in range(12):
        sim.image()
        sim.success()
        sim.judge(sim.data.qpos, suction=False)
        sim.step(expert_action(sim))
    assert np.array_equal(sim.data.qpos, expected)


def test_other_seeds_give_other_scenes(sim: Tabletop) -> None:
    assert not np.array_equal(_play(sim, 3, 0), _play(sim, 4, 0))


def test_a_step_reaches_its_target_at_the_end_of_its_period_moving_linearly(sim: Tabletop) -> None:
    sim.reset(DEMO_SKILL, PRETRAINING_VARIATION, 0)
    start = sim.command.copy()
    target = start + np.array([0.05, 0.03, -0.04, 0.02, 0.0, 0.05])
    commands: list[np.ndarray] = []
    rule = sim._suction.apply
    sim._suction.apply = lambda data, on: (commands.append(sim.command.copy()), rule(data, on))[1]  # type: ignore
    sim.step(np.array([*target, 1.0]))  # with suction on and nothing near, the rule is asked before every substep
    sim._suction.apply = rule  # type: ignore[method-assign]
    expected = start + (target - start) * (np.arange(1, SUBSTEPS + 1) / SUBSTEPS)[:, None]
    np.testing.assert_allclose(commands[1:], expected, atol=1e-12)
    assert sim.data.time == pytest.approx(DT_S)
    for _ in range(5):
        sim.step(np.array([*target, 0.0]))
    np.testing.assert_allclose(sim.joints, target, atol=2e-3)


def test_state_is_measured_joints_and_commanded_suction(sim: Tabletop) -> None:
    sim.reset(DEMO_SKILL, PRETRAINING_VARIATION, 0)
    sim.step(np.array([*sim.joints, 1.0]))
    assert sim.state().dtype == np.float32
    np.testing.assert_allclose(sim.state()[:6], sim.joints, atol=1e-6)
    assert sim.state()[6] == 1.0


@pytest.mark.parametrize("action", [np.zeros(6), np.full(7, np.nan), np.full(7, np.inf), np.zeros((1, 7))])
def test_actions_that_are_none_are_refused(sim: Tabletop, action: np.ndarray) -> None:
    sim.reset(DEMO_SKILL, PRETRAINING_VARIATION, 0)
    with pytest.raises(SimulationError, match="expected a finite action of 7 values"):
        sim.step(action)


def test_the_handed_over_scene_is_the_same_picture_and_the_same_physics(sim: Tabletop) -> None:
    sim.reset(DEMO_SKILL, CROWDED, 11)
    scene = sim.handover()
    model = mujoco.MjModel.from_xml_string(scene.xml)
    data = mujoco.MjData(model)
    data.qpos[:], data.ctrl[:] = scene.qpos, scene.ctrl
    mujoco.mj_forward(model, data)
    renderer = Renderer(model, 64)
    assert np.array_equal(renderer.render(data, scene.camera), sim.image())
    suction, held = Suction(model, scene.suction), False
    for _ in range(25):
        action = expert_action(sim).astype(np.float64)
        before = data.ctrl.copy()
        for k in range(1, SUBSTEPS + 1):
            data.ctrl[:] = before + (action[:6] - before) * (k / SUBSTEPS)
            suction.apply(data, action[6])
            mujoco.mj_step(model, data)
        success = sim.step(action)
        held = held or suction.held(data) == 0
        assert np.array_equal(data.qpos, sim.data.qpos)
        assert sim.judge(data.qpos, suction=bool(action[6] > 0.5)) == success
    assert held
    assert success
    assert np.array_equal(renderer.render(data, scene.camera), sim.image())
    renderer.close()


def test_the_models_names_are_those_of_the_handover(sim: Tabletop) -> None:
    scene = sim.handover()
    model = mujoco.MjModel.from_xml_string(scene.xml)
    assert scene.joints == JOINTS
    assert [model.actuator(i).name for i in range(model.nu)] == list(JOINTS)
    for weld, body in zip(scene.suction.welds, scene.suction.block_bodies, strict=True):
        assert model.equality(weld).obj1id[0] == model.body(CUP_BODY).id
        assert model.equality(weld).obj2id[0] == model.body(body).id


def test_unused_blocks_are_out_of_sight_and_out_of_the_way(sim: Tabletop) -> None:
    sim.reset(DEMO_SKILL, Variation(), 0)
    for _ in range(20):
        sim.step(expert_action(sim))
    for name in BLOCKS[3:]:
        body = sim.data.body(name)
        assert body.xpos[1] > 1.0
        assert np.abs(body.cvel).max() < 1e-9
        assert sim.model.geom(name).rgba[3] == 0


def test_judge_refuses_a_state_of_another_scene(sim: Tabletop) -> None:
    with pytest.raises(SimulationError, match="expected positions of shape"):
        sim.judge(np.zeros(3), suction=False)
