import pytest
from retain.choose import Rollouts, sweep
from retain.errors import EvaluationError
from retain.sim import Skill

SKILL = Skill("reach", "red")


def test_a_sweep_runs_real_policies_between_two_and_its_ends_are_the_ends(ends):
    from retain.evaluate import evaluate
    from retain.evaluate.source import PolicySource

    swept = sweep(Rollouts(*ends, SKILL, 8, suites=["ood-val"]), [0.5])
    assert list(swept.result.policies) == ["α = 0", "α = 0.5", "α = 1"]
    for name, path in zip(("α = 0", "α = 1"), ends, strict=True):
        end = evaluate({"end": PolicySource(path)}, ["ood-val"], SKILL, 8)
        assert end.policies["end"].suites == swept.result.policies[name].suites


def test_impossible_alphas_and_numbers_are_one_sentence(ends):
    with pytest.raises(EvaluationError, match=r"α of vision is 1\.5; expected 0"):
        sweep(Rollouts(*ends, SKILL, 1), [1.5])
    with pytest.raises(EvaluationError, match="n = 0"):
        sweep(Rollouts(*ends, SKILL, 0), [0.5])
