import pytest
from hypothesis import given
from retain.choose import BASE, choose
from retain.errors import EvaluationError

from .sweeps import made_up, sweeps


def test_the_best_on_validation_is_taken_where_it_stands_out():
    choice = choose(made_up({0.0: (0, 95), 0.5: (60, 94), 1.0: (40, 93)}))
    assert choice.candidate.name == "α = 0.5"
    assert "α = 0.5 is best on ood-val (60/100) among the 3 of 3" in choice.reason


def test_an_alpha_that_forgets_is_not_admissible_however_good():
    choice = choose(made_up({0.0: (0, 95), 0.5: (60, 94), 1.0: (90, 70)}))
    assert choice.candidate.name == "α = 0.5"
    assert [one.name for one in choice.admissible] == ["α = 0", "α = 0.5"]


def test_of_equals_the_one_nearest_the_finetuned_policy_is_taken():
    # .75 loses 1 episode to .5 and gains none: 1 ≤ √1, within a standard error.
    choice = choose(made_up({0.0: (0, 95), 0.5: (60, 95), 0.75: (59, 95), 1.0: (40, 95)}))
    assert choice.best.name == "α = 0.5"
    assert choice.candidate.name == "α = 0.75"
    assert "within one standard error of it and nearer the finetuned policy" in choice.reason


def test_the_tolerance_includes_its_bound():
    cells = {0.0: (0, 95), 1.0: (50, 90)}
    assert choose(made_up(cells)).candidate.name == "α = 1"
    assert choose(made_up(cells), tolerance=0.04).candidate.name == "α = 0"


def test_choosing_needs_the_base():
    with pytest.raises(EvaluationError, match="needs the base"):
        choose(made_up({0.5: (60, 94), 1.0: (40, 93)}))


def test_a_tolerance_is_a_share():
    with pytest.raises(EvaluationError, match="the tolerance is 500 points of success; expected 0 to 100"):
        choose(made_up({0.0: (0, 95)}), tolerance=5)


@given(sweeps())
def test_what_is_taken_keeps_the_old_tasks_and_no_more_finetuned_equal_is_left_lying(swept):
    result, choice = swept.result, choose(swept)
    base = result.rate(BASE.name, "generalist").value
    assert result.rate(choice.candidate.name, "generalist").value >= base - choice.tolerance - 1e-9
    assert choice.candidate.finetuned_share >= choice.best.finetuned_share
    rates = [result.rate(one.name, "ood-val").value for one in choice.admissible]
    assert result.rate(choice.best.name, "ood-val").value == max(rates)


@given(sweeps())
def test_a_larger_tolerance_never_makes_the_best_worse(swept):
    strict, loose = (choose(swept, tolerance) for tolerance in (0.02, 0.2))
    assert set(strict.admissible) <= set(loose.admissible)
    one, other = (swept.result.rate(choice.best.name, "ood-val").value for choice in (strict, loose))
    assert one <= other
