"""The small SmolVLA with random weights, and what it is shown."""

import pytest
import torch
from retain.policy.base import Batch
from retain.policy.smolvla import SmolVLAPolicy

from .small import INSTRUCTIONS, draw_weights, small_config, small_spec, small_tokenizer


@pytest.fixture
def spec():
    return small_spec()


@pytest.fixture
def config():
    return small_config()


@pytest.fixture
def tokenizer(spec):
    return small_tokenizer(spec)


@pytest.fixture
def build(spec, tokenizer):
    """Config to policy, all weights drawn from a seed."""
    return lambda config, seed=0: draw_weights(SmolVLAPolicy(spec, config, tokenizer), seed)


@pytest.fixture
def policy(build, config):
    return build(config)


@pytest.fixture
def observation(policy):
    """Images, tokens, mask and normalized state of three observations, as `prefix` takes them."""
    generator = torch.Generator().manual_seed(1)
    images = [
        torch.randint(0, 256, (3, camera.height, camera.width, 3), generator=generator, dtype=torch.uint8)
        for camera in policy.spec.cameras
    ]
    return [images, *policy.encode(INSTRUCTIONS), torch.randn(3, 3, generator=generator)]


@pytest.fixture
def rows(policy):
    """Actions on their way and a flow time for each of their rows."""
    generator = torch.Generator().manual_seed(2)
    shape = (3, policy.spec.horizon)
    return torch.randn(*shape, policy.spec.action_width, generator=generator), torch.rand(shape, generator=generator)


@pytest.fixture
def batch(observation):
    images, tokens, mask, state = observation
    actions = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(3))
    return Batch(images, tokens, mask, state, actions)
