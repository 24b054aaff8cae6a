import shutil

import pytest
from retain.evaluate.source import ExpertSource, InterpolatedSource, PolicySource, alpha_pairs
from retain.evaluate.travel import directories, moved, read, write


def test_a_policy_arrives_with_the_same_files_and_decides_alike(policy_directory, tmp_path):
    write(read(policy_directory), tmp_path / "there")
    source = PolicySource(policy_directory, 3)
    arrived = moved(source, {policy_directory: tmp_path / "there"})
    assert arrived == PolicySource(tmp_path / "there", 3)
    assert arrived.fingerprint() == source.fingerprint()
    for name in ("config.json", "model.safetensors"):
        assert (arrived.path / name).read_bytes() == (policy_directory / name).read_bytes()


def test_a_policy_between_two_travels_with_both(policy_directory, finetuned_directory, tmp_path):
    source = InterpolatedSource(policy_directory, finetuned_directory, alpha_pairs(0.5))
    assert directories(source) == [policy_directory, finetuned_directory]
    places = {policy_directory: tmp_path / "0", finetuned_directory: tmp_path / "1"}
    assert moved(source, places) == InterpolatedSource(tmp_path / "0", tmp_path / "1", alpha_pairs(0.5))


def test_what_has_no_files_stays_as_it_is():
    assert directories(ExpertSource()) == []
    assert moved(ExpertSource(), {}) == ExpertSource()


@pytest.mark.parametrize("name", ["training/resume.safetensors", ".cache/large", ".hidden"])
def test_training_state_and_hidden_files_stay_at_home(policy_directory, tmp_path, name):
    copy = shutil.copytree(policy_directory, tmp_path / "policy")
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_bytes(b"large")
    assert set(read(copy)) == set(read(policy_directory))


def test_folders_and_empty_files_travel(tmp_path):
    (tmp_path / "here" / "deep").mkdir(parents=True)
    (tmp_path / "here" / "deep" / "empty").touch()
    write(read(tmp_path / "here"), tmp_path / "there")
    assert (tmp_path / "there" / "deep" / "empty").read_bytes() == b""
