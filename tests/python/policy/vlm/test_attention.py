import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.policy.vlm.attention import attend, split_heads
from torch.nn import functional


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None)
@given(st.sampled_from([(1, 1), (4, 4), (6, 2), (15, 5)]), st.integers(1, 6), st.integers(1, 9), st.integers(0, 99))
def test_it_is_scaled_dot_product_attention_with_repeated_heads(heads, rows, length, seed):
    query_heads, kv_heads = heads
    queries = random(2, query_heads, rows, 8, seed=seed)
    keys, values = random(2, kv_heads, length, 8, seed=seed + 1), random(2, kv_heads, length, 8, seed=seed + 2)
    mask = random(2, rows, length, seed=seed + 3) > 0
    mask[..., 0] = True
    repeated = [x.repeat_interleave(query_heads // kv_heads, 1) for x in (keys, values)]
    expected = functional.scaled_dot_product_attention(queries, *repeated, attn_mask=mask[:, None])
    ours = split_heads(attend(queries, keys, values, mask), 8)
    torch.testing.assert_close(ours, expected, atol=2e-6, rtol=0)


def test_what_is_masked_does_not_matter():
    queries, keys, values = random(1, 2, 3, 4), random(1, 2, 5, 4, seed=1), random(1, 2, 5, 4, seed=2)
    mask = torch.tensor([[[True, True, False, True, False]]])
    before = attend(queries, keys, values, mask)
    keys[:, :, [2, 4]], values[:, :, [2, 4]] = 1e4, -1e4
    assert torch.equal(attend(queries, keys, values, mask), before)


def test_a_query_that_may_see_nothing_gets_the_mean():
    values = random(1, 1, 5, 4)
    nothing = torch.zeros(1, 1, 5, dtype=torch.bool)
    read = attend(random(1, 1, 1, 4), random(1, 1, 5, 4), values, nothing)
    torch.testing.assert_close(read[0, 0], values.mean(2)[0, 0])
