"""π0 and π0.5 from LeRobot's directory to the C++ engine: merged at two α with one graph, stored in bfloat16."""

import numpy as np
import pytest
import torch
from retain.bundle import Bundle
from retain.errors import PolicyError
from retain.export.export import export_policy, merge_export
from retain.policy import load_policy
from safetensors.torch import load_file, save_file

from ..policy.pi0 import tiny  # noqa: TID252 (tests are no package that could be named)
from ..policy.pi0.lerobot_files import adopt_pi0  # noqa: TID252
from .both_chunks import both_chunks


@pytest.fixture(scope="module", params=tiny.FAMILIES)
def ends(request, tmp_path_factory):
    torch.set_num_threads(1)
    directory = tmp_path_factory.mktemp(request.param)
    base, finetuned = tiny.policy(request.param), tiny.policy(request.param)
    with torch.no_grad():
        for parameter in finetuned.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)))
    return tuple(
        adopt_pi0(policy, directory / name, torch.bfloat16)
        for policy, name in ((base, "base"), (finetuned, "finetuned"))
    )


@pytest.fixture(scope="module")
def bundle(ends, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "half"
    merge_export(*ends, 0.5, path)
    return path


def same_chunk(bundle):
    """In C++ ONNX Runtime and in PyTorch, in the robot's units."""
    expected, found = both_chunks(bundle, "stop")
    np.testing.assert_allclose(found, expected, atol=1e-4)
    return expected


def test_the_engine_says_what_pytorch_says(bundle):
    manifest = Bundle.open(bundle).manifest
    assert (manifest.action_width, len(manifest.action.channels)) == (8, 2)
    assert {camera.role for camera in manifest.observation.cameras} == {"front", "wrist"}
    same_chunk(bundle)


def test_another_alpha_reuses_the_graphs_and_is_another_policy(ends, bundle, tmp_path):
    merge_export(*ends, 0.1, tmp_path / "tenth", graph_from=bundle)
    for graph in ("prefix.onnx", "step.onnx"):
        assert (tmp_path / "tenth" / graph).stat().st_size == (bundle / graph).stat().st_size
    assert abs(same_chunk(tmp_path / "tenth") - same_chunk(bundle)).max() > 1e-3


def test_a_directory_of_lerobots_loads_every_tensor(ends):
    policy = load_policy(ends[0])
    expected = tiny.policy(policy.spec.family)
    for name, tensor in policy.state_dict().items():
        assert torch.equal(tensor, expected.state_dict()[name].bfloat16().float()), name
    assert policy.spec.normalization.state.offset == pytest.approx(expected.spec.normalization.state.offset)


@pytest.mark.parametrize("kept", ["lm_head.weight", "model.language_model.embed_tokens.weight"])
def test_one_of_the_two_tied_tensors_stands_for_both(tmp_path, kept):
    """As in the published π0.5, whose file has 812 of the 813 tensors."""
    path = adopt_pi0(tiny.policy("pi0"), tmp_path)
    paligemma = "model.paligemma_with_expert.paligemma."
    names = {paligemma + name for name in ("lm_head.weight", "model.language_model.embed_tokens.weight")}
    tensors = load_file(path / "model.safetensors")
    dropped = names - {paligemma + kept}
    save_file({name: tensor for name, tensor in tensors.items() if name not in dropped}, path / "model.safetensors")
    loaded = load_policy(path).state_dict()
    for name in names:
        assert torch.equal(loaded[name], tensors[paligemma + kept])
    export_policy(path, tmp_path / "bundle")
    same_chunk(tmp_path / "bundle")
    save_file({name: tensor for name, tensor in tensors.items() if name not in names}, path / "model.safetensors")
    with pytest.raises(PolicyError, match=r"lacks .*paligemma\."):
        load_policy(path)
