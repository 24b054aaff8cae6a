import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.policy.vlm.rotary import rotate, rotation


def lerobot(x, positions, max_wavelength=10_000):
    """LeRobot's apply_rope, (B, L, heads, head_dim)."""
    half = x.shape[-1] // 2
    timescale = max_wavelength ** ((2.0 / x.shape[-1]) * torch.arange(half, dtype=torch.float32))
    radians = positions[..., None].float() / timescale[None, None, :]
    sin, cos = radians[..., None, :].sin(), radians[..., None, :].cos()
    first, second = x.split(half, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None)
@given(st.integers(0, 2000), st.sampled_from([4, 16, 64]))
def test_it_rotates_as_lerobot_does(start, head_dim):
    positions = start + torch.arange(5)[None].expand(2, 5)
    x = random(2, 5, 3, head_dim)
    ours = rotate(x.transpose(1, 2), rotation(positions, head_dim, 10_000.0)).transpose(1, 2)
    torch.testing.assert_close(ours, lerobot(x, positions), atol=1e-6, rtol=0)


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_a_product_depends_on_the_distance_alone(first, second, shift):
    query, key = random(1, 1, 1, 16), random(1, 1, 1, 16, seed=1)

    def product(a, b):
        positions = [torch.tensor([[float(p)]]) for p in (a, b)]
        q, k = (rotate(x, rotation(p, 16, 10_000.0)) for x, p in zip((query, key), positions, strict=True))
        return (q * k).sum()

    torch.testing.assert_close(product(first, second), product(first + shift, second + shift), atol=1e-3, rtol=0)


def test_rotating_keeps_lengths_and_dtype():
    x = random(1, 2, 7, 8).bfloat16()
    turned = rotate(x, rotation(torch.arange(7)[None], 8, 10_000.0))
    assert turned.dtype == torch.bfloat16
    torch.testing.assert_close(turned.float().norm(dim=-1), x.float().norm(dim=-1), atol=0.02, rtol=0.01)
