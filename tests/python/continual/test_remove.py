"""A skill taken out: what remains is what the formulas say, and the bits of a line that never had it where promised."""

import shutil

import numpy as np
import pytest
from retain.continual import Gate, merge_line, read, remove
from retain.continual.exam import ScoreExam
from retain.continual.store import state_of
from retain.errors import ContinualError

from .brought import ALPHAS, SKILLS, begin, bits, bring, file_bytes, floats, quiet

METHODS = ("anchored", "sequential", "parallel")


def made(folder, method, skills=3):
    root = begin(folder, method)
    for number in range(skills):
        bring(root, number)
    return root


def policy(root):
    return state_of(read(root), root).policy


@pytest.mark.parametrize("method", METHODS)
def test_taking_out_the_newest_gives_the_policy_before_bit_for_bit(tmp_path, method):
    root = begin(tmp_path, method)
    before = []
    for number in range(3):
        before.append(bits(policy(root)))
        bring(root, number)
    for number in (2, 1, 0):
        remove(root, SKILLS[number], workshop=quiet())
        assert bits(policy(root)) == before[number]
    assert read(root).policy == read(root).base
    assert read(root).present == ()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_parallel_line_without_a_skill_is_one_that_never_had_it(tmp_path, number):
    root = made(tmp_path, "parallel")
    remove(root, SKILLS[number], workshop=quiet())
    others = [other for other in range(3) if other != number]
    merge_line(
        tmp_path / "base", [tmp_path / f"end{other}" for other in others], [ALPHAS[other] for other in others],
        "parallel", tmp_path / "never", sync=False,
    )  # fmt: skip
    assert bits(policy(root)) == bits(tmp_path / "never")


@pytest.mark.parametrize("number", [0, 1])
def test_an_older_skill_of_a_sequence_is_subtracted(tmp_path, number):
    root = made(tmp_path, "sequential")
    line = read(root)
    merged = floats(policy(root))
    taught = line.skills[number]
    start, end = (floats(root.resolve() / record.path) for record in (taught.start, taught.finetuned))
    remove(root, SKILLS[number], workshop=quiet())
    for name, values in floats(policy(root)).items():
        wanted = merged[name] - ALPHAS[number] * (end[name] - start[name])
        assert np.allclose(values, wanted, rtol=0, atol=1e-14)


def test_after_a_subtraction_the_newest_is_subtracted_too(tmp_path):
    root = made(tmp_path, "sequential")
    base = floats(tmp_path / "base")
    for name in ("drawer", "lamp", "cup"):
        remove(root, name, workshop=quiet())
    assert all(np.allclose(values, base[name], rtol=0, atol=1e-13) for name, values in floats(policy(root)).items())
    assert read(root).changes[-3:] == ("004-remove-drawer", "005-remove-lamp", "006-remove-cup")


def test_an_older_skill_of_an_anchored_line_is_not_taken_out_by_pretending(tmp_path):
    root = made(tmp_path, "anchored")
    before = file_bytes(root)
    with pytest.raises(ContinualError, match=r"'cup', 'lamp' learnt on top of 'drawer'.*line 'drawer' --retrain"):
        remove(root, "drawer", workshop=quiet())
    with pytest.raises(ContinualError, match="'cup' was finetuned elsewhere, so it cannot be trained again here"):
        remove(root, "drawer", retrain=True, workshop=quiet())
    assert file_bytes(root) == before


@pytest.mark.parametrize("method", METHODS)
def test_a_name_is_free_again_and_the_line_goes_on(tmp_path, method):
    root = made(tmp_path, method)
    remove(root, "lamp", workshop=quiet())
    assert bring(root, 3).made
    shutil.rmtree(tmp_path / "end2")
    bring(root, 2)
    assert [skill.name for skill in read(root).present] == ["drawer", "cup", "door", "lamp"]
    with pytest.raises(ContinualError, match="there is no skill 'box'"):
        remove(root, "box", workshop=quiet())


@pytest.mark.parametrize("method", METHODS)
def test_a_removal_that_costs_the_others_is_refused(tmp_path, method):
    root = made(tmp_path, method, skills=2)
    before = (root / "line.json").read_bytes()
    old = policy(root)
    exam = ScoreExam(lambda place, skill: 1.0 if place == old else 0.0, by_skill=True)
    change = remove(root, "cup", gate=Gate(exam, 0.5), workshop=quiet())
    assert not change.made
    assert change.verdict.reasons == ("drawer: 1 → 0, a loss of 1, and 0.5 are allowed",)
    assert (root / "line.json").read_bytes() == before
    assert remove(root, "cup", gate=Gate(exam, 0.5), force=True, workshop=quiet()).made
    assert [skill.name for skill in read(root).present] == ["drawer"]


def test_what_was_changed_since_is_not_used(tmp_path):
    root = made(tmp_path, "parallel")
    file = tmp_path / "end0" / "model.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[:-41] + b"\x40" + data[-40:])  # one bit of action.scale, before five integers
    with pytest.raises(ContinualError, match="end0 was changed since the line recorded it"):
        remove(root, "cup", workshop=quiet())
    assert [skill.name for skill in read(root).present] == list(SKILLS[:3])
    assert not (root / "changes" / "004-remove-cup" / "policy").exists()
