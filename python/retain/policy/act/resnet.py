"""A ResNet up to its last feature map, with torchvision's tensor names and frozen batch normalization."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from retain.policy.act.configuration import BACKBONES, ACTConfig

_WIDTHS = (64, 128, 256, 512)
_EXPANSION = 4
"""Output channels of a bottleneck per inner channel."""
_EPSILON = 1e-5


class FrozenBatchNorm(nn.Module):
    """Batch normalization whose statistics and affine terms are constants of the pretrained network."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        scale = self.weight * (self.running_var + _EPSILON).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale[:, None, None] + shift[:, None, None]


class _Block(nn.Module):
    """Two 3 x 3 convolutions and a way around them (resnet18 and 34)."""

    def __init__(self, inputs: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        assert dilation == 1  # ACTConfig refuses the rest, as torchvision does
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False)
        self.bn1 = FrozenBatchNorm(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = FrozenBatchNorm(width)
        self.downsample = _shortcut(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(y)) + (x if self.downsample is None else self.downsample(x)))


class _Bottleneck(nn.Module):
    """A 3 x 3 convolution between two of 1 x 1, and a way around them (resnet50 and larger)."""

    def __init__(self, inputs: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = FrozenBatchNorm(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = FrozenBatchNorm(width)
        self.conv3 = nn.Conv2d(width, width * _EXPANSION, 1, bias=False)
        self.bn3 = FrozenBatchNorm(width * _EXPANSION)
        self.downsample = _shortcut(inputs, width * _EXPANSION, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        return functional.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """Pictures to the feature map of the fourth stage.

    Attributes:
        channels: C of the feature map.
    """

    def __init__(self, config: ACTConfig) -> None:
        super().__init__()
        bottlenecks, depths = BACKBONES[config.vision_backbone]
        self.channels = _WIDTHS[-1] * (_EXPANSION if bottlenecks else 1)
        self.conv1 = nn.Conv2d(3, _WIDTHS[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = FrozenBatchNorm(_WIDTHS[0])
        inputs = _WIDTHS[0]
        for number, (width, depth) in enumerate(zip(_WIDTHS, depths, strict=True), 1):
            dilated = number == 4 and config.replace_final_stride_with_dilation
            stride = 1 if number == 1 or dilated else 2
            blocks = []
            for index in range(depth):
                # In a dilated stage the first block still sees its neighbours: only those behind it are dilated.
                dilation = 2 if dilated and index > 0 else 1
                kind = _Bottleneck if bottlenecks else _Block
                blocks.append(kind(inputs, width, stride if index == 0 else 1, dilation))
                inputs = width * (_EXPANSION if bottlenecks else 1)
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
        for convolution in _convolutions(self):
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """float32 (B, 3, H, W), normalized, to (B, C, ceil(H / 32), ceil(W / 32))."""
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.max_pool2d(x, 3, stride=2, padding=1)
        for number in range(1, len(_WIDTHS) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return x


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), FrozenBatchNorm(outputs))


def _convolutions(module: nn.Module) -> Iterator[nn.Conv2d]:
    return (part for part in module.modules() if isinstance(part, nn.Conv2d))
