import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from retain.errors import SimulationError
from retain.sim import PRETRAINING, Skill, TabletopEnv, Variation, expert_action, parse_instruction
from retain.sim.tabletop import MAX_STEPS

ENVIRONMENT = "retain.sim.environment:retain/Tabletop-v0"


def test_gymnasiums_own_checker_is_content() -> None:
    env = gymnasium.make(ENVIRONMENT, render_mode="rgb_array")
    with warnings.catch_warnings():
        # Actions are joint targets in rad on purpose.
        warnings.filterwarnings("ignore", message=".*symmetric and normalized.*")
        check_env(env.unwrapped)
    env.reset(seed=0)
    picture = env.render()
    assert isinstance(picture, np.ndarray)
    assert picture.shape == (256, 256, 3)
    env.close()


def test_the_expert_earns_the_reward_and_ends_the_episode() -> None:
    env = gymnasium.make(ENVIRONMENT, skill="lift the red block")
    observation, information = env.reset(seed=3)
    tabletop = env.unwrapped
    assert isinstance(tabletop, TabletopEnv)
    assert parse_instruction(information["task"]) == Skill("lift", "red")
    for _ in range(MAX_STEPS):
        assert env.observation_space.contains(observation)
        observation, reward, terminated, truncated, information = env.step(expert_action(tabletop.sim))
        assert not truncated
        if terminated:
            break
    assert (reward, information["success"]) == (1.0, True)
    env.close()


def test_standing_still_is_cut_off_at_the_cap() -> None:
    env = gymnasium.make(ENVIRONMENT, skill="lift the red block")
    observation, _ = env.reset(seed=3)
    action = observation["observation.state"]
    ends = [env.step(action)[2:4] for _ in range(MAX_STEPS)]
    assert ends == [(False, False)] * (MAX_STEPS - 1) + [(False, True)]
    env.close()


def test_episodes_without_a_skill_are_drawn_from_pretraining() -> None:
    env = TabletopEnv()
    tasks = [env.reset(seed=seed)[1]["task"] for seed in range(10)]
    assert len(set(tasks)) > 5
    assert {parse_instruction(task) for task in tasks} <= set(PRETRAINING)
    env.close()


def test_one_episode_can_be_chosen_by_options() -> None:
    env = TabletopEnv()
    skill = Skill("place", "red", "near right")
    _, information = env.reset(seed=0, options={"skill": skill, "variation": Variation(wording="canonical")})
    assert information["task"] == "place the red block near right"
    env.close()


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_vector_environments_are_the_single_ones_side_by_side(mode: str) -> None:
    # A forked child must not inherit this process's OpenGL contexts.
    arguments = {"context": "spawn"} if mode == "async" else {}
    envs = gymnasium.make_vec(ENVIRONMENT, num_envs=2, vectorization_mode=mode, vector_kwargs=arguments)
    observations, information = envs.reset(seed=5)
    envs.step(observations["observation.state"])
    envs.close()
    for index in range(2):
        env = TabletopEnv()
        expected, expected_information = env.reset(seed=5 + index)
        assert information["task"][index] == expected_information["task"]
        assert np.array_equal(observations["observation.images.front"][index], expected["observation.images.front"])
        env.close()


def test_an_unknown_render_mode_is_refused() -> None:
    with pytest.raises(SimulationError, match="found render_mode 'human'"):
        TabletopEnv(render_mode="human")
