"""Each block against `transformers`' own forward, or against its equation."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.policy.pi0.configuration import GemmaSizes, SiglipSizes
from retain.policy.pi0.gemma import WAVELENGTH, GemmaStack
from retain.policy.pi0.norm import AdaptiveRmsNorm, RmsNorm, gated
from retain.policy.pi0.vision import VisionTower
from retain.policy.vlm.rotary import rotation
from transformers.models.gemma.configuration_gemma import GemmaConfig
from transformers.models.gemma.modeling_gemma import GemmaModel, GemmaRMSNorm
from transformers.models.siglip.configuration_siglip import SiglipVisionConfig
from transformers.models.siglip.modeling_siglip import SiglipVisionModel

from . import tiny


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.sampled_from([torch.float32, torch.bfloat16]), st.floats(1e-3, 1e3))
def test_the_plain_norm_is_transformers(seed, dtype, scale):
    generator = torch.Generator().manual_seed(seed)
    ours, theirs = RmsNorm(12), GemmaRMSNorm(12, eps=1e-6)
    tiny.randomize(ours, seed)
    theirs.load_state_dict(ours.state_dict())
    x = (torch.randn(2, 3, 12, generator=generator) * scale).to(dtype)
    normed, gate = ours(x)
    assert gate is None
    torch.testing.assert_close(normed, theirs(x))


def test_the_adaptive_norm_scales_shifts_and_gates_every_row_by_its_own_condition():
    norm = AdaptiveRmsNorm(6)
    tiny.randomize(norm)
    x, condition = torch.randn(2, 4, 6), torch.randn(2, 4, 6)
    normed, gate = norm(x, condition)
    for sample in range(2):
        for row in range(4):
            scale, shift, expected = (norm.dense.weight @ condition[sample, row] + norm.dense.bias).split(6)
            vector = x[sample, row]
            unit = vector / (vector.square().mean() + 1e-6).sqrt()
            torch.testing.assert_close(normed[sample, row], unit * (1 + scale) + shift)
            torch.testing.assert_close(gate[sample, row], expected)


def test_a_new_adaptive_norm_is_the_plain_one_with_a_constant_gate():
    """openpi starts the map at 0, so that finetuning π0.5 from a backbone starts from what the backbone knows."""
    norm = AdaptiveRmsNorm(6)
    torch.nn.init.zeros_(norm.dense.bias)
    x = torch.randn(1, 2, 6)
    normed, gate = norm(x, torch.randn(1, 2, 6))
    torch.testing.assert_close(normed, RmsNorm(6)(x)[0])
    torch.testing.assert_close(gated(x, normed, gate), x)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@torch.no_grad()
def test_a_stack_is_transformers_gemma(kv_heads):
    sizes = GemmaSizes(width=20, depth=3, mlp_width=28, heads=4, kv_heads=kv_heads, head_dim=6)
    ours = GemmaStack(sizes, vocabulary=50)
    tiny.randomize(ours)
    theirs = GemmaModel(
        GemmaConfig(
            vocab_size=50,
            hidden_size=20,
            intermediate_size=28,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=kv_heads,
            head_dim=6,
            attn_implementation="eager",
        )
    ).eval()
    theirs.load_state_dict(ours.state_dict(), strict=True)
    tokens = torch.randint(0, 50, (2, 7), generator=torch.Generator().manual_seed(3))
    causal = torch.ones(1, 7, 7).tril().bool()
    by = rotation(torch.arange(7.0)[None].expand(2, 7), 6, WAVELENGTH)
    x = ours.words(tokens)
    cache = ours.cache(x, causal, by)
    for layer in ours.layers:
        x, _, _ = layer(x, causal, by)
    answer = theirs(input_ids=tokens, use_cache=True)
    torch.testing.assert_close(ours.norm(x)[0], answer.last_hidden_state, atol=1e-5, rtol=1e-5)
    layers = getattr(answer, "cache", None) or answer.past_key_values
    for index in range(3):
        keys, values = layers.layers[index].keys, layers.layers[index].values
        torch.testing.assert_close(cache[0][index], keys, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(cache[1][index], values, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_reading_a_cache_is_standing_behind_it():
    """What a stack reads from its own cache of the first tokens is what it makes of them all together."""
    sizes = GemmaSizes(width=20, depth=3, mlp_width=28, heads=4, kv_heads=2, head_dim=6)
    stack = GemmaStack(sizes, vocabulary=50)
    tiny.randomize(stack)
    x = stack.words(torch.randint(0, 50, (2, 9), generator=torch.Generator().manual_seed(3)))
    # The first six see each other, the last three see all: as prefix and suffix do.
    mask = torch.arange(9)[None] < torch.where(torch.arange(9) < 6, 6, 9)[:, None]
    positions = torch.arange(9.0)[None].expand(2, 9)
    first, second = (rotation(part, 6, WAVELENGTH) for part in (positions[:, :6], positions[:, 6:]))
    keys, values = stack.cache(x[:, :6], mask[None, :6, :6], first)
    read = stack.read(x[:, 6:], mask[None, 6:], second, keys, values)
    whole, by = x, rotation(positions, 6, WAVELENGTH)
    for layer in stack.layers:
        whole, _, _ = layer(whole, mask[None], by)
    torch.testing.assert_close(read, stack.norm(whole)[0][:, 6:], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_tower_is_transformers_siglip():
    sizes = SiglipSizes(width=24, depth=2, mlp_width=36, heads=3, patch=7)
    ours = VisionTower(sizes, image_size=28)
    tiny.randomize(ours)
    theirs = SiglipVisionModel(
        SiglipVisionConfig(
            hidden_size=24,
            intermediate_size=36,
            num_hidden_layers=2,
            num_attention_heads=3,
            patch_size=7,
            image_size=28,
            vision_use_head=False,
        )
    ).eval()
    weights = ours.state_dict()
    if not any(name.startswith("vision_model.") for name in theirs.state_dict()):  # transformers 5 has one level less
        weights = {name.removeprefix("vision_model."): tensor for name, tensor in weights.items()}
    theirs.load_state_dict(weights, strict=True)
    frames = torch.rand(2, 3, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    torch.testing.assert_close(ours(frames), theirs(frames).last_hidden_state, atol=1e-5, rtol=1e-5)
