import pytest
import torch
from retain.policy.act.configuration import ACTConfig
from retain.policy.act.transformer import Attention, Decoder, DecoderLayer, Encoder, EncoderLayer
from torch import nn

from .tiny_act import SIZES, scatter

WAYS = [{"pre_norm": pre_norm, "feedforward_activation": activation} for pre_norm in (False, True)
        for activation in ("relu", "gelu")]  # fmt: skip


def made(kind, config, *more):
    torch.manual_seed(0)
    module = kind(config, *more)
    scatter(module)
    return module.eval()


def test_attention_is_torchs_with_torchs_tensors():
    ours = made(Attention, ACTConfig(**SIZES))
    peer = nn.MultiheadAttention(32, 4, batch_first=True).eval()
    peer.load_state_dict(ours.state_dict(), strict=True)
    query, key, value = torch.randn(2, 3, 32), torch.randn(2, 5, 32), torch.randn(2, 5, 32)
    padding = torch.tensor([[False] * 5, [False, True, False, True, True]])
    torch.testing.assert_close(ours(query, key, value), peer(query, key, value)[0])
    torch.testing.assert_close(ours(query, key, value, padding), peer(query, key, value, key_padding_mask=padding)[0])


def test_attention_starts_as_torchs_does():
    torch.manual_seed(3)
    ours = Attention(ACTConfig(**SIZES))
    bound = (6 / (32 + 3 * 32)) ** 0.5
    assert ours.in_proj_weight.abs().max() <= bound
    assert ours.in_proj_weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert not ours.in_proj_bias.any()
    assert not ours.out_proj.bias.any()


@pytest.mark.parametrize("way", WAYS)
def test_without_positions_the_layers_are_torchs(way):
    config = ACTConfig(**SIZES, **way)
    sizes = {"d_model": 32, "nhead": 4, "dim_feedforward": 48, "batch_first": True, "norm_first": config.pre_norm,
             "activation": config.feedforward_activation}  # fmt: skip
    x, memory = torch.randn(2, 5, 32), torch.randn(2, 3, 32)
    encoder, decoder = made(EncoderLayer, config), made(DecoderLayer, config)
    peer = nn.TransformerEncoderLayer(**sizes).eval()
    peer.load_state_dict(encoder.state_dict(), strict=True)
    torch.testing.assert_close(encoder(x, torch.zeros(5, 32)), peer(x), atol=1e-5, rtol=1e-5)
    peer = nn.TransformerDecoderLayer(**sizes).eval()
    peer.load_state_dict(decoder.state_dict(), strict=True)
    found = decoder(x, torch.zeros(5, 32), memory, torch.zeros(3, 32))
    torch.testing.assert_close(found, peer(x, memory), atol=1e-5, rtol=1e-5)


def attend(attention: Attention, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """softmax(q k^T / sqrt(d)) v, head by head, for one sequence (N, D)."""
    wq, wk, wv = attention.in_proj_weight.split(32)
    bq, bk, bv = attention.in_proj_bias.split(32)
    q, k, v = query @ wq.T + bq, key @ wk.T + bk, value @ wv.T + bv
    heads = []
    for head in range(attention.heads):
        part = slice(8 * head, 8 * head + 8)
        scores = q[:, part] @ k[:, part].T / 8**0.5
        heads.append(scores.softmax(-1) @ v[:, part])
    return torch.cat(heads, -1) @ attention.out_proj.weight.T + attention.out_proj.bias


def feed(layer, x: torch.Tensor) -> torch.Tensor:
    return layer.linear2(torch.relu(layer.linear1(x)))


def test_positions_steer_attention_but_are_not_carried_away():
    """Queries and keys are placed, values are not: written out for normalization afterwards."""
    config = ACTConfig(**SIZES)
    encoder, decoder = made(EncoderLayer, config), made(DecoderLayer, config)
    x, places, rows, row_places = (torch.randn(count, 32) for count in (5, 5, 3, 3))
    expected = encoder.norm1(x + attend(encoder.self_attn, x + places, x + places, x))
    expected = encoder.norm2(expected + feed(encoder, expected))
    torch.testing.assert_close(encoder(x[None], places)[0], expected, atol=1e-5, rtol=1e-5)

    y = decoder.norm1(rows + attend(decoder.self_attn, rows + row_places, rows + row_places, rows))
    y = decoder.norm2(y + attend(decoder.multihead_attn, y + row_places, x + places, x))
    y = decoder.norm3(y + feed(decoder, y))
    torch.testing.assert_close(decoder(rows[None], row_places, x[None], places)[0], y, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pre_norm", [False, True])
def test_stacks_normalize_at_their_end_where_layers_do_not(pre_norm):
    config = ACTConfig(**SIZES, pre_norm=pre_norm)
    encoder, decoder = made(Encoder, config, 2), made(Decoder, config)
    assert isinstance(encoder.norm, nn.LayerNorm) == pre_norm
    x, places, rows = torch.randn(1, 5, 32), torch.randn(5, 32), torch.randn(3, 32)
    through = x
    for layer in encoder.layers:
        through = layer(through, places)
    torch.testing.assert_close(encoder(x, places), encoder.norm(through))
    y = torch.randn(1, 3, 32)
    decoded = decoder(y, rows, x, places)
    for layer in decoder.layers:
        y = layer(y, rows, x, places)
    torch.testing.assert_close(decoded, decoder.norm(y))


def test_padded_tokens_say_nothing():
    encoder = made(Encoder, ACTConfig(**SIZES), 2)
    x, places = torch.randn(1, 5, 32), torch.randn(5, 32)
    padding = torch.tensor([[False, False, False, True, True]])
    scribbled = x.clone()
    scribbled[:, 3:] = 9.0
    kept = encoder(x, places, padding)[:, :3]
    torch.testing.assert_close(kept, encoder(scribbled, places, padding)[:, :3])
    torch.testing.assert_close(kept, encoder(x[:, :3], places[:3]), atol=1e-5, rtol=1e-5)
