"""openpi's joint forward in plain operations: prefix and suffix in one sequence, masks and positions by counting.

Written after openpi's `pi0_pytorch.py` and `gemma_pytorch.py`, with `transformers`' rotation and none of retain's code:
only the weights are taken from the policy, by name.
"""

import math

import torch
from torch.nn import functional
from transformers.models.gemma.modeling_gemma import apply_rotary_pos_emb
from transformers.models.siglip.configuration_siglip import SiglipVisionConfig
from transformers.models.siglip.modeling_siglip import SiglipVisionModel

ROOT = "model.paligemma_with_expert."
MASKED = -2.3819763e38


def see(policy, frame):
    """One frame float (B, 3, side, side) in [-1, 1] through `transformers`' own tower."""
    sizes = policy.config.vision
    tower = SiglipVisionModel(
        SiglipVisionConfig(
            hidden_size=sizes.width,
            intermediate_size=sizes.mlp_width,
            num_hidden_layers=sizes.depth,
            num_attention_heads=sizes.heads,
            patch_size=sizes.patch,
            image_size=policy.config.image_size,
            vision_use_head=False,
            attn_implementation="eager",
        )
    )
    name = f"{ROOT}paligemma.model.vision_tower.vision_model."
    weights = {key.removeprefix(name): value for key, value in policy.state_dict().items() if key.startswith(name)}
    if any(key.startswith("vision_model.") for key in tower.state_dict()):  # transformers 4
        weights = {f"vision_model.{key}": value for key, value in weights.items()}
    tower.load_state_dict(weights, strict=True)
    weight = policy.state_dict()
    projector = f"{ROOT}paligemma.model.multi_modal_projector.linear."
    seen = tower.eval()(frame).last_hidden_state
    return functional.linear(seen, weight[f"{projector}weight"], weight[f"{projector}bias"])


def time_embedding(time, width, low=4e-3, high=4.0):
    period = low * (high / low) ** torch.linspace(0.0, 1.0, width // 2, dtype=torch.float64)
    angle = time.double()[..., None] / period * 2 * math.pi
    return torch.cat([angle.sin(), angle.cos()], -1).float()


def norm(weight, name, x, condition):
    normed = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)
    if f"{name}.weight" in weight:
        return normed * (1 + weight[f"{name}.weight"]), torch.ones(())
    scale, shift, gate = functional.linear(
        condition, weight[f"{name}.dense.weight"], weight[f"{name}.dense.bias"]
    ).chunk(3, -1)
    return normed * (1 + scale) + shift, gate


def velocity(policy, frames, frame_masks, tokens, mask, state, x, t):
    """What `step(x, t, prefix(...))` must be.

    Args:
        policy: Whose weights.
        frames: Per camera float (B, 3, side, side) in [-1, 1].
        frame_masks: Per camera bool (B,), whether it is there.
        tokens, mask: All words, the state's included.
        state: (B, state_width) or None.
        x, t: As `step` takes them.
    """
    weight, config = policy.state_dict(), policy.config
    batch, horizon = t.shape
    time = time_embedding(1 - t, config.expert.width)
    rows = functional.linear(x, weight["model.action_in_proj.weight"], weight["model.action_in_proj.bias"])
    linear = lambda name, value: functional.linear(value, weight[f"model.{name}.weight"], weight[f"model.{name}.bias"])  # noqa: E731
    if config.family == "pi0":
        rows = linear("action_time_mlp_out", functional.silu(linear("action_time_mlp_in", torch.cat([rows, time], -1))))
        suffix, blocks = torch.cat([linear("state_proj", state)[:, None], rows], 1), [1, 1, *[0] * (horizon - 1)]
        condition = None
    else:
        condition = functional.silu(linear("time_mlp_out", functional.silu(linear("time_mlp_in", time))))
        suffix, blocks = rows, [1, *[0] * (horizon - 1)]
    words = functional.embedding(tokens, weight[f"{ROOT}paligemma.model.language_model.embed_tokens.weight"])
    seen = [see(policy, frame) for frame in frames]
    prefix = torch.cat([*seen, words * math.sqrt(config.language.width)], 1)
    here = [present[:, None].expand(-1, part.shape[1]) for present, part in zip(frame_masks, seen, strict=True)]
    real = torch.cat([*here, mask, torch.ones(batch, suffix.shape[1], dtype=torch.bool)], 1)
    order = torch.tensor([*[0] * prefix.shape[1], *blocks]).cumsum(0)
    may = (order[None, :] <= order[:, None]) & real[:, None, :] & real[:, :, None]
    bias = torch.where(may, 0.0, MASKED)[:, None]
    angles = (real.cumsum(1) - 1)[..., None] / 10_000 ** (
        torch.arange(0, config.language.head_dim, 2) / config.language.head_dim
    )
    cos, sin = torch.cat([angles, angles], -1).cos(), torch.cat([angles, angles], -1).sin()
    streams = {"paligemma.model.language_model": prefix, "gemma_expert.model": suffix}
    conditions = dict(zip(streams, (None, condition), strict=True))
    heads = config.language.heads

    def split(value, count):
        return value.unflatten(-1, (count, config.language.head_dim)).transpose(1, 2)

    for index in range(config.language.depth):
        at = {name: f"{ROOT}{name}.layers.{index}." for name in streams}
        normed = {name: norm(weight, f"{at[name]}input_layernorm", streams[name], conditions[name]) for name in streams}
        queries, keys, values = (
            torch.cat(
                [
                    split(functional.linear(normed[name][0], weight[f"{at[name]}self_attn.{kind}_proj.weight"]), count)
                    for name in streams
                ],
                2,
            )
            for kind, count in (("q", heads), ("k", config.language.kv_heads), ("v", config.language.kv_heads))
        )
        queries, keys = apply_rotary_pos_emb(queries, keys, cos, sin)
        keys, values = (part.repeat_interleave(heads // config.language.kv_heads, 1) for part in (keys, values))
        scores = queries @ keys.transpose(2, 3) * config.language.head_dim**-0.5 + bias
        read = (scores.softmax(-1) @ values).transpose(1, 2).flatten(2)
        parts = dict(zip(streams, read.split([prefix.shape[1], suffix.shape[1]], 1), strict=True))
        for name, before in streams.items():
            out = functional.linear(parts[name], weight[f"{at[name]}self_attn.o_proj.weight"])
            value = before + out * normed[name][1]
            inner, gate = norm(weight, f"{at[name]}post_attention_layernorm", value, conditions[name])
            up, down, side = (weight[f"{at[name]}mlp.{kind}_proj.weight"] for kind in ("up", "down", "gate"))
            mixed = functional.gelu(functional.linear(inner, side), approximate="tanh") * functional.linear(inner, up)
            streams[name] = value + functional.linear(mixed, down) * gate
    last, _ = norm(weight, f"{ROOT}gemma_expert.model.norm", streams["gemma_expert.model"], condition)
    return -linear("action_out_proj", last[:, -horizon:])
