"""Real processes."""

import os
import signal
import subprocess
import sys
import time

import pytest
from retain.errors import EvaluationError, MissingExtraError
from retain.evaluate import evaluate, load_result
from retain.evaluate.source import ExpertSource, PolicySource
from retain.evaluate.workers import executor
from retain.sim import DEMO_SKILL, Skill
from retain.worlds import TABLETOP

REACH = Skill("reach", "red")


def test_one_worker_is_this_process_and_more_are_others():
    kinds = [type(executor(world=TABLETOP, workers=workers, sims=1, ray=None)).__name__ for workers in (1, 2)]
    assert kinds == ["ThisProcess", "Processes"]


def test_where_ray_is_not_installed_the_command_that_installs_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"^ray is not installed; run: pip install 'retain-vla\[ray\]'$"):
        evaluate({"expert": ExpertSource()}, ["id"], REACH, 1, ray="local")


@pytest.mark.parametrize("workers", [1, 2])
def test_episodes_are_counted_while_they_are_played(workers):
    counted = []
    evaluate({"expert": ExpertSource()}, ["id"], DEMO_SKILL, 48, workers=workers, sims=2, progress=counted.append)
    assert sum(counted) == 48
    assert max(counted) < 48  # they last several times as long as the time between two looks


def test_an_error_in_a_worker_is_the_sentence_of_the_same_error_here(policy_directory):
    for workers in (1, 2):
        with pytest.raises(EvaluationError, match="n_action_steps is 99; expected 1 to the policy's horizon 8"):
            evaluate({"x": PolicySource(policy_directory, 99)}, ["id"], REACH, 2, workers=workers)


def test_a_worker_that_dies_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "deadly.py").write_text(
        "import os\nfrom dataclasses import dataclass\n\n\n@dataclass(frozen=True)\nclass Deadly:\n"
        "    def open(self, world):\n        os._exit(1)\n\n    def fingerprint(self):\n        return 'deadly'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from deadly import Deadly

    with pytest.raises(EvaluationError, match="a worker process died, perhaps for want of memory; try fewer --workers"):
        evaluate({"x": Deadly()}, ["id"], REACH, 2, workers=2)


@pytest.mark.slow
def test_ctrl_c_ends_workers_at_once_and_keeps_what_is_done(tmp_path):
    path = tmp_path / "results.parquet"
    command = [sys.executable, "-m", "retain.cli", "evaluate", "expert", "--suites", "id", "-n", "4000"]
    with subprocess.Popen(
        [*command, "--workers", "2", "-o", str(path)], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        try:
            while not path.exists() and run.poll() is None:
                time.sleep(0.1)
            os.killpg(run.pid, signal.SIGINT)
            _, said = run.communicate(timeout=60)
        finally:
            run.kill()
    assert (run.returncode, said) == (130, "retain evaluate: interrupted\n")
    assert 0 < len(load_result(path).successes("expert", "id")) < 4000
    assert _gone(run.pid, within_s=30)


def _gone(group, within_s):
    """Whether no process of the group is left; multiprocessing's own helper takes a moment to notice."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
