"""A merged policy is checked byte by byte against its report and its inputs."""

import json
from pathlib import Path
from typing import Any

import pytest
from retain.errors import CheckpointError, MergeError
from retain.merge import REPORT_FILE, merge
from retain.merge.verify import verify

from .adapters import write_adapter
from .policies import file_bytes, weights, write_pair, write_policy

WEIGHTS = "model.safetensors"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"dtype": "float16"},
        {"method": "ties"},
        {"method": "dare_linear", "seed": 5},
        {"rounding": "stochastic", "dtype": "bfloat16"},
        {"method": "slerp", "depth": (0.5, 1.0)},
        {"alpha_map": {"action.*": 1.0}},
        {"hashing": False},
    ],
)
def test_what_was_just_merged_verifies(tmp_path: Path, options: dict[str, Any]) -> None:
    base, tuned = write_pair(tmp_path, "BF16" if "rounding" not in options else "F32")
    merge(base, tuned, tmp_path / "merged", 0.4, sync=False, **options)
    before = file_bytes(tmp_path)
    found = verify(tmp_path / "merged")
    assert found.recomputed
    assert found.problems == ()
    assert bool(found.remarks) == ("hashing" in options)
    assert file_bytes(tmp_path) == before


def test_an_adapter_merge_verifies(tmp_path: Path) -> None:
    base = write_policy(tmp_path / "base", weights())
    write_adapter(tmp_path / "adapter", {"action.layer0": (40, 7)})
    merge(base, tmp_path / "adapter", tmp_path / "merged", 0.4)
    assert verify(tmp_path / "merged").problems == ()


def test_a_configuration_that_the_copy_settles_verifies(tmp_path: Path) -> None:
    base = write_policy(tmp_path / "base", weights())
    tuned = write_policy(tmp_path / "finetuned", weights(1), config={"use_peft": True})
    merge(base, tuned, tmp_path / "merged", 0.4)
    assert json.loads((tmp_path / "merged/config.json").read_text())["use_peft"] is False
    assert verify(tmp_path / "merged").problems == ()


def test_one_changed_bit_is_found_and_named(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    for hashing, sentence in ((True, "its SHA-256 is not the report's"), (False, r"1 tensors are not what this merge")):
        merge(base, tuned, tmp_path / "merged", 0.4, hashing=hashing, force=True)
        file = tmp_path / "merged" / WEIGHTS
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
        (problem,) = verify(tmp_path / "merged").problems
        assert sentence in problem


def test_another_header_size_or_sidecar_is_found(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    merge(base, tuned, tmp_path / "merged", 0.4, hashing=False)
    (tmp_path / "merged" / "config.json").write_text("{}")
    assert any("config.json differs from the one in" in text for text in verify(tmp_path / "merged").problems)
    file = tmp_path / "merged" / WEIGHTS
    file.write_bytes(file.read_bytes() + b"x")
    assert any("bytes instead of" in text for text in verify(tmp_path / "merged").problems)
    file.unlink()
    assert any("is missing" in text for text in verify(tmp_path / "merged").problems)


def test_an_input_that_is_not_the_merged_one_is_found(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    merge(base, tuned, tmp_path / "merged", {"default": 0.5, "vision": 0.0})
    # A bit of the finetuned end that alpha 0 does not use: the output is still right, the file is not.
    file = tuned / WEIGHTS
    content = bytearray(file.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    content[start] ^= 1
    file.write_bytes(content)
    (problem,) = verify(tmp_path / "merged").problems
    assert problem.endswith("is not the file that was merged: its SHA-256 is not the report's")


def test_moved_inputs_can_be_named_and_missing_ones_are_said(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    merge(base, tuned, tmp_path / "merged", 0.4)
    base.rename(tmp_path / "elsewhere")
    found = verify(tmp_path / "merged")
    assert not found.recomputed
    assert found.problems == ()
    assert "base is not there, so the merge was not recomputed" in found.remarks[0]
    assert verify(tmp_path / "merged", base=tmp_path / "elsewhere").recomputed


def test_what_cannot_be_verified_is_one_sentence(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    with pytest.raises(CheckpointError, match=r"has no merge_report\.json"):
        verify(base)
    with pytest.raises(CheckpointError, match="is not a directory"):
        verify(tmp_path / "nowhere")
    merge(base, tuned, tmp_path / "merged", 0.4)
    report = tmp_path / "merged" / REPORT_FILE
    report.write_text(json.dumps({**json.loads(report.read_text()), "schema_version": 1}))
    with pytest.raises(MergeError, match="has the schema 1, this version writes 2"):
        verify(tmp_path / "merged")
