import json
from pathlib import Path

import numpy as np
import pytest
from retain.errors import MergeError
from retain.merge import merge

from .policies import (
    Weights,
    finetuned,
    read_weights,
    weights,
    write_pair,
    write_policy,
    write_weights,
)

WEIGHTS = "model.safetensors"


def shard(directory: Path, made: Weights, shards: int, dtype: str = "F32") -> Path:
    """A sharded checkpoint with an index."""
    directory.mkdir()
    names, weight_map = list(made), {}
    for number in range(shards):
        file = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        part = {name: made[name] for name in names[number::shards]}
        write_weights(directory / file, part, dtype)
        weight_map |= dict.fromkeys(part, file)
    total = sum(values.size * (8 if values.dtype.kind == "i" else 4) for values in made.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    (directory / "config.json").write_text(json.dumps({"type": "compact"}))
    return directory


def test_shards_change_nothing_but_the_files(tmp_path: Path) -> None:
    made = weights()
    tuned = finetuned(made)
    base, single = write_pair(tmp_path)
    merge(base, single, tmp_path / "merged", 0.4)
    one = read_weights(tmp_path / "merged" / WEIGHTS)
    base3 = shard(tmp_path / "base3", made, 3)
    for name, end in (("2", shard(tmp_path / "tuned2", tuned, 2)), ("1", single)):
        output = tmp_path / f"merged{name}"
        merge(base3, end, output, 0.4)
        files = sorted(output.glob("*.safetensors"))
        files = [file for file in files if file.name.startswith("model-")]
        assert [file.name for file in files] == [f"model-{n}-of-00003.safetensors" for n in ("00001", "00002", "00003")]
        assert (output / "model.safetensors.index.json").read_bytes() == (
            base3 / "model.safetensors.index.json"
        ).read_bytes()
        joined = {name: values for file in files for name, values in read_weights(file).items()}
        assert joined.keys() == one.keys()
        assert all(np.array_equal(joined[name], one[name]) for name in one)


def test_the_index_counts_the_bytes_of_a_new_dtype(tmp_path: Path) -> None:
    base = shard(tmp_path / "base", weights(), 2)
    merge(base, base, tmp_path / "merged", 0.0, dtype="bfloat16")
    index = json.loads((tmp_path / "merged" / "model.safetensors.index.json").read_text())
    expected = sum(values.size * (8 if values.dtype.kind == "i" else 2) for values in weights().values())
    assert index["metadata"]["total_size"] == expected


def test_the_order_of_tensors_at_the_finetuned_end_does_not_matter(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    reversed_order = dict(reversed(list(finetuned(weights()).items())))
    other = write_policy(tmp_path / "reversed", reversed_order)
    merge(base, tuned, tmp_path / "a", 0.5)
    merge(base, other, tmp_path / "b", 0.5)
    assert (tmp_path / "a" / WEIGHTS).read_bytes() == (tmp_path / "b" / WEIGHTS).read_bytes()


def test_sidecars_are_the_finetuned_ends_byte_for_byte(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    (tuned / "config.json").write_text('{"type": "compact", "device":   "cuda"}')
    (tuned / "assets" / "robot").mkdir(parents=True)
    (tuned / "assets" / "robot" / "notes.txt").write_bytes(b"\x00\xff")
    (tuned / "optimizer.pt").write_bytes(b"large and wrong for other weights")
    (tuned / "training").mkdir()
    (tuned / "training" / "resume.safetensors").write_bytes(b"as large as four policies")
    (tuned / "training_state").mkdir()
    (tuned / "training_state" / "step.json").write_text("{}")
    report = merge(base, tuned, tmp_path / "merged", 0.5)
    for file in ("config.json", "tokenizer.json", "policy_preprocessor.json", "assets/robot/notes.txt"):
        assert (tmp_path / "merged" / file).read_bytes() == (tuned / file).read_bytes()
    assert not (tmp_path / "merged" / "optimizer.pt").exists()
    assert not (tmp_path / "merged" / "training_state").exists()
    assert not (tmp_path / "merged" / "training").exists()
    assert report.differing_settings == ("device",)


def test_names_of_tied_tensors_are_kept(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    for end, made in ((base, weights()), (tuned, finetuned(weights()))):
        write_weights(end / WEIGHTS, made, "F32", {"format": "pt", "language.head.weight": "language.layer0.weight"})
    report = merge(base, tuned, tmp_path / "merged", 0.5, dtype="float16")
    assert report.tied == {"language.head.weight": "language.layer0.weight"}
    header = (tmp_path / "merged" / WEIGHTS).read_bytes()
    assert b'"language.head.weight":"language.layer0.weight"' in header


def test_an_end_that_stores_a_tied_tensor_under_its_other_name_is_matched(tmp_path: Path) -> None:
    head = "model.vlm_with_expert.vlm.lm_head.weight"
    embedding = "model.vlm_with_expert.vlm.model.text_model.embed_tokens.weight"
    values = np.linspace(-1, 1, 12).reshape(3, 4)
    base = write_policy(tmp_path / "base", {embedding: values}, config={"type": "smolvla"})
    tuned = write_policy(tmp_path / "finetuned", {head: values + 1}, config={"type": "smolvla"})
    report = merge(base, tuned, tmp_path / "merged", 0.5)
    assert report.tied == {embedding: head}
    merged = read_weights(tmp_path / "merged" / WEIGHTS)
    assert np.allclose(merged[embedding], values + 0.5, atol=1e-7)


@pytest.mark.parametrize("keep", ["base", "finetuned"])
def test_missing_keeps_one_ends_tensors_whole(tmp_path: Path, keep: str) -> None:
    made = weights()
    other = finetuned(made)
    made["action.only_base"] = np.ones(3)
    made["action.head"] = np.ones((2, 3))
    other["action.only_finetuned"] = np.zeros(3)
    other["action.head"] = np.zeros((2, 4))
    base = write_policy(tmp_path / "base", made)
    tuned = write_policy(tmp_path / "finetuned", other)
    report = merge(base, tuned, tmp_path / "merged", 0.5, missing=keep)  # type: ignore[arg-type]
    merged, kept = read_weights(tmp_path / "merged" / WEIGHTS), read_weights((tmp_path / keep) / WEIGHTS)
    assert merged.keys() == kept.keys()
    assert set(report.kept) == {f"action.only_{keep}", "action.head"}
    assert all(np.array_equal(merged[name], kept[name]) for name in report.kept)
    assert len(report.dropped) == 1
    assert any("alone" in warning for warning in report.warnings)


def test_bare_files_merge_into_a_directory(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    report = merge(base / WEIGHTS, tuned / WEIGHTS, tmp_path / "merged", {"default": 0.5, "vision": 1.0})
    assert report.family == "compact"  # known by its names
    assert sorted(file.name for file in (tmp_path / "merged").iterdir()) == ["merge_report.json", WEIGHTS]
    with pytest.raises(MergeError, match=r"the output is a directory.*-o merged$"):
        merge(base / WEIGHTS, tuned / WEIGHTS, tmp_path / "merged.safetensors", 0.5)
