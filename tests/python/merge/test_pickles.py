"""Torch files as ends: read in place, behind an explicit flag, and written as safetensors."""

import json
from pathlib import Path

import numpy as np
import pytest
from retain.errors import CheckpointError
from retain.merge import merge
from retain.merge.verify import verify

from .policies import finetuned, read_weights, weights

torch = pytest.importorskip("torch")

WEIGHTS = "model.safetensors"


def save(place: Path, made: dict[str, np.ndarray], shards: int = 1) -> Path:
    """A Hugging Face directory of pickles."""
    place.mkdir()
    (place / "config.json").write_text('{"type": "compact"}')
    tensors = {name: torch.from_numpy(np.array(values)) for name, values in made.items()}
    if shards == 1:
        torch.save(tensors, place / "pytorch_model.bin")
        return place
    names = list(tensors)
    weight_map = {}
    for number in range(shards):
        file = f"pytorch_model-{number + 1:05d}-of-{shards:05d}.bin"
        part = {name: tensors[name] for name in names[number::shards]}
        torch.save(part, place / file)
        weight_map |= dict.fromkeys(part, file)
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (place / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    return place


@pytest.mark.parametrize("shards", [1, 2])
def test_pickles_are_merged_with_leave_and_become_safetensors(tmp_path: Path, shards: int) -> None:
    made = weights()
    tuned = finetuned(made)
    base, end = save(tmp_path / "base", made, shards), save(tmp_path / "tuned", tuned, shards)
    with pytest.raises(CheckpointError, match="pickle"):
        merge(base, end, tmp_path / "merged", 0.5)
    merge(base, end, tmp_path / "merged", 0.5, allow_pickle=True)
    files = sorted((tmp_path / "merged").glob("*.safetensors"))
    names = [WEIGHTS] if shards == 1 else [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    assert [file.name for file in files] == names
    merged = {name: values for file in files for name, values in read_weights(file).items()}
    for name, values in made.items():
        assert np.allclose(merged[name], values + 0.5 * (tuned[name] - values), rtol=0, atol=1e-15)
    if shards > 1:
        index = json.loads((tmp_path / "merged" / "model.safetensors.index.json").read_text())
        assert set(index["weight_map"].values()) == set(names)
        assert index["metadata"]["total_size"] == sum(values.nbytes for values in made.values())
    assert verify(tmp_path / "merged").problems == ()
    merge(tmp_path / "merged", tmp_path / "merged", tmp_path / "again", 0.5)  # the result needs no leave
