"""Merging into a live module is merging to a file and loading it."""

from pathlib import Path

import numpy as np
import pytest
from retain.errors import MergeError
from retain.merge import merge

from .policies import finetuned, weights, write_pair, write_policy

torch = pytest.importorskip("torch")

from retain.merge.into import into  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

WEIGHTS = "model.safetensors"


def module_of(file: Path, dtype: "torch.dtype | None" = None) -> "torch.nn.Module":
    """A module with the tensors of a file under their names, filled with ones."""
    root = torch.nn.Module()
    for name, tensor in load_file(file).items():
        *path, last = name.split(".")
        place = root
        for part in path:
            if not hasattr(place, part):
                place.add_module(part, torch.nn.Module())
            place = getattr(place, part)
        blank = torch.ones_like(tensor)
        if tensor.is_floating_point():
            blank = blank if dtype is None else blank.to(dtype)
            place.register_parameter(last, torch.nn.Parameter(blank))
        else:
            place.register_buffer(last, blank)
    return root


@pytest.mark.parametrize("dtype", ["BF16", "F32", "F64"])
@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0, {"vision": 1.0, "default": 0.3}])
def test_it_equals_the_file_bit_for_bit(tmp_path: Path, dtype: str, alpha: float) -> None:
    base, tuned = write_pair(tmp_path, dtype)
    module = module_of(base / WEIGHTS)
    addresses = {name: tensor.data_ptr() for name, tensor in module.state_dict().items()}
    found = into(module, base, tuned, alpha)
    report = merge(base, tuned, tmp_path / "merged", alpha)
    for name, tensor in load_file(tmp_path / "merged" / WEIGHTS).items():
        assert torch.equal(module.state_dict()[name], tensor)
    assert {name: tensor.data_ptr() for name, tensor in module.state_dict().items()} == addresses
    assert found.components == report.components


def test_the_modules_own_dtype_is_kept(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path, "BF16")
    module = module_of(base / WEIGHTS, torch.float32)
    into(module, base, tuned, 0.3)
    merge(base, tuned, tmp_path / "merged", 0.3, dtype="float32")
    for name, tensor in load_file(tmp_path / "merged" / WEIGHTS).items():
        assert torch.equal(module.state_dict()[name], tensor)


def test_tensors_that_are_not_contiguous_are_filled_too(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    module = module_of(base / WEIGHTS)
    layer = module.vision.layer0
    layer.weight = torch.nn.Parameter(torch.ones(7, 40).t())
    into(module, base, tuned, 0.5)
    merge(base, tuned, tmp_path / "merged", 0.5)
    assert torch.equal(layer.weight, load_file(tmp_path / "merged" / WEIGHTS)["vision.layer0.weight"])


def test_tied_tensors_are_written_once(tmp_path: Path) -> None:
    made = weights()
    base, tuned = write_policy(tmp_path / "base", made), write_policy(tmp_path / "tuned", finetuned(made))
    module = module_of(base / WEIGHTS)
    module.language.add_module("head", torch.nn.Module())
    module.language.head.weight = module.language.layer0.weight
    into(module, base, tuned, 0.5)
    assert torch.equal(module.state_dict()["language.head.weight"], module.state_dict()["language.layer0.weight"])


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    module = module_of(base / WEIGHTS)
    module.action.add_module("more", torch.nn.Linear(2, 2))
    with pytest.raises(MergeError, match=r"the checkpoint has no action\.more\.weight \(2 such tensors"):
        into(module, base, tuned, 0.5)
    module = module_of(base / WEIGHTS)
    del module.action.layer0.weight
    with pytest.raises(MergeError, match=r"the module has no tensor action\.layer0\.weight"):
        into(module, base, tuned, 0.5)
    module = module_of(base / WEIGHTS)
    module.action.layer0.weight = torch.nn.Parameter(torch.ones(3, 7))
    with pytest.raises(MergeError, match=r"\[3, 7\] in the module and \[40, 7\] in the checkpoint"):
        into(module, base, tuned, 0.5)


def test_nan_is_refused_by_name(tmp_path: Path) -> None:
    made = weights()
    broken = finetuned(made)
    broken["action.scale"] = np.asarray(np.inf)
    base, tuned = write_policy(tmp_path / "base", made), write_policy(tmp_path / "tuned", broken)
    with pytest.raises(MergeError, match=r"action\.scale.*the module's weights are undefined now"):
        into(module_of(base / WEIGHTS), base, tuned, 0.5)
