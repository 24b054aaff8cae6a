"""Skill after skill with a ledger, and a skill taken out again."""

import json
from pathlib import Path

import numpy as np
import pytest
from retain.errors import CheckpointError, MergeError
from retain.merge import merge
from retain.merge.ledger import LEDGER_FILE, read_ledger
from retain.merge.sequence import add_skill, subtract_skill

from .policies import finetuned, read_weights, weights, write_policy

WEIGHTS = "model.safetensors"
ALPHAS = (0.5, {"vision": 1.0, "default": 0.25}, 0.75)


@pytest.fixture
def three_skills(tmp_path: Path) -> Path:
    """base → after0 → after1 → after2, each finetuned from the one before."""
    write_policy(tmp_path / "base", weights(), "F64")
    start = tmp_path / "base"
    for number, alpha in enumerate(ALPHAS):
        write_policy(
            tmp_path / f"skill{number}", finetuned(read_weights(start / WEIGHTS), seed=number + 1, size=0.1), "F64"
        )
        add_skill(start, tmp_path / f"skill{number}", tmp_path / f"after{number}", alpha, sync=False)
        start = tmp_path / f"after{number}"
    return tmp_path


def test_each_step_is_equation_four(three_skills: Path) -> None:
    p, f, m = (read_weights(three_skills / name / WEIGHTS) for name in ("after1", "skill2", "after2"))
    for name, values in p.items():
        if values.dtype.kind == "f":
            assert np.allclose(m[name], 0.25 * values + 0.75 * f[name], rtol=0, atol=1e-15)


def test_the_ledger_tells_what_was_merged(three_skills: Path) -> None:
    ledger = read_ledger(three_skills / "after2")
    assert ledger is not None
    assert ledger.names == ["skill0", "skill1", "skill2"]
    assert ledger.skills[1].alpha == {"vision": 1.0, "language": 0.25, "action": 0.25}
    assert Path(ledger.skills[1].start.path) == three_skills / "after0"
    assert ledger.skills[1].finetuned.files[WEIGHTS]["sha256"] is not None
    assert read_ledger(three_skills / "base") is None


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_skill_taken_out_leaves_the_sum_of_the_others(three_skills: Path, number: int) -> None:
    subtract_skill(three_skills / "after2", f"skill{number}", three_skills / "without", sync=False)
    shares = []
    starts = ["base", "after0", "after1"]
    for start, end in zip(starts, ["after0", "after1", "after2"], strict=True):
        p, m = (read_weights(three_skills / name / WEIGHTS) for name in (start, end))
        shares.append({name: m[name] - p[name] for name in p})
    base, found = (read_weights(three_skills / name / WEIGHTS) for name in ("base", "without"))
    for name, values in base.items():
        wanted = values + sum(share[name] for other, share in enumerate(shares) if other != number)
        assert np.allclose(found[name], wanted, rtol=0, atol=1e-14)
    ledger = read_ledger(three_skills / "without")
    assert ledger is not None
    assert ledger.names == [f"skill{other}" for other in range(3) if other != number]


def test_taking_out_the_last_skill_gives_the_policy_before(three_skills: Path) -> None:
    subtract_skill(three_skills / "after2", "skill2", three_skills / "without", sync=False)
    found, before = (read_weights(three_skills / name / WEIGHTS) for name in ("without", "after1"))
    assert all(np.allclose(found[name], before[name], rtol=0, atol=1e-15) for name in found)


def test_a_skill_is_taken_out_once(three_skills: Path) -> None:
    subtract_skill(three_skills / "after2", "skill0", three_skills / "without", sync=False)
    with pytest.raises(MergeError, match="no skill 'skill0' was merged into this policy; it has skill1, skill2"):
        subtract_skill(three_skills / "without", "skill0", three_skills / "again")
    with pytest.raises(MergeError, match="has no ledger; only skills that were merged with --continue"):
        subtract_skill(three_skills / "base", "skill0", three_skills / "again")


def test_files_that_changed_are_not_subtracted(three_skills: Path) -> None:
    tuned = three_skills / "skill1" / WEIGHTS
    tuned.write_bytes(tuned.read_bytes()[:-1] + b"\x01")
    with pytest.raises(CheckpointError, match="is not the file that was merged: its SHA-256 is not the ledger's"):
        subtract_skill(three_skills / "after2", "skill1", three_skills / "without")
    (three_skills / "skill0").rename(three_skills / "moved")
    with pytest.raises(CheckpointError, match="skill0, which the ledger names, is not there"):
        subtract_skill(three_skills / "after2", "skill0", three_skills / "without")
    subtract_skill(three_skills / "after2", "skill0", three_skills / "without", finetuned=three_skills / "moved")
    assert (three_skills / "without").is_dir()


def test_names_are_unique_and_other_methods_are_not_taken_out(three_skills: Path) -> None:
    with pytest.raises(MergeError, match="holds a skill 'skill2' already; give this one another name with --skill"):
        add_skill(three_skills / "after2", three_skills / "skill2", three_skills / "again", 0.5)
    add_skill(
        three_skills / "after2", three_skills / "skill2", three_skills / "trimmed", 0.5, name="trimmed", method="ties"
    )
    with pytest.raises(MergeError, match="trimmed was merged by ties, which does not add up"):
        subtract_skill(three_skills / "trimmed", "trimmed", three_skills / "without")


def test_a_plain_merge_does_not_copy_a_ledger_that_is_not_its_own(three_skills: Path) -> None:
    merge(three_skills / "base", three_skills / "after1", three_skills / "plain", 0.5)
    assert not (three_skills / "plain" / LEDGER_FILE).exists()


def test_a_ledger_of_another_version_is_refused(three_skills: Path) -> None:
    file = three_skills / "after0" / LEDGER_FILE
    file.write_text(json.dumps({"schema_version": 99, "skills": []}))
    with pytest.raises(CheckpointError, match="has the schema 99, this version reads 1"):
        read_ledger(three_skills / "after0")
    file.write_text(json.dumps({"schema_version": 1, "skills": [{"name": 3}]}))
    with pytest.raises(CheckpointError, match="is not a ledger"):
        read_ledger(three_skills / "after0")
