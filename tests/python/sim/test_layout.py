import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.errors import SimulationError
from retain.sim import SKILLS, Skill, Variation
from retain.sim.layout import SPACING_M, draw_layout
from retain.sim.success import goal_of
from retain.sim.suites import ID_REGION, SUITES


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SKILLS), st.integers(0, 2**32 - 1), st.sampled_from(sorted(SUITES)), st.integers(0, 99))
def test_nothing_touches_and_nothing_stands_in_a_goal(skill: Skill, seed: int, suite: str, index: int) -> None:
    cases = SUITES[suite](skill)
    skill, variation = cases[index % len(cases)]
    layout = draw_layout(skill, variation, np.random.default_rng(seed))
    things = np.array([*layout.blocks, layout.pad])
    distances = np.linalg.norm(things[:, None] - things[None], axis=-1) + np.eye(len(things))
    assert distances.min() >= SPACING_M
    goal = goal_of(skill, layout.pad)
    if goal is not None:
        assert np.linalg.norm(layout.blocks - goal, axis=1).min() >= SPACING_M


@given(st.integers(0, 2**32 - 1))
def test_the_target_starts_in_the_region(seed: int) -> None:
    x0, x1, y0, y1 = ID_REGION
    (x, y), *_ = draw_layout(SKILLS[0], Variation(region=ID_REGION), np.random.default_rng(seed)).blocks
    assert x0 <= x <= x1
    assert y0 <= y <= y1


def test_no_room_is_an_error_and_not_an_endless_search() -> None:
    spot = (0.0, 0.01, 0.0, 0.01)
    with pytest.raises(SimulationError, match="found no room"):
        draw_layout(SKILLS[0], Variation(region=spot, pad_region=spot), np.random.default_rng(0))
