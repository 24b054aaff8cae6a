import json
from pathlib import Path

import pytest
from retain.checkpoint import open_checkpoint, safetensors_index, safetensors_names

torch = pytest.importorskip("torch")


def test_files_by_themselves_become_one_file_of_the_usual_name(tmp_path: Path) -> None:
    for name in ("action_head--5000_checkpoint.pt", "pytorch_model.bin"):
        torch.save({"w": torch.ones(2)}, tmp_path / name)
        checkpoint = open_checkpoint(tmp_path / name, allow_pickle=True)
        assert (safetensors_names(checkpoint), safetensors_index(checkpoint)) == (("model.safetensors",), None)
    (tmp_path / "action_head--5000_checkpoint.pt").unlink()
    assert safetensors_names(open_checkpoint(tmp_path, allow_pickle=True)) == ("model.safetensors",)


def test_shards_keep_their_numbers_and_the_index_names_the_new_files(tmp_path: Path) -> None:
    shards = [f"pytorch_model-{number}-of-00002.bin" for number in ("00001", "00002")]
    for number, shard in enumerate(shards):
        torch.save({f"layer{number}": torch.ones(2)}, tmp_path / shard)
    weight_map = {f"layer{number}": shard for number, shard in enumerate(shards)}
    document = {"metadata": {"total_size": 16}, "weight_map": weight_map}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(document))
    checkpoint = open_checkpoint(tmp_path, allow_pickle=True)
    names = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    assert safetensors_names(checkpoint) == names
    assert safetensors_index(checkpoint) == (
        "model.safetensors.index.json",
        {"metadata": {"total_size": 16}, "weight_map": {"layer0": names[0], "layer1": names[1]}},
    )


def test_what_is_safetensors_keeps_its_names(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"w": torch.ones(2)}, tmp_path / "policy-00001-of-00001.safetensors")
    index = {"weight_map": {"w": "policy-00001-of-00001.safetensors"}}
    (tmp_path / "policy.safetensors.index.json").write_text(json.dumps(index))
    checkpoint = open_checkpoint(tmp_path)
    assert safetensors_names(checkpoint) == ("policy-00001-of-00001.safetensors",)
    assert safetensors_index(checkpoint) == ("policy.safetensors.index.json", index)
