"""The gate accepts and refuses constructed outcomes as its rule says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.continual import Cell, judge
from retain.continual.exam import ScoreExam
from retain.continual.gate import EARLIER, loss_of
from retain.errors import ContinualError


def outcomes(before: int, after: int, n: int, *, moved: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Successes of n episodes, of which `moved` more are lost and won back elsewhere."""
    first, second = np.arange(n) < before, np.arange(n) < after
    second[:moved] = False
    second[n - moved :] = True
    return first, second


def cell(name: str, before: int, after: int, n: int = 100, **more) -> Cell:
    return Cell(name, name != "generalist", *outcomes(before, after, n, **more))


def test_nothing_lost_is_accepted():
    verdict = judge([cell("generalist", 80, 80), cell("cup", 90, 95)], 5)
    assert verdict.accepted
    assert verdict.reasons == ()
    assert [loss.value for loss in verdict.losses] == [0, pytest.approx(-5)]


@given(allowed=st.integers(0, 20), lost=st.integers(0, 40), which=st.sampled_from(["generalist", "cup"]))
def test_refused_exactly_when_one_of_the_two_loses_more_points_than_allowed(allowed, lost, which):
    cells = [cell(name, 80, 80 - lost * (name == which)) for name in ("generalist", "cup")]
    verdict = judge(cells, allowed)
    assert verdict.accepted == (lost <= allowed)
    assert (not verdict.reasons) == verdict.accepted
    if not verdict.accepted:
        assert verdict.reasons[0].startswith(f"{which}: 80 → {80 - lost} %")


def test_the_earlier_skills_are_judged_by_all_their_episodes_together():
    # 9, 3 and 0 points lost: 4 on average.
    cells = [cell("cup", 90, 81), cell("lamp", 90, 87), cell("door", 90, 90)]
    verdict = judge(cells, 5)
    assert verdict.accepted
    together = verdict.losses[0]
    assert (together.name, together.n, together.value) == (EARLIER, 300, pytest.approx(4))
    assert not judge(cells, 3).accepted


def test_a_skill_that_demonstrably_broke_is_not_hidden_by_the_others():
    cells = [cell("cup", 95, 65), *(cell(name, 90, 95) for name in ("lamp", "door", "fan", "tap", "box", "jar"))]
    verdict = judge(cells, 5)
    assert verdict.losses[0].value < 5
    assert not verdict.accepted
    (reason,) = verdict.reasons
    assert reason.startswith("cup: 95 → 65 %, a loss of 30 points [")
    assert reason.endswith("] in 100 episodes, certainly more than 5")


def test_few_episodes_are_said_to_be_too_few_even_if_nothing_changed():
    verdict = judge([cell("generalist", 8, 8, n=10)], 5)
    assert verdict.accepted
    assert verdict.remarks[0].startswith("generalist: 10 episodes cannot tell whether more than 5 points were lost")
    assert "that takes about" in verdict.remarks[0]
    assert judge([cell("generalist", 400, 400, n=500)], 5).remarks == ()
    assert "very many" in judge([cell("generalist", 80, 75)], 5).remarks[0]


def test_a_refusal_by_chance_is_said_to_be_possible():
    verdict = judge([cell("generalist", 40, 36, n=50, moved=6)], 5)
    assert not verdict.accepted
    assert len(verdict.remarks) == 1


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 60))
def test_an_interval_holds_its_estimate_and_turns_over_with_its_ends(seed, n):
    before, after = np.random.default_rng(seed).random((2, n)) < 0.6
    loss, back = loss_of(Cell("cup", True, before, after)), loss_of(Cell("cup", True, after, before))
    assert loss.low <= loss.value <= loss.high
    assert (back.value, back.low, back.high) == pytest.approx((-loss.value, -loss.high, -loss.low))


@settings(max_examples=8, deadline=None)
@given(n=st.sampled_from([10, 25, 50]), lost=st.floats(0.0, 0.3), gained=st.floats(0.0, 0.3))
def test_intervals_hold_the_true_loss_about_as_often_as_they_say(n, lost, gained):
    counts = np.random.default_rng(0).multinomial(n, [lost, gained, 1 - lost - gained], size=1500)
    rows, times = np.unique(counts, axis=0, return_counts=True)
    held = 0
    for (down, up, _), count in zip(rows, times, strict=True):
        before, after = np.zeros((2, n), bool)
        before[:down] = True
        after[down : down + up] = True
        loss = loss_of(Cell("cup", True, before, after))
        held += count * (loss.low <= 100 * (lost - gained) <= loss.high)
    assert held / 1500 > 0.92


def test_numbers_of_a_command_are_compared_in_their_own_units():
    cells = [Cell("score", False, 0.75, 0.5), Cell("cup", True, 3.0, 3.5), Cell("lamp", True, 3.0, 2.0)]
    verdict = judge(cells, 0.2)
    assert [(loss.name, loss.value) for loss in verdict.losses[:2]] == [("score", 0.25), (EARLIER, 0.25)]
    assert len(verdict.reasons) == 2
    assert judge(cells, 0.25).accepted


def test_the_new_skill_has_no_part_in_the_decision():
    verdict = judge([cell("generalist", 80, 80)], 5, cell("cup", 50, 0))
    assert verdict.accepted
    assert verdict.learnt is not None
    assert verdict.learnt.value == 50


def test_with_nothing_to_lose_everything_is_accepted():
    assert judge([], 0).accepted


def test_what_cannot_be_compared_is_one_sentence():
    with pytest.raises(ContinualError, match="the allowed loss is -1 points; it must be 0 or more"):
        judge([], -1)
    with pytest.raises(ContinualError, match="cup was measured in 5 and 6 episodes; expected the same ones"):
        judge([Cell("cup", True, np.ones(5, bool), np.ones(6, bool))], 5)
    with pytest.raises(ContinualError, match="cup was measured by episodes once and by a number once"):
        judge([Cell("cup", True, np.ones(5, bool), 1.0)], 5)


def test_a_score_that_is_no_number_is_refused(tmp_path):
    exam = ScoreExam(lambda policy, skill: float("inf"), by_skill=False)
    with pytest.raises(ContinualError, match="is inf; expected a finite number"):
        exam.marks([tmp_path], None)
