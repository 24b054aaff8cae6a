"""Meta-World for real: experts through our own rollouts, repeatability, pictures, demonstrations to a policy."""

import importlib.metadata
from importlib.util import find_spec

import numpy as np
import pytest
from retain.cli.main import main
from retain.errors import SimulationError
from retain.evaluate import evaluate
from retain.evaluate.source import ExpertSource
from retain.worlds import find_world

WORLD = find_world("metaworld")
INSTALL = "run: python -m venv metaworld && metaworld/bin/pip install 'retain-vla[train,metaworld]' pytest hypothesis"

missing = find_spec("metaworld") is None
pytestmark = pytest.mark.metaworld
needs_metaworld = pytest.mark.skipif(missing, reason=f"Meta-World is not installed; {INSTALL}")


@pytest.mark.skipif(not missing, reason="Meta-World is installed here")
def test_without_metaworld_the_command_that_installs_it_is_named():
    with pytest.raises(SimulationError, match=r"metaworld is not installed; .* run: python -m venv metaworld"):
        WORLD.stage()


def test_another_mujoco_than_metaworlds_is_refused(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ["numpy>=1.18", "mujoco==3.3.0"])
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "3.17.0")
    with pytest.raises(SimulationError, match=r"works with mujoco 3\.3\.0 alone and found 3\.17\.0"):
        WORLD.stage()


@pytest.fixture(scope="module")
def sim():
    stage = WORLD.stage()
    sim = stage.simulation()
    yield sim
    sim.close()
    stage.close()


def play(sim, episode):
    """States along the expert's way, and whether it succeeded."""
    sim.reset(episode)
    states = [sim.state()]
    while sim.steps < 200:
        done = sim.step(sim.expert_row())
        states.append(sim.state())
        if done:
            return np.array(states), True
    return np.array(states), False


@needs_metaworld
@pytest.mark.parametrize("task", ["push-v3", "door-open-v3"])
def test_an_episode_is_the_same_whatever_was_played_before(sim, task):
    first, *others = WORLD.episodes("ood-position", task, 3, 0)
    alone, done = play(sim, first)
    for other in (*others, WORLD.episodes("id", "reach", 1, 0)[0]):
        play(sim, other)
    again, _ = play(sim, first)
    assert done
    np.testing.assert_array_equal(alone, again)


@needs_metaworld
def test_the_experts_row_leads_where_it_says(sim):
    sim.reset(WORLD.episodes("id", "reach", 1, 0)[0])
    row = sim.expert_row()
    sim.step(row)
    np.testing.assert_allclose(sim.scene.data.mocap_pos[0], row[:3], atol=1e-7)
    assert np.abs(row[:3] - sim.state()[:3]).max() < 0.1


@needs_metaworld
def test_the_object_starts_in_the_suites_part_of_the_official_range(sim):
    for suite, x_side, y_side in (("id", -1, -1), ("ood-val", 1, -1)):
        for episode in WORLD.episodes(suite, "push", 5, 0):
            sim.reset(episode)
            x, y = sim.scene.data.body("obj").xpos[:2]
            assert 0.02 - 1e-6 <= x_side * x <= 0.1 + 1e-3  # the official range is [-0.1, 0.1] × [0.6, 0.7] m
            assert 0.01 - 1e-3 <= y_side * (y - 0.65) <= 0.05 + 1e-3


@needs_metaworld
def test_light_table_and_camera_change_the_picture_and_change_back(sim):
    (usual,) = WORLD.episodes("id", "push", 1, 0)
    sim.reset(usual)
    before = sim.image("corner2", 48).astype(int)
    dark, bright = (WORLD.episodes("ood-appearance", "push", 2, 0)[index] for index in (0, 1))
    means = []
    for episode in (dark, bright):
        sim.reset(episode)
        means.append(sim.image("corner2", 48).mean())
    assert means[0] < 0.8 * before.mean() < 0.8 * means[1]
    sim.reset(usual)
    np.testing.assert_array_equal(sim.image("corner2", 48), before)


@needs_metaworld
def test_the_robot_stands_upright_in_every_picture_from_a_corner(sim):
    sim.reset(WORLD.episodes("id", "push", 1, 0)[0])
    for camera in ("corner", "corner2", "corner3"):
        red = sim.image(camera, 64).astype(int)
        robot = (red[..., 0] > 70) & (red[..., 0] > 2 * red[..., 1])
        assert robot[:32].sum() > robot[32:].sum() > 0  # the arm reaches down from above


@needs_metaworld
@pytest.mark.slow
def test_experts_solve_nine_in_ten_and_counts_do_not_depend_on_workers():
    expert = {"expert": ExpertSource()}
    alone = evaluate(expert, ["id", "generalist"], "drawer-open-v3", 9, world=WORLD, sims=4)
    together = evaluate(expert, ["id", "generalist"], "drawer-open-v3", 9, world=WORLD, workers=2)
    assert alone.policies == together.policies
    assert alone.rate("expert", "id").value >= 0.9
    assert alone.rate("expert", "generalist").successes >= 8  # one episode of each of the nine other tasks


@needs_metaworld
def test_a_row_that_is_none_is_refused(sim):
    sim.reset(WORLD.episodes("id", "push", 1, 0)[0])
    with pytest.raises(SimulationError, match=r"expected a finite row of 4 values \(hand_x_m"):
        sim.step([0.0, 0.6, float("nan"), 0.0])


@needs_metaworld
@pytest.mark.slow
def test_demonstrations_make_a_policy_that_is_evaluated(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    world = ["--world", "metaworld"]
    assert main(["record", *world, "--skill", "drawer-close", "-n", "1", "-o", "demos"]) == 0
    training = ["--steps", "2", "--batch-size", "4"]
    assert main(["finetune", "--scratch", "--data", "demos", *training, "-o", "policy"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "policy", *world, "--skill", "drawer-close", "--suites", "id", "-n", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "policy\tid"
