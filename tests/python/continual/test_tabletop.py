"""The gate's exam on real episodes: the same for both policies, and none is done twice."""

import pytest
from retain.continual import Gate, Lesson, Workshop, add, create, read
from retain.continual.check import check
from retain.continual.tabletop import TabletopExam
from retain.errors import ContinualError, EvaluationError
from retain.finetune.configuration import TrainingConfig

from .brought import begin
from .conftest import SKILLS

CONFIG = TrainingConfig(steps=2, batch_size=8, warmup=1, ema=0.5)
N = 2


@pytest.fixture(scope="module")
def line(base, demonstrations, tmp_path_factory):
    """Two skills, the second of which passed the gate."""
    root = tmp_path_factory.mktemp("line") / "line"
    create(base, root, "anchored")
    counted = []
    shop = Workshop(threads=1, say=lambda _: None, warn=lambda _: None)
    for skill in SKILLS[:2]:
        gate = Gate(TabletopExam(root, N, progress=counted.append), 100)
        add(root, Lesson(skill, skill, demonstrations[skill], config=CONFIG), gate=gate, workshop=shop)
    # Generalist and new skill for the first; generalist, old and new skill for the second; two policies each.
    assert sum(counted) == N * 2 * (2 + 3)
    return root


def test_generalist_and_every_skill_are_measured_on_the_same_episodes(line):
    first, second = read(line).skills
    assert [(loss["name"], loss["n"]) for loss in first.gate["losses"]] == [("generalist", N)]
    assert [loss["name"] for loss in second.gate["losses"]] == ["generalist", SKILLS[0]]
    assert second.gate["learnt"]["name"] == SKILLS[1]


def test_outcomes_are_kept_so_that_a_policy_is_measured_once(line):
    exam = TabletopExam(line, N)
    policy = line / read(line).policy.path
    files = {path: path.read_bytes() for path in (line / "measurements").iterdir()}
    first = exam.marks([policy], None)[0]
    assert first.tolist() == exam.marks([policy], None)[0].tolist()
    assert {path: path.read_bytes() for path in (line / "measurements").iterdir()} == files


def test_the_check_compares_with_the_base_and_with_every_skills_first_day(line):
    verdict = check(line, TabletopExam(line, N), 100)
    assert verdict.accepted
    assert [loss.name for loss in verdict.losses] == ["generalist", SKILLS[0]]
    assert verdict.learnt is not None  # the newest has not changed since
    assert (verdict.learnt.name, verdict.learnt.value) == (SKILLS[1], 0)


def test_what_the_tabletop_cannot_measure_is_said_before_training(line, demonstrations, tmp_path):
    exam = TabletopExam(line, N)
    with pytest.raises(ContinualError, match=r"cannot measure 'make tea' on the tabletop .*; give --score"):
        add(line, Lesson("tea", "make tea", demonstrations[SKILLS[2]]), gate=Gate(exam, 5))
    root = begin(tmp_path, "parallel")
    with pytest.raises(ContinualError, match=r"cannot measure .*/base on the tabletop .*; give --score"):
        TabletopExam(root, N).check(tmp_path / "base", ["reach the red block"])
    with pytest.raises(EvaluationError, match="n = 0"):
        TabletopExam(line, 0).marks([line / read(line).policy.path], None)
