import pickle

import numpy as np
import pytest
from retain.errors import SimulationError
from retain.sim import DEMO_SKILL, Skill, Tabletop, episodes, expert_action
from retain.worlds import TABLETOP, WORLDS, find_world


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_travels_to_another_process_and_has_the_suites_that_choosing_needs(name):
    world = find_world(name)
    assert world.name == name
    assert pickle.loads(pickle.dumps(world)) == world
    assert {"id", "generalist"} <= set(world.suites)
    for names in (world.cameras, world.state, world.action):
        assert len(set(names)) == len(names) > 0


def test_an_unknown_world_is_named_with_those_that_are_known():
    with pytest.raises(SimulationError, match="there is no world 'moon'; expected one of tabletop, metaworld, libero"):
        find_world("moon")


def test_the_tabletop_says_a_skill_in_one_way():
    assert TABLETOP.canonical("Put the red block near right.") == "place the red block near right"


def test_the_tabletops_episodes_are_those_of_its_suites():
    for suite in TABLETOP.suites:
        assert TABLETOP.episodes(suite, "reach the red block", 5, 3) == episodes(suite, Skill("reach", "red"), 5, 3)
    assert [one.task for one in TABLETOP.demonstrations("lift the red block", 2, 0)] == ["lift the red block"] * 2


def test_the_tabletops_mix_leaves_nothing_more_out():
    with pytest.raises(SimulationError, match="mix is fixed; it leaves out place the red block near right"):
        TABLETOP.pretraining(1, 0, without="lift the red block")


def test_a_tabletop_under_the_worlds_names_is_the_tabletop():
    episode = TABLETOP.episodes("ood-position", "place the red block near right", 1, 0)[0]
    stage = TABLETOP.stage()
    sim, same = stage.simulation(), Tabletop()
    sim.reset(episode)
    same.reset(DEMO_SKILL, episode.variation, episode.seed)
    for _ in range(10):
        row = expert_action(same)
        np.testing.assert_array_equal(sim.expert_row(), row)
        assert sim.step(row) == same.step(row)
        np.testing.assert_array_equal(sim.state(), same.state())
    np.testing.assert_array_equal(sim.image("front", 32), same.image(32))
    assert (sim.steps, sim.instruction) == (same.steps, same.instruction)
    sim.close()
    same.close()
    stage.close()
