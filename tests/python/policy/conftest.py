"""A small compact policy with random weights: everything but size is as in the shipped one."""

import pytest
import torch
from retain.policy import ActionChannel, Affine, CameraSpec, Channel, FlowSpec, Normalization, PolicySpec
from retain.policy.compact.configuration import CompactConfig
from retain.policy.compact.model import CompactPolicy
from retain.policy.tokenization import train_tokenizer

INSTRUCTIONS = ["lift the red block", "place the blue block near right", "push the green block far left"]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def spec():
    return PolicySpec(
        family="compact",
        cameras=(CameraSpec("front", 16, 16), CameraSpec("wrist", 24, 20)),
        state=(Channel("elbow", "rad"), Channel("shoulder", "rad"), Channel("suction", "1")),
        action=(
            ActionChannel("shoulder", "rad", "delta", "linear"),
            ActionChannel("elbow", "rad", "delta", "linear"),
            ActionChannel("suction", "1", "absolute", "hold"),
        ),
        dt_s=0.1,
        horizon=8,
        n_action_steps=4,
        max_tokens=12,
        flow=FlowSpec(steps=3),
        max_trained_delay=3,
        normalization=Normalization(
            state=Affine((0.125, 0.25, 0.5), (1.0, 2.0, 0.5)),
            action=Affine((0.0625, 0.125, 0.375), (0.25, 0.1875, 0.5)),
        ),
    )


@pytest.fixture
def config():
    return CompactConfig(
        image_size=16,
        channels=8,
        width=16,
        heads=2,
        static_queries=2,
        vocabulary=96,
        backbone_layers=2,
        expert_layers=2,
    )


@pytest.fixture
def policy(spec, config):
    torch.manual_seed(0)
    tokenizer = train_tokenizer(INSTRUCTIONS, vocabulary=config.vocabulary, max_tokens=spec.max_tokens)
    return CompactPolicy(spec, config, tokenizer).eval()


@pytest.fixture
def observation(policy):
    """Images, tokens, mask and normalized state of three observations, as `prefix` takes them."""
    generator = torch.Generator().manual_seed(1)
    images = [
        torch.randint(0, 256, (3, camera.height, camera.width, 3), generator=generator, dtype=torch.uint8)
        for camera in policy.spec.cameras
    ]
    return [images, *policy.encode(INSTRUCTIONS), torch.randn(3, len(policy.spec.state), generator=generator)]
