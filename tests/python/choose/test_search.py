import pytest
from retain.choose import Rollouts, choose, search
from retain.choose.search import Space
from retain.errors import EvaluationError, MissingExtraError
from retain.evaluate.result import EvaluationResult, PolicyOutcomes
from retain.evaluate.rollout import Outcome
from retain.sim import Skill

pytest.importorskip("optuna")

EPISODES = 200


class Imagined:
    """Rollouts of an imagined world: success on new tasks peaks at α = .7, old tasks fade above α = .8."""

    n, seed, suites = EPISODES, 0, ("ood-val", "generalist")

    def __init__(self, seed=0):
        self.seed, self.asked = seed, []

    def run(self, candidates, progress=None):
        result = EvaluationResult("reach the red block", 0)
        for one in candidates:
            self.asked.append(one)
            far = max(abs(value - 0.7) for _, value in one.alpha)
            kept = 0.95 - 2 * max(0.0, one.finetuned_share - 0.8)
            cells = {
                suite: {i: Outcome(i, "", i < share * EPISODES, 9) for i in range(EPISODES)}
                for suite, share in (("ood-val", 0.9 - far), ("generalist", kept))
            }
            result.policies[one.name] = PolicyOutcomes("", cells)
        return result


@pytest.mark.parametrize("per_component", [False, True])
def test_the_same_seed_tries_the_same_candidates_and_another_seed_others(per_component):
    first, again, other = (search(Imagined(seed), 12, per_component=per_component) for seed in (0, 0, 1))
    assert first == again
    assert first.candidates != other.candidates


def test_both_ends_come_first_and_nothing_is_tried_twice():
    world = Imagined()
    swept = search(world, 21)
    assert [one.name for one in swept.candidates[:2]] == ["α = 0", "α = 1"]
    assert len(world.asked) == len(set(world.asked)) == len(swept.candidates)
    assert len(swept.candidates) <= 21


@pytest.mark.parametrize("seed", range(5))
def test_it_finds_the_peak_of_a_plain_world(seed):
    swept = search(Imagined(seed), 12)
    best = choose(swept).best
    assert best.uniform == pytest.approx(0.7, abs=0.1)


def test_by_component_it_beats_what_the_line_of_both_ends_offers():
    swept = search(Imagined(), 40, per_component=True)
    best = swept.result.rate(choose(swept).best.name, "ood-val").value
    assert best >= 0.9 - 0.25


def test_an_interrupted_search_goes_on_to_the_same_candidates(ends, tmp_path):
    def rollouts(path):
        return Rollouts(*ends, Skill("reach", "red"), 2, suites=("ood-val", "generalist"), path=path)

    whole = search(rollouts(tmp_path / "whole.parquet"), 5)
    search(rollouts(tmp_path / "halves.parquet"), 3)
    done = []
    resumed = search(rollouts(tmp_path / "halves.parquet"), 5, progress=done.append)
    assert resumed == whole
    assert search(rollouts(tmp_path / "halves.parquet"), 5) == whole


@pytest.mark.parametrize("trials", [2, 22])
def test_an_impossible_number_of_trials_is_refused(trials):
    with pytest.raises(EvaluationError, match=f"trials = {trials}; expected 3 .* to 21"):
        search(Imagined(), trials)
    assert Space(per_component=True).size == 21**3


def test_without_optuna_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"retain-vla\[sweep\]"):
        search(Imagined(), 3)
