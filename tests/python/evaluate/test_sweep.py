import pytest
from retain.errors import EvaluationError
from retain.evaluate.result import EvaluationResult, PolicyOutcomes
from retain.evaluate.rollout import Outcome
from retain.evaluate.source import alpha_pairs
from retain.evaluate.sweep import GENERALIST, VALIDATION, Candidate, Sweep, by_component, choose, sweep
from retain.sim import Skill


def made_up(cells):
    """A sweep over α with given successes, out of 100 each: {α: (validation, generalist)}."""
    candidates = tuple(Candidate(alpha_pairs(alpha)) for alpha in cells)
    result = EvaluationResult("reach the red block", 0)
    for candidate, (validation, generalist) in zip(candidates, cells.values(), strict=True):
        suites = {
            suite: {index: Outcome(index, "", index < count, 10) for index in range(100)}
            for suite, count in ((VALIDATION, validation), (GENERALIST, generalist))
        }
        result.policies[candidate.name] = PolicyOutcomes("", suites)
    return Sweep(candidates, result)


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


def test_components_are_varied_one_at_a_time_and_tried_alone():
    names = [Candidate(alpha_pairs(alpha)).name for alpha in by_component((0.0, 0.5))]
    assert names[0] == "vision=0 language=1 action=1"
    assert "vision=1 language=1 action=0.5" in names
    assert "vision=0 language=1 action=0" in names


def test_a_sweep_runs_real_policies_between_two_and_its_ends_are_the_ends(policy_directory, finetuned_directory):
    from retain.evaluate import evaluate
    from retain.evaluate.source import PolicySource

    skill = Skill("reach", "red")
    swept = sweep(policy_directory, finetuned_directory, [0.5, 1.0], ["ood-val"], skill=skill, n=8)
    assert list(swept.result.policies) == ["α = 0", "α = 0.5", "α = 1"]
    for name, path in (("α = 0", policy_directory), ("α = 1", finetuned_directory)):
        end = evaluate({"end": PolicySource(path)}, ["ood-val"], skill, 8)
        assert end.policies["end"].suites == swept.result.policies[name].suites
