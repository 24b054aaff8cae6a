import numpy as np
import pytest
import torch
from retain.errors import PolicyError

INSTRUCTIONS = ["lift the red block", "push the green block far left"]


@pytest.fixture
def inputs(policy):
    rng = np.random.default_rng(0)
    images = {c.role: rng.integers(0, 256, (2, c.height, c.width, 3), dtype=np.uint8) for c in policy.spec.cameras}
    state = rng.normal(size=(2, 3)).astype(np.float32)
    noise = rng.normal(size=(2, policy.spec.horizon, 3)).astype(np.float32)
    return images, state, noise


def test_relative_channels_come_out_absolute_by_name_not_by_position(policy, inputs, monkeypatch):
    images, state, noise = inputs
    monkeypatch.setattr(policy, "step", lambda x, t, kv: torch.zeros_like(x))
    chunk = policy.predict_chunk(images, state, INSTRUCTIONS, noise)
    affine = policy.spec.normalization.action
    expected = np.array(affine.offset) + np.array(affine.scale) * noise
    # The state is (elbow, shoulder, suction), the action (shoulder, elbow, suction); suction is absolute.
    expected[..., 0] += state[:, None, 1]
    expected[..., 1] += state[:, None, 0]
    np.testing.assert_allclose(chunk, expected, rtol=1e-5, atol=1e-6)


def test_a_constant_velocity_is_integrated_from_noise_to_noise_plus_velocity(policy, inputs, monkeypatch):
    images, state, noise = inputs
    times = []

    def step(x, t, kv):
        times.append(float(t[0, 0]))
        return torch.ones_like(x)

    monkeypatch.setattr(policy, "step", step)
    chunk = policy.predict_chunk(images, state, INSTRUCTIONS, noise)
    np.testing.assert_allclose(policy.spec.encode_actions(chunk, state), noise + 1, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(times, [0, 1 / 3, 2 / 3])


def test_encode_undoes_decode(policy, inputs):
    _, state, noise = inputs
    back = policy.spec.encode_actions(policy.spec.decode_actions(noise, state), state)
    np.testing.assert_allclose(back, noise, rtol=1e-4, atol=1e-5)


def test_the_generator_decides_the_chunk(policy, inputs):
    images, state, _ = inputs
    chunks = [
        policy.predict_chunk(images, state, INSTRUCTIONS, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    ]
    assert (chunks[0] == chunks[1]).all()
    assert (chunks[0] != chunks[2]).any()


def test_what_does_not_fit_is_named(policy, inputs):
    images, state, noise = inputs
    with pytest.raises(PolicyError, match="needs a camera wrist, the observation has front"):
        policy.predict_chunk({"front": images["front"]}, state, INSTRUCTIONS)
    with pytest.raises(PolicyError, match=r"wrist gives uint8 \[2, 24, 19, 3\], expected uint8 \[2, 24, 20, 3\]"):
        policy.predict_chunk({**images, "wrist": images["wrist"][:, :, 1:]}, state, INSTRUCTIONS)
    with pytest.raises(PolicyError, match=r"state has shape \[2, 2\], expected \[2, 3\]"):
        policy.predict_chunk(images, state[:, :2], INSTRUCTIONS)
    with pytest.raises(PolicyError, match="noise has shape"):
        policy.predict_chunk(images, state, INSTRUCTIONS, noise[:, :2])
