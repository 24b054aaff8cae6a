"""SmolVLA's velocity as the sources state it, in float64 and without any cache: one pass over observation and rows.

Written after LeRobot's modeling_smolvla.py and smolvlm_with_expert.py (training forward), from weights alone; in their
time, which runs from action (0) to noise (1), with their velocity, noise - action.
"""

import math

import torch
from torch.nn import functional

IMAGE_MARKS = ((), ())


class PlainSmolVLA:
    def __init__(self, policy, marks=IMAGE_MARKS):
        self.weights = {name.removeprefix("model."): tensor.double() for name, tensor in policy.state_dict().items()}
        self.config, self.marks = policy.config, marks
        self.text, self.vision = policy.config.vlm["text_config"], policy.config.vlm["vision_config"]
        whole, kept = self.text["num_hidden_layers"], self.config.num_vlm_layers
        self.depth = min(kept, whole) if kept > 0 else whole
        self.expert_depth = self.config.num_expert_layers if self.config.num_expert_layers > 0 else self.depth

    def linear(self, name, x):
        bias = self.weights.get(f"{name}.bias")
        return x @ self.weights[f"{name}.weight"].T + (0 if bias is None else bias)

    def rms(self, name, x):
        return (
            x / (x.square().mean(-1, keepdim=True) + self.text["rms_norm_eps"]).sqrt() * self.weights[f"{name}.weight"]
        )

    def layer_norm(self, name, x):
        return functional.layer_norm(
            x, x.shape[-1:], self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], 1e-6
        )

    def see(self, frames):
        """uint8 (B, H, W, 3) to tokens (B, n, width)."""
        side = self.config.resize_imgs_with_padding[0]
        image = frames.permute(0, 3, 1, 2).double() / 255
        ratio = max(image.shape[3] / side, image.shape[2] / side)
        rows, columns = int(image.shape[2] / ratio), int(image.shape[3] / ratio)
        image = functional.interpolate(image, size=(rows, columns), mode="bilinear", align_corners=False)
        image = functional.pad(image, (side - columns, 0, side - rows, 0)) * 2 - 1
        patch, heads = self.vision["patch_size"], self.vision["num_attention_heads"]
        base = "vlm_with_expert.vlm.model.vision_model"
        kernel = self.weights[f"{base}.embeddings.patch_embedding.weight"].flatten(1)
        patches = functional.unfold(image, patch, stride=patch).transpose(1, 2)
        x = patches @ kernel.T + self.weights[f"{base}.embeddings.patch_embedding.bias"]
        grid, count = self.vision["image_size"] // patch, side // patch
        x = x + self.weights[f"{base}.embeddings.position_embedding.weight"][position_ids(grid, count)]
        for index in range(self.vision["num_hidden_layers"]):
            layer = f"{base}.encoder.layers.{index}"
            normalized = self.layer_norm(f"{layer}.layer_norm1", x)
            q, k, v = (
                self.linear(f"{layer}.self_attn.{name}_proj", normalized).unflatten(-1, (heads, -1)) for name in "qkv"
            )
            x = x + self.linear(f"{layer}.self_attn.out_proj", attention(q, k, v, None))
            hidden = functional.gelu(
                self.linear(f"{layer}.mlp.fc1", self.layer_norm(f"{layer}.layer_norm2", x)), approximate="tanh"
            )
            x = x + self.linear(f"{layer}.mlp.fc2", hidden)
        x = self.layer_norm(f"{base}.post_layernorm", x)
        # Space to depth: `factor` x `factor` neighbours become one token.
        factor = self.config.vlm["scale_factor"]
        cells = x.unflatten(1, (count // factor, factor, count // factor, factor))
        tokens = cells.permute(0, 1, 3, 2, 4, 5).flatten(3).flatten(1, 2)
        return self.linear("vlm_with_expert.vlm.model.connector.modality_projection.proj", tokens)

    def velocity(self, images, tokens, mask, state, x, time):
        """Everything as `prefix` and `step` take it, but time (B, H) and the result in LeRobot's convention."""
        words = self.weights["vlm_with_expert.vlm.model.text_model.embed_tokens.weight"]
        count, scale = state.shape[0], math.sqrt(self.text["hidden_size"])
        parts = []
        for frames in images:
            start, end = (words[list(ids)].expand(count, -1, -1) for ids in self.marks)
            parts += [start, self.see(frames) * scale, end]
        visible = sum(part.shape[1] for part in parts)
        state = functional.pad(state.double(), (0, self.config.max_state_dim - state.shape[1]))
        prefix = torch.cat([*parts, words[tokens] * scale, self.linear("state_proj", state)[:, None]], 1)
        suffix = self.embed_rows(x.double(), time.double())
        length, horizon = prefix.shape[1], suffix.shape[1]
        ones = [torch.ones(count, n, dtype=torch.bool) for n in (visible, 1 + horizon)]
        known = torch.cat([ones[0], mask, ones[1]], 1)
        blocks = torch.tensor([0] * (length - 1) + [1] * (1 + horizon)).cumsum(0)
        allowed = (blocks[None] <= blocks[:, None]) & known[:, None] & known[:, :, None]
        positions = known.long().cumsum(1) - 1
        for index in range(self.depth):
            prefix, suffix = self.layer(index, prefix, suffix, allowed, positions)
        return self.linear("action_out_proj", self.rms("vlm_with_expert.lm_expert.norm", suffix))

    def embed_rows(self, x, time):
        width = self.weights["action_in_proj.weight"].shape[0]
        fraction = torch.linspace(0, 1, width // 2, dtype=torch.float64)
        ratio = self.config.max_period / self.config.min_period
        angle = 2 * math.pi * time[..., None] / (self.config.min_period * ratio**fraction)
        row = torch.cat([self.linear("action_in_proj", x), angle.sin(), angle.cos()], -1)
        return self.linear("action_time_mlp_out", functional.silu(self.linear("action_time_mlp_in", row)))

    def layer(self, index, prefix, suffix, allowed, positions):
        every, length = self.config.self_attn_every_n_layers, prefix.shape[1]
        joint = self.config.attention_mode == "self_attn" or (every > 0 and index % every == 0)
        multiple = self.depth // self.expert_depth
        vlm = f"vlm_with_expert.vlm.model.text_model.layers.{index}"
        expert = f"vlm_with_expert.lm_expert.layers.{index // multiple}"
        q, k, v = self.project(vlm, prefix)
        q, k = rope(q, positions[:, :length]), rope(k, positions[:, :length])
        read = attention(q, k, v, allowed[:, :length, :length])
        following = self.finish(vlm, prefix, read)
        if index % multiple:
            return following, suffix
        own_q, own_k, own_v = self.project(expert, suffix, alone=not joint)
        if joint:
            own_q, own_k = rope(own_q, positions[:, length:]), rope(own_k, positions[:, length:])
            k, v = torch.cat([k, own_k], 1), torch.cat([v, own_v], 1)
            read = attention(own_q, k, v, allowed[:, length:])
        else:
            own_q = rope(own_q, torch.arange(suffix.shape[1])[None].expand(suffix.shape[0], -1))
            k = self.linear(f"{expert}.self_attn.k_proj", k.flatten(2)).unflatten(-1, (-1, self.text["head_dim"]))
            v = self.linear(f"{expert}.self_attn.v_proj", v.flatten(2)).unflatten(-1, (-1, self.text["head_dim"]))
            read = attention(own_q, k, v, allowed[:, length:, :length])
        return following, self.finish(expert, suffix, read)

    def project(self, layer, x, *, alone=False):
        """Queries, keys and values (B, N, heads, head_dim) of Llama's attention; only queries where it is `alone`."""
        normalized = self.rms(f"{layer}.input_layernorm", x)
        return [
            None if alone and name != "q" else
            self.linear(f"{layer}.self_attn.{name}_proj", normalized).unflatten(-1, (-1, self.text["head_dim"]))
            for name in "qkv"
        ]  # fmt: skip

    def finish(self, layer, x, read):
        x = x + self.linear(f"{layer}.self_attn.o_proj", read)
        normalized = self.rms(f"{layer}.post_attention_layernorm", x)
        gate = functional.silu(self.linear(f"{layer}.mlp.gate_proj", normalized))
        return x + self.linear(f"{layer}.mlp.down_proj", gate * self.linear(f"{layer}.mlp.up_proj", normalized))


def position_ids(grid, count):
    """The table's cell under each of count x count patches, left to right, top to bottom."""
    return torch.tensor([(row * grid // count) * grid + column * grid // count
                         for row in range(count) for column in range(count)])  # fmt: skip


def rope(x, positions):
    """(B, N, heads, head_dim), wavelength 10 000."""
    half = x.shape[-1] // 2
    angle = positions[..., None, None].double() / 10_000 ** (torch.arange(half, dtype=torch.float64) / half)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * angle.cos() - second * angle.sin(), second * angle.cos() + first * angle.sin()], -1)


def attention(q, k, v, mask):
    """Head by head: (B, N, heads, head_dim) and (B, M, kv_heads, head_dim) to (B, N, heads head_dim)."""
    group = q.shape[2] // k.shape[2]
    heads = []
    for head in range(q.shape[2]):
        scores = q[:, :, head] @ k[:, :, head // group].transpose(1, 2) / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        heads.append(scores.softmax(-1) @ v[:, :, head // group])
    return torch.cat(heads, -1)
