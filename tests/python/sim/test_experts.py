import numpy as np
import pytest
from retain.sim import COLORS, DEMO_SKILL, PRETRAINING_VARIATION, Skill, Tabletop, episodes, expert_action, pretraining
from retain.sim.arm import LIMITS
from retain.sim.skill import RELATIONS
from retain.sim.suites import SUITES, Episode
from retain.sim.tabletop import DT_S, MAX_STEPS


def _succeeds(sim: Tabletop, episode: Episode) -> bool:
    sim.reset(episode.skill, episode.variation, episode.seed)
    return any(sim.step(expert_action(sim)) for _ in range(MAX_STEPS))


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: " ".join(filter(None, relation)))
def test_experts_do_at_least_95_percent_of_every_relation(sim: Tabletop, relation: tuple[str, str | None]) -> None:
    verb, place = relation
    trials = [Episode(Skill(verb, color, place), PRETRAINING_VARIATION, seed) for seed in (1, 2, 3) for color in COLORS]
    failures = [trial for trial in trials if not _succeeds(sim, trial)]
    assert len(failures) <= 0.05 * len(trials), failures


@pytest.mark.parametrize("suite", SUITES)
def test_experts_do_every_suite_so_a_policy_could(sim: Tabletop, suite: str) -> None:
    trials = episodes(suite, DEMO_SKILL, 20, seed=9)
    assert sum(_succeeds(sim, trial) for trial in trials) >= 19


def test_nothing_succeeds_by_itself(sim: Tabletop) -> None:
    for trial in pretraining(100, seed=8):
        sim.reset(trial.skill, trial.variation, trial.seed)
        assert not sim.success()
        assert not sim.step(np.array([*sim.command, 0.0]))


def test_experts_keep_to_the_arms_limits(sim: Tabletop) -> None:
    velocities, accelerations = [], []
    for trial in pretraining(60, seed=7):
        sim.reset(trial.skill, trial.variation, trial.seed)
        command, velocity = sim.command.copy(), np.zeros(6)
        while sim.steps < MAX_STEPS:
            done = sim.step(expert_action(sim))
            assert ((sim.command >= LIMITS.position_min) & (sim.command <= LIMITS.position_max)).all()
            new_velocity = (sim.command - command) / DT_S
            velocities.append(np.abs(new_velocity))
            accelerations.append(np.abs(new_velocity - velocity) / DT_S)
            command, velocity = sim.command.copy(), new_velocity
            if done:
                break
    assert (np.array(velocities) <= LIMITS.velocity).all()
    assert (np.array(accelerations) <= LIMITS.acceleration).mean() > 0.999


def test_experts_recover_when_the_block_is_moved_under_way(sim: Tabletop) -> None:
    sim.reset(DEMO_SKILL, PRETRAINING_VARIATION, 21)
    for _ in range(4):
        sim.step(expert_action(sim))
    sim.block[:2] += np.array([0.04, -0.03])
    assert any(sim.step(expert_action(sim)) for _ in range(MAX_STEPS))
