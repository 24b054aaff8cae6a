import json
from pathlib import Path

import numpy as np
import pytest
from retain.checkpoint import open_checkpoint, read_statistics, sha256_files
from retain.errors import CheckpointError
from safetensors.numpy import save_file

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def write_shards(directory: Path, *, index: bool = True) -> Path:
    directory.mkdir(exist_ok=True)
    for number, shard in enumerate(SHARDS):
        save_file({f"layer{number}": np.ones((2, 2), np.float32)}, directory / shard)
    if index:
        weight_map = {f"layer{number}": shard for number, shard in enumerate(SHARDS)}
        (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return directory


def write_single(directory: Path, **files: str) -> Path:
    directory.mkdir(exist_ok=True)
    save_file({"w": np.ones(3, np.float32)}, directory / "model.safetensors")
    for name, text in files.items():
        (directory / name.replace("__", ".")).write_text(text)
    return directory


@pytest.mark.parametrize("index", [True, False])
def test_shards_are_one_checkpoint(tmp_path: Path, index: bool) -> None:
    checkpoint = open_checkpoint(write_shards(tmp_path, index=index))
    assert list(checkpoint.tensors) == ["layer0", "layer1"]
    assert [header.file.name for header in checkpoint.headers] == list(SHARDS)
    assert checkpoint.sidecars == ()


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ('{"type": "act"}', "lerobot"),
        ('{"model_type": "openvla"}', "huggingface"),
        ('{"paligemma_variant": "gemma_2b"}', "openpi"),
        ("{}", "directory"),
    ],
)
def test_layouts_are_told_apart(tmp_path: Path, config: str, kind: str) -> None:
    checkpoint = open_checkpoint(write_single(tmp_path, config__json=config))
    assert (checkpoint.kind, checkpoint.sidecars) == (kind, (Path("config.json"),))


def test_a_bare_file_has_no_sidecars(tmp_path: Path) -> None:
    write_single(tmp_path, config__json="{}")
    checkpoint = open_checkpoint(tmp_path / "model.safetensors")
    assert (checkpoint.kind, checkpoint.sidecars) == ("file", ())


def test_a_directory_of_links_is_read_like_files(tmp_path: Path) -> None:
    blobs = write_single(tmp_path / "blobs", config__json='{"type": "act"}')
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for file in blobs.iterdir():
        (snapshot / file.name).symlink_to(file)
    assert open_checkpoint(snapshot).sidecars == (Path("config.json"),)


def refuse(path: Path, match: str) -> None:
    with pytest.raises(CheckpointError, match=match):
        open_checkpoint(path)


def test_what_is_not_a_checkpoint_is_said_so(tmp_path: Path) -> None:
    refuse(tmp_path / "absent", "does not exist; give a policy directory")
    refuse(tmp_path, "is not a policy: it has neither model.safetensors nor a shard index")
    (tmp_path / "notes.safetensors").write_bytes(b"")
    (tmp_path / "more.safetensors").write_bytes(b"")
    refuse(tmp_path, r"several weight files and no index \(more.safetensors, notes.safetensors\)")
    (tmp_path / ("x" * 255)).mkdir()
    refuse(tmp_path / ("x" * 255) / ("y" * 256), "cannot read .* File name too long")


def test_incomplete_or_lying_shards_are_refused(tmp_path: Path) -> None:
    index = write_shards(tmp_path) / "model.safetensors.index.json"

    def rewrite(**weight_map: str) -> None:
        index.write_text(json.dumps({"weight_map": weight_map}))

    rewrite(layer0=SHARDS[0], layer1=SHARDS[0])
    refuse(tmp_path, "lists 'layer1', which .* does not hold")
    rewrite(layer0=SHARDS[0], layer1=SHARDS[1], layer2=SHARDS[1])
    refuse(tmp_path, "lists 'layer2'")
    rewrite(layer0=SHARDS[1], layer1=SHARDS[0])
    refuse(tmp_path, "puts 'layer0' in model-00002.*, but it is in model-00001")
    rewrite(layer0="../secret.safetensors")
    refuse(tmp_path, "is not a file beside it")
    rewrite(layer0="x" * 300)
    refuse(tmp_path, "which is missing")
    rewrite(layer0="model\x00.safetensors")
    refuse(tmp_path, r"names 'model.x00.safetensors', which is not a file beside it")
    rewrite(layer0="model-00003-of-00003.safetensors")
    refuse(tmp_path, "which is missing")
    index.write_text("{")
    refuse(tmp_path, "is not JSON")
    index.write_text('{"weight_map": {}}')
    refuse(tmp_path, "has no weight_map")
    index.unlink()
    (tmp_path / SHARDS[0]).unlink()
    refuse(tmp_path, r"has 1 of 2 shards; missing are \[1\]")


def test_a_tensor_in_two_shards_is_refused(tmp_path: Path) -> None:
    write_shards(tmp_path, index=False)
    save_file({"layer0": np.ones(1, np.float32)}, tmp_path / SHARDS[1])
    refuse(tmp_path, "layer0. is both in")


def test_a_rewritten_file_is_noticed(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(write_single(tmp_path))
    checkpoint.check_unchanged()
    save_file({"w": np.zeros(3, np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="was changed while it was being read"):
        checkpoint.check_unchanged()


def test_statistics_are_found_in_openpi_assets(tmp_path: Path) -> None:
    write_single(tmp_path)
    (tmp_path / "assets" / "droid").mkdir(parents=True)
    statistics = {"norm_stats": {"actions": {"mean": [1.0, 2.0], "std": [3.0, 4.0]}, "kind": "quantile"}}
    (tmp_path / "assets" / "droid" / "norm_stats.json").write_text(json.dumps(statistics))
    found = read_statistics(open_checkpoint(tmp_path))
    assert found is not None
    assert {name.partition("norm_stats.actions.")[2]: list(value) for name, value in found.values.items()} == {
        "mean": [1.0, 2.0], "std": [3.0, 4.0],
    }  # fmt: skip


def test_a_missing_statistics_file_is_an_error(tmp_path: Path) -> None:
    step = {"registry_name": "normalizer_processor", "state_file": "gone.safetensors"}
    write_single(tmp_path, policy_preprocessor__json=json.dumps({"steps": [step]}))
    with pytest.raises(CheckpointError, match=r"names 'gone\.safetensors', which is missing"):
        read_statistics(open_checkpoint(tmp_path))


def test_hashes_are_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    (tmp_path / "empty").write_bytes(b"")
    assert sha256_files([tmp_path / "abc", tmp_path / "empty", tmp_path / "abc"], 2) == {
        tmp_path / "abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        tmp_path / "empty": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
    with pytest.raises(CheckpointError, match="cannot read"):
        sha256_files([tmp_path / "absent"], 1)
