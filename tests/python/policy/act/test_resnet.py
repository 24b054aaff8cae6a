import pytest
import torch
from retain.policy.act.configuration import BACKBONES, ACTConfig
from retain.policy.act.resnet import FrozenBatchNorm, ResNet
from torch import nn

from .tiny_act import scatter

transformers = pytest.importorskip("transformers", reason="its ResNet is the oracle")


def in_the_names_of_transformers(name: str) -> str:
    """`layer2.0.downsample.0.weight` → `encoder.stages.1.layers.0.shortcut.convolution.weight`, and so on."""
    parts = name.split(".")
    kind = {"conv": "convolution", "bn": "normalization"}
    if parts[0] in ("conv1", "bn1"):
        return f"embedder.embedder.{kind[parts[0][:-1]]}.{parts[1]}"
    place = f"encoder.stages.{int(parts[0].removeprefix('layer')) - 1}.layers.{parts[1]}"
    if parts[2] == "downsample":
        return f"{place}.shortcut.{('convolution', 'normalization')[int(parts[3])]}.{parts[4]}"
    return f"{place}.layer.{int(parts[2][-1]) - 1}.{kind[parts[2][:-1]]}.{parts[3]}"


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50"])
@pytest.mark.parametrize("size", [(32, 32), (47, 70)])
def test_the_feature_map_is_that_of_transformers_resnet(backbone, size):
    torch.manual_seed(0)
    ours = ResNet(ACTConfig(vision_backbone=backbone)).eval()
    scatter(ours)
    bottlenecks, depths = BACKBONES[backbone]
    peer = transformers.ResNetModel(
        transformers.ResNetConfig(
            hidden_sizes=[width * (4 if bottlenecks else 1) for width in (64, 128, 256, 512)],
            depths=list(depths),
            layer_type="bottleneck" if bottlenecks else "basic",
        )
    ).eval()
    tensors = {in_the_names_of_transformers(name): tensor for name, tensor in ours.state_dict().items()}
    left = peer.load_state_dict(tensors, strict=False)
    assert not left.unexpected_keys
    assert all(name.endswith("num_batches_tracked") for name in left.missing_keys)
    image = torch.randn(2, 3, *size)
    with torch.no_grad():
        found, expected = ours(image), peer(image).last_hidden_state
    assert found.shape == (2, ours.channels, -(-size[0] // 32), -(-size[1] // 32))
    torch.testing.assert_close(found, expected, atol=1e-5 * float(expected.abs().max()), rtol=0)


def test_a_frozen_norm_is_batch_norm_that_never_learns():
    ours, peer = FrozenBatchNorm(5), nn.BatchNorm2d(5).eval()
    scatter(ours)
    peer.load_state_dict(ours.state_dict(), strict=False)
    x = torch.randn(3, 5, 4, 6)
    torch.testing.assert_close(ours.train()(x), peer(x))
    assert not list(ours.parameters())


def test_a_dilated_stage_keeps_the_resolution_and_sees_what_the_stride_would():
    plain = ResNet(ACTConfig(vision_backbone="resnet50")).eval()
    dilated = ResNet(ACTConfig(vision_backbone="resnet50", replace_final_stride_with_dilation=True)).eval()
    dilated.load_state_dict(plain.state_dict())
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        coarse, fine = plain(image), dilated(image)
    assert fine.shape[2:] == (4, 4)
    # Every second cell of a dilated stage computes what the strided stage computes there (arXiv 1511.07122).
    torch.testing.assert_close(fine[..., ::2, ::2], coarse, atol=1e-4, rtol=1e-4)
