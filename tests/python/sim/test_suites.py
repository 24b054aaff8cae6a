import numpy as np
import pytest
from retain.errors import SimulationError
from retain.sim import DEMO_SKILL, HELD_OUT, PRETRAINING, SUITES, demonstrations, episodes, pretraining, suite
from retain.sim.suites import ID_REGION, VERB_SHARES
from retain.sim.variation import Region


def _overlap(a: Region, b: Region) -> bool:
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


@pytest.mark.parametrize("name", ["ood-val", "ood-position", "ood-combined"])
def test_shifted_positions_are_disjoint_from_the_demonstrated_patch(name: str) -> None:
    for _, variation in suite(name, DEMO_SKILL):
        assert variation.region is not None
        assert not _overlap(variation.region, ID_REGION)


def test_validation_and_test_positions_are_disjoint() -> None:
    validation = [variation.region for _, variation in suite("ood-val", DEMO_SKILL)]
    test = [variation.region for name in ("ood-position", "ood-combined") for _, variation in suite(name, DEMO_SKILL)]
    assert not any(_overlap(a, b) for a in validation for b in test if a and b)


def test_single_shifts_change_nothing_else() -> None:
    (_, base), *_ = suite("id", DEMO_SKILL)
    for _, variation in suite("ood-appearance", DEMO_SKILL):
        assert (variation.region, variation.palette, variation.wording) == (base.region, base.palette, base.wording)
        assert (variation.light, variation.table_rgb) != (base.light, base.table_rgb)
    for _, variation in suite("ood-distractor", DEMO_SKILL):
        assert variation.distractors > base.distractors
        assert (variation.region, variation.light) == (base.region, base.light)
    for _, variation in suite("wording", DEMO_SKILL):
        assert variation.wording == "held-out"


def test_the_generalist_suite_has_at_least_twenty_pretraining_skills_of_every_verb() -> None:
    skills = [skill for skill, _ in suite("generalist", DEMO_SKILL)]
    assert len(set(skills)) == len(skills) >= 20
    assert set(skills) <= set(PRETRAINING)
    assert {skill.relation for skill in skills} == {skill.relation for skill in PRETRAINING}


@pytest.mark.parametrize("name", SUITES)
def test_episodes_are_the_same_for_everyone_and_a_prefix_of_longer_runs(name: str) -> None:
    assert episodes(name, DEMO_SKILL, 30, seed=4) == episodes(name, DEMO_SKILL, 50, seed=4)[:30]
    assert episodes(name, DEMO_SKILL, 30, seed=4) != episodes(name, DEMO_SKILL, 30, seed=5)


def test_demonstrations_never_use_an_evaluation_scene() -> None:
    evaluated = {episode.seed for seed in range(5) for episode in episodes("id", DEMO_SKILL, 200, seed)}
    demonstrated = {episode.seed for seed in range(5) for episode in demonstrations(DEMO_SKILL, 50, seed)}
    assert not evaluated & demonstrated


def test_pretraining_never_draws_a_held_out_skill_and_draws_all_others() -> None:
    drawn = {episode.skill for episode in pretraining(4000, seed=0)}
    assert drawn == set(PRETRAINING)
    assert not drawn & set(HELD_OUT)


def test_pretraining_can_be_continued_where_it_stopped() -> None:
    assert pretraining(20, seed=3, first=10) == pretraining(30, seed=3)[10:]


def test_verbs_are_drawn_by_their_shares_as_numpy_draws() -> None:
    verbs, shares = list(VERB_SHARES), list(VERB_SHARES.values())
    for drawn in pretraining(200, seed=4):
        assert drawn.skill.verb == np.random.default_rng([drawn.seed, 2]).choice(verbs, p=shares)


def test_seeds_are_spread_over_all_of_32_bits() -> None:
    seeds = np.array([episode.seed for episode in episodes("id", DEMO_SKILL, 500, 0)])
    assert len(set(seeds)) == 500
    assert seeds.max() > 2**31


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(SimulationError, match="no suite 'ood'; expected one of id, ood-val"):
        suite("ood", DEMO_SKILL)
