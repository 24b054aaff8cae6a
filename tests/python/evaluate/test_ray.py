"""A real Ray cluster of two nodes on this machine, and policies whose files travel from one to the other."""

import gc
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from retain.cli.main import main
from retain.errors import EvaluationError
from retain.evaluate import evaluate, load_result
from retain.evaluate.source import BundleSource, ExpertSource, InterpolatedSource, PolicySource, alpha_pairs
from retain.sim import Skill

ray = pytest.importorskip("ray")

# Ray opens /dev/null for its processes and lets go of them without waiting.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings(
        r"ignore:unclosed file .* name='/dev/null':ResourceWarning",
        r"ignore:subprocess \d+ is still running:ResourceWarning",
    ),
]

REACH = Skill("reach", "red")


@pytest.fixture(autouse=True)
def _what_ray_let_go_of_is_collected_here():
    """Not in a later test, which does not know these warnings."""
    yield
    gc.collect()


@pytest.fixture(autouse=True, scope="module")
def _what_ray_started_has_ended():
    """Ray keeps handles of processes that it has told to end; one that is dropped later would warn in another test."""
    yield  # the cluster, which is set up after this, is shut down by now
    # By type: isinstance asks the object itself, and there are some that warn when they are asked anything.
    handles = [one for one in gc.get_objects() if issubclass(type(one), subprocess.Popen) and one.returncode is None]
    for handle in handles:
        handle.wait(timeout=60)


@pytest.fixture(scope="module")
def cluster():
    """Its address. Each node has one processor and an object store of its own."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=node)
    made.add_node(**node)
    yield made.address
    made.shutdown()


@pytest.fixture(scope="module")
def bundle(policy_directory, tmp_path_factory):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from retain.export.export import export_policy

    path = tmp_path_factory.mktemp("bundles") / "random"
    export_policy(policy_directory, path)
    return path


def outcomes(result):
    return {name: {s: list(cell.values()) for s, cell in one.suites.items()} for name, one in result.policies.items()}


def policies_on_disk():
    return set(Path(tempfile.gettempdir()).glob("retain-policies-*"))


def test_counts_are_the_same_here_on_two_workers_and_on_a_cluster(
    cluster, policy_directory, finetuned_directory, bundle
):
    sources = {
        "expert": ExpertSource(),
        "random": PolicySource(policy_directory),
        "between": InterpolatedSource(policy_directory, finetuned_directory, alpha_pairs(0.5)),
        "bundle": BundleSource(bundle),
    }
    n = {"id": 5, "ood-val": 3}
    before, counted = policies_on_disk(), []
    here, two, there = (
        outcomes(evaluate(sources, list(n), REACH, n, workers=workers, ray=address, progress=progress))
        for workers, address, progress in ((1, None, None), (2, None, None), (1, cluster, counted.append))
    )
    assert here == two == there
    assert sum(counted) == len(sources) * 8
    assert policies_on_disk() == before
    assert not ray.is_initialized()


def test_ctrl_c_keeps_what_is_done_and_leaves_nothing_on_the_cluster(cluster, policy_directory, tmp_path):
    before = policies_on_disk()
    sources = {"expert": ExpertSource(), "random": PolicySource(policy_directory)}

    def stop(count):
        if policies_on_disk() > before:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(sources, ["id"], REACH, 60, ray=cluster, path=tmp_path / "results.parquet", progress=stop)
    assert policies_on_disk() == before
    assert not ray.is_initialized()
    done = load_result(tmp_path / "results.parquet")
    again = evaluate(sources, ["id"], REACH, 2, ray=cluster)
    # On a busy cluster episodes need not end in their order: whichever was kept is what it would be again.
    kept, anew = (result.policies["expert"].suites["id"] for result in (done, again))
    assert kept
    assert all(kept[number] == outcome for number, outcome in anew.items() if number in kept)


def test_an_error_on_the_cluster_is_the_sentence_of_the_same_error_here(cluster, policy_directory):
    with pytest.raises(EvaluationError, match=r"^n_action_steps is 99; expected 1 to the policy's horizon 8$"):
        evaluate({"x": PolicySource(policy_directory, 99)}, ["id"], REACH, 2, ray=cluster)


def test_a_worker_that_dies_on_the_cluster_is_one_sentence(cluster):
    @dataclass(frozen=True)
    class Deadly:
        def open(self, world):
            os._exit(1)

        def fingerprint(self):
            return "deadly"

    with pytest.raises(EvaluationError, match=r"a worker of the Ray cluster died \(.+\); run it again"):
        evaluate({"x": Deadly()}, ["id"], REACH, 2, ray=cluster)


def test_processors_that_others_hold_are_not_waited_for(cluster):
    holding = (
        "import sys, ray\n"
        f"ray.init(address={cluster!r}, log_to_driver=False)\n"
        "@ray.remote(num_cpus=1)\nclass Hold:\n    def on(self): return 'holding'\n"
        "hold = Hold.remote()\nprint(ray.get(hold.on.remote()), flush=True)\nsys.stdin.read()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen([sys.executable, "-c", holding], **pipes) as neighbour:
        assert neighbour.stdout.readline() == "holding\n"
        result = evaluate({"expert": ExpertSource()}, ["id"], REACH, 4, ray=cluster)
        assert neighbour.poll() is None
        neighbour.communicate("")
    assert len(result.successes("expert", "id")) == 4


def test_a_cluster_of_this_machine_starts_plays_and_stops(capsys):
    assert main(["evaluate", "expert", "--suites", "id", "-n", "id=2", "--ray", "local", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rates"]["expert"]["id"]["n"] == 2
    assert not ray.is_initialized()


def test_a_cluster_that_is_not_there_is_one_sentence():
    for address, sentence in [
        ("127.0.0.1:1", r"there is no Ray cluster at 127\.0\.0\.1:1 .*give --ray local"),
        ("over there", r"there is no Ray cluster at over there \(.+\)"),
        ("ray://head:10001", r"ray://head:10001 is an address of Ray's client, .* with --ray auto"),
    ]:
        with pytest.raises(EvaluationError, match=sentence):
            evaluate({"expert": ExpertSource()}, ["id"], REACH, 1, ray=address)
