"""kill −9 at any moment of `retain continual add` and `remove`: the line is the old one or the new one, and goes on."""

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from retain.continual import read
from retain.continual.provenance import check_policy

from .brought import begin, bits, bring, end_from

KILLS = 12


def start(*arguments: object) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "retain.cli", "continual", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(*arguments: object) -> float:
    """Run undisturbed; how long it took [s]."""
    started = time.monotonic()
    process = start(*arguments)
    said = process.communicate()[1]
    assert process.returncode == 0, said
    return time.monotonic() - started


def whole(root: Path) -> tuple[str, ...]:
    """The names of the line that counts; fails if something that it names is not there as recorded."""
    line = read(root)
    for end in [line.base, line.policy, *(end for skill in line.skills for end in (skill.finetuned, skill.policy))]:
        check_policy(end, root)
    return tuple(skill.name for skill in line.present)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("method", ["sequential", "parallel"])
def test_a_change_killed_at_any_moment_is_made_or_not(tmp_path: Path, method: str) -> None:
    root = begin(tmp_path, method)
    bring(root, 0)
    bring(root, 1)
    policy = root / read(root).skills[0].policy.path
    end_from(policy if method == "sequential" else tmp_path / "base", tmp_path / "third", 9)
    add = ("add", root, "--skill", "third", "--finetuned", tmp_path / "third", "--no-gate", "--alpha", "0.5")
    remove = ("remove", root, "drawer", "--no-gate")
    untouched = shutil.copytree(root, tmp_path / "untouched")
    for change, before, after in [
        (add, ("drawer", "cup"), ("drawer", "cup", "third")),
        (remove, ("drawer", "cup"), ("cup",)),
    ]:
        seconds = finish(*change)
        made = bits(root / read(root).policy.path)
        moments = random.Random(0)
        reached = set()
        for kill in range(KILLS // 2):
            shutil.rmtree(root)
            shutil.copytree(untouched, root)
            process = start(*change)
            if kill == 0:  # Whatever the machine's load, one kill comes after the line changed, and the next before.
                while read(root).present == read(untouched).present and process.poll() is None:
                    time.sleep(0.001)
            elif kill > 1:
                time.sleep(moments.uniform(0.3, 1.1) * seconds)
            process.kill()
            process.communicate()
            found = whole(root)
            assert found in (before, after)
            reached.add(found)
            if found == before:
                finish(*change)
                assert whole(root) == after
            assert bits(root / read(root).policy.path) == made
        assert reached == {before, after}
        shutil.rmtree(root)
        shutil.copytree(untouched, root)
