"""A real Ray cluster on this machine, a real policy whose files travel."""

import pytest
from retain.errors import EvaluationError
from retain.evaluate import evaluate
from retain.evaluate.source import ExpertSource, InterpolatedSource, PolicySource, alpha_pairs
from retain.evaluate.travel import directories, read, settled
from retain.sim import Skill

REACH = Skill("reach", "red")


def outcomes(result):
    return {name: {s: list(cell.values()) for s, cell in one.suites.items()} for name, one in result.policies.items()}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("default::DeprecationWarning", "default::FutureWarning", "default::ResourceWarning")
def test_the_same_sweep_gives_the_same_counts_here_on_two_workers_and_on_a_ray_cluster(
    policy_directory, finetuned_directory
):
    pytest.importorskip("ray")
    sources = {
        f"α = {alpha}": InterpolatedSource(policy_directory, finetuned_directory, alpha_pairs(alpha))
        for alpha in (0.0, 0.5, 1.0)
    } | {"expert": ExpertSource()}
    n = {"id": 5, "ood-val": 3}
    here, two, cluster = (
        outcomes(evaluate(sources, ["id", "ood-val"], REACH, n, workers=workers, ray=ray))
        for workers, ray in ((1, None), (2, None), (2, "local"))
    )
    assert here == two == cluster


def test_a_cluster_that_is_not_there_is_one_sentence():
    pytest.importorskip("ray")
    with pytest.raises(EvaluationError, match=r"there is no Ray cluster at 127\.0\.0\.1:1 .*give --ray local"):
        evaluate({"expert": ExpertSource()}, ["id"], REACH, 1, ray="127.0.0.1:1")


def test_a_policy_arrives_with_the_same_files_and_decides_alike(policy_directory, tmp_path):
    source = PolicySource(policy_directory)
    arrived = settled(source, {policy_directory: read(policy_directory)}, tmp_path)
    assert arrived.path.parent == tmp_path
    assert arrived.fingerprint() == source.fingerprint()
    assert settled(source, {policy_directory: read(policy_directory)}, tmp_path) == arrived


def test_what_has_no_files_stays_as_it_is(tmp_path):
    assert directories(ExpertSource()) == []
    assert settled(ExpertSource(), {}, tmp_path) == ExpertSource()


def test_training_state_does_not_travel(policy_directory, tmp_path):
    import shutil

    copy = shutil.copytree(policy_directory, tmp_path / "policy")
    (copy / "training").mkdir()
    (copy / "training" / "resume.safetensors").write_bytes(b"large")
    assert set(read(copy)) == set(read(policy_directory))
