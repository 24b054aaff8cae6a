"""One number that only grows, out of phases within phases."""

from hypothesis import given
from hypothesis import strategies as st
from retain.export.tensorrt.progress import Phases


def test_a_phase_is_one_step_of_the_phase_around_it() -> None:
    phases = Phases()
    phases.start("build", None, 2)
    phases.start("tactics", "build", 4)
    phases.step("tactics", 2)
    assert phases.share() == 0.25
    phases.finish("tactics")
    phases.step("build", 1)
    assert phases.share() == 0.5
    phases.finish("build")
    assert phases.share() == 1.0


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_the_share_grows_from_nothing_to_all(steps: list[int]) -> None:
    phases, told = Phases(), [0.0]
    phases.start("build", None, len(steps))
    for index, inner in enumerate(steps):
        phases.start("inner", "build", inner)
        for done in range(inner):
            phases.step("inner", done + 1)
            told.append(phases.share())
        phases.finish("inner")
        phases.step("build", index + 1)
        told.append(phases.share())
    phases.finish("build")
    told.append(phases.share())
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert all(0 <= share <= 1 for share in told)


def test_a_phase_that_never_began_changes_nothing() -> None:
    phases = Phases()
    phases.step("unknown", 3)
    phases.finish("unknown")
    assert phases.share() == 0.0
