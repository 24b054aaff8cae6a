"""Real simulations, real processes; the policy is a compact one with random weights, which sometimes succeeds too."""

from dataclasses import replace

import pytest
from retain.errors import EvaluationError
from retain.evaluate import evaluate, load_result, save_result
from retain.evaluate.player import ChunkPlayer, Interface
from retain.evaluate.rollout import Arena, run_episodes
from retain.evaluate.source import ExpertSource, PolicySource
from retain.sim import DEMO_SKILL, Skill, episodes
from retain.sim.arm import CHANNELS
from retain.worlds import TABLETOP

REACH = Skill("reach", "red")


@pytest.fixture(scope="module")
def outcomes_of_one(policy_directory):
    """(policy, suite) → outcomes, run in this process, 16 simulations beside each other."""
    return outcomes(evaluate(sources(policy_directory), ["id"], REACH, 14))


def sources(policy_directory):
    return {"expert": ExpertSource(), "random": PolicySource(policy_directory)}


def outcomes(result):
    return {name: list(policy.suites["id"].values()) for name, policy in result.policies.items()}


@pytest.mark.parametrize(("workers", "sims"), [(1, 3), (2, 4)])
def test_outcomes_are_the_same_for_any_number_of_workers_and_simulations(
    policy_directory, outcomes_of_one, workers, sims
):
    again = evaluate(sources(policy_directory), ["id"], REACH, 14, workers=workers, sims=sims)
    assert outcomes(again) == outcomes_of_one


def test_every_policy_does_the_same_episodes(outcomes_of_one):
    expert, random = outcomes_of_one["expert"], outcomes_of_one["random"]
    assert [(one.seed, one.skill) for one in expert] == [(one.seed, one.skill) for one in random]
    assert len({one.seed for one in expert}) == 14


def test_an_outcome_does_not_depend_on_which_episodes_are_run_with_it():
    plan = episodes("generalist", DEMO_SKILL, 6, seed=3)
    player = ExpertSource().open()
    with Arena(TABLETOP, 4) as arena:
        together = run_episodes(player, plan, arena)
        assert run_episodes(player, plan[4:5], arena) == together[4:5]


def test_the_scripted_expert_solves_at_least_nine_in_ten():
    result = evaluate({"expert": ExpertSource()}, ["id", "ood-combined"], DEMO_SKILL, 20)
    assert result.rate("expert", "id").value >= 0.9
    assert result.rate("expert", "ood-combined").value >= 0.9


def test_an_interrupted_evaluation_goes_on_and_ends_the_same(tmp_path):
    path = tmp_path / "results.parquet"
    expert = {"expert": ExpertSource()}

    def stop(count: int) -> None:
        if path.exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(expert, ["id", "ood-val"], REACH, 5, path=path, progress=stop)
    assert list(load_result(path).policies["expert"].suites["id"]) == [0, 1, 2, 3, 4]
    counted = []
    result = evaluate(expert, ["id", "ood-val"], REACH, 5, path=path, progress=counted.append)
    assert counted[0] == 5  # found in the file
    assert sum(counted) == 10
    whole = evaluate(expert, ["id", "ood-val"], REACH, 5)
    assert result == whole == load_result(path)


def test_more_episodes_are_added_to_those_there(tmp_path):
    path = tmp_path / "results.parquet"
    evaluate({"expert": ExpertSource()}, ["id"], REACH, 3, path=path)
    evaluate({"expert": ExpertSource()}, ["id"], REACH, 5, path=path)
    assert load_result(path) == evaluate({"expert": ExpertSource()}, ["id"], REACH, 5)
    fewer = evaluate({"expert": ExpertSource()}, ["id"], REACH, 2, path=path)
    assert len(fewer.successes("expert", "id")) == 2


def test_results_of_another_run_are_refused(tmp_path, policy_directory):
    path = tmp_path / "results.parquet"
    evaluate({"x": ExpertSource()}, ["id"], REACH, 1, path=path)
    with pytest.raises(EvaluationError, match=r"with seed 0, not .* with seed 1; give another -o file"):
        evaluate({"x": ExpertSource()}, ["id"], REACH, 1, seed=1, path=path)
    with pytest.raises(EvaluationError, match="another policy under the name 'x'"):
        evaluate({"x": PolicySource(policy_directory)}, ["id"], REACH, 1, path=path)
    with pytest.raises(EvaluationError, match=r"results for 'reach the red block' .*, not 'reach the blue block'"):
        evaluate({"x": ExpertSource()}, ["id"], Skill("reach", "blue"), 1, path=path)
    known = load_result(path)
    known.policies["x"].suites["id"][0] = replace(known.policies["x"].suites["id"][0], seed=1)
    save_result(known, path)
    with pytest.raises(EvaluationError, match="other episodes of id: it has changed since"):
        evaluate({"x": ExpertSource()}, ["id"], REACH, 1, path=path)
    with pytest.raises(
        EvaluationError, match=r"parquet, not as .*results\.json; give -o a name that ends in \.parquet"
    ):
        evaluate({"x": ExpertSource()}, ["id"], REACH, 1, path=path.with_suffix(".json"))


def test_suites_may_have_different_numbers_of_episodes():
    result = evaluate({"x": ExpertSource()}, ["ood-val", "id"], REACH, {"id": 3, "ood-val": 1})
    assert {suite: len(cell) for suite, cell in result.policies["x"].suites.items()} == {"ood-val": 1, "id": 3}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cameras": (("wrist", 64, 64),)}, "the policy sees wrist 64x64; tabletop has square pictures of front"),
        ({"cameras": (("front", 48, 64),)}, "front 48x64"),
        ({"cameras": ()}, "the policy sees no camera"),
        ({"state": (*CHANNELS, "torque")}, "the policy measures .*torque; tabletop measures .*suction"),
        ({"action": CHANNELS[:-1]}, "the policy commands .*; tabletop takes .*suction"),
        ({"dt_s": 0.05}, r"the policy's rows are 0\.05 s long; those of tabletop are 0\.1 s"),
    ],
)
def test_a_policy_for_another_robot_is_refused(change, sentence):
    fits = {
        "cameras": (("front", 64, 64),),
        "state": CHANNELS,
        "action": CHANNELS,
        "dt_s": 0.1,
        "horizon": 16,
        "width": 7,
        "n_action_steps": 8,
    }
    with pytest.raises(EvaluationError, match=sentence):
        ChunkPlayer(None, Interface(**fits | change), TABLETOP)


def test_impossible_requests_are_one_sentence(policy_directory):
    with pytest.raises(EvaluationError, match="n says nothing of the suite 'ood-val'"):
        evaluate({"expert": ExpertSource()}, ["id", "ood-val"], REACH, {"id": 1})
    with pytest.raises(EvaluationError, match="n speaks of 'wording', which is not among the suites id"):
        evaluate({"expert": ExpertSource()}, ["id"], REACH, {"id": 1, "wording": 1})
    with pytest.raises(EvaluationError, match="no suite is given"):
        evaluate({"expert": ExpertSource()}, [], REACH, 1)
    with pytest.raises(EvaluationError, match="the suite 'id' is given twice; give it once"):
        evaluate({"expert": ExpertSource()}, ["id", "ood-val", "id"], REACH, 1)
    with pytest.raises(EvaluationError, match="n = 0"):
        evaluate({"expert": ExpertSource()}, ["id"], REACH, 0)
    with pytest.raises(EvaluationError, match="there is no suite 'ood' in tabletop; expected some of id, ood-val"):
        evaluate({"expert": ExpertSource()}, ["ood"], REACH, 1)
    with pytest.raises(EvaluationError, match="n_action_steps is 99"):
        evaluate({"base": PolicySource(policy_directory, 99)}, ["id"], REACH, 1)
