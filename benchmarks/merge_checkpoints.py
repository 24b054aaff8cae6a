"""Pairs of checkpoints to merge, made on the spot: a base and the base plus a small update, in bf16.

Values are normal draws from two pools that every tensor reads at its own place: gigabytes would take minutes to draw
afresh, and no way of merging is faster or slower for it.
"""

import json
import math
import multiprocessing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Tensors = Sequence[tuple[str, tuple[int, ...]]]
"""Names and shapes, in the order of their bytes."""

ENDS = ("base", "finetuned")
WEIGHT_SCALE = 0.02
UPDATE_SCALE = 2e-4
POOL = 1 << 22


def make_pair(
    directory: Path, tensors: Tensors, *, shards: int, config: Mapping[str, Any], sidecars: Mapping[str, bytes] = {}
) -> int:
    """Write `base` and `finetuned` into a directory and read them once, so that the page cache holds them.

    In a process of its own, so that this one stays without numpy and its memory.

    Args:
        directory: Where to make the two.
        tensors: What they hold.
        shards: 1 gives model.safetensors; more give model-0000k-of-0000n.safetensors and an index, by size.
        config: For config.json.
        sidecars: Other files, the same at both ends.

    Returns:
        Bytes of one end's weight files.

    Raises:
        SystemExit: They could not be made.
    """
    arguments = (directory, list(tensors), shards, dict(config), dict(sidecars))
    maker = multiprocessing.get_context("spawn").Process(target=_make, args=arguments)
    maker.start()
    maker.join()
    if maker.exitcode != 0:
        raise SystemExit("cannot make the pair of checkpoints")
    return sum(file.stat().st_size for file in weight_files(directory / "base"))


def weight_files(directory: Path) -> list[Path]:
    """The safetensors files that hold weights."""
    return sorted(directory.glob("model*.safetensors"))


def llama_tensors(gigabytes: float) -> tuple[Tensors, dict[str, Any]]:
    """A Llama of about that size, and its config.json: the shapes of TinyLlama, as many layers as fit.

    Below half a gigabyte its widths are a quarter of that, to try a benchmark out.
    """
    quarter = 1 if gigabytes >= 0.5 else 4
    hidden, inner, vocabulary = 2048 // quarter, 5632 // quarter, 32000 // quarter
    heads, key_heads = 32 // quarter, 4 // quarter
    narrow = hidden // heads * key_heads
    block = {
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.k_proj": (narrow, hidden),
        "self_attn.v_proj": (narrow, hidden),
        "self_attn.o_proj": (hidden, hidden),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
        "input_layernorm": (hidden,),
        "post_attention_layernorm": (hidden,),
    }
    ends = [("model.embed_tokens.weight", (vocabulary, hidden))]
    last: list[tuple[str, tuple[int, ...]]] = [
        ("model.norm.weight", (hidden,)),
        ("lm_head.weight", (vocabulary, hidden)),
    ]
    per_layer = sum(math.prod(shape) for shape in block.values())
    layers = max(1, round((gigabytes * 1e9 / 2 - 2 * vocabulary * hidden) / per_layer))
    body = [(f"model.layers.{n}.{part}.weight", shape) for n in range(layers) for part, shape in block.items()]
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": key_heads,
        "vocab_size": vocabulary,
        "rms_norm_eps": 1e-5,
        "torch_dtype": "bfloat16",
        "tie_word_embeddings": False,
    }
    return [*ends, *body, *last], config


def _make(
    directory: Path, tensors: Tensors, shards: int, config: Mapping[str, Any], sidecars: Mapping[str, bytes]
) -> None:
    import numpy as np

    random = np.random.default_rng(0)
    pools = {
        "base": random.standard_normal(POOL, np.float32) * np.float32(WEIGHT_SCALE),
        "update": random.standard_normal(POOL, np.float32) * np.float32(UPDATE_SCALE),
    }
    parts = _shards(tensors, shards)
    names = [
        "model.safetensors" if shards == 1 else f"model-{number:05d}-of-{len(parts):05d}.safetensors"
        for number in range(1, len(parts) + 1)
    ]
    for end in ENDS:
        (directory / end).mkdir()
        (directory / end / "config.json").write_text(json.dumps(config, indent=2))
        for name, content in sidecars.items():
            (directory / end / name).write_bytes(content)
        if shards > 1:
            index = {tensor: file for file, part in zip(names, parts, strict=True) for tensor, _ in part}
            size = {"total_size": sum(2 * math.prod(shape) for _, shape in tensors)}
            text = json.dumps({"metadata": size, "weight_map": index}, indent=2)
            (directory / end / "model.safetensors.index.json").write_text(text)
    place = 0
    for name, part in zip(names, parts, strict=True):
        with (directory / "base" / name).open("wb") as base, (directory / "finetuned" / name).open("wb") as finetuned:
            for file in (base, finetuned):
                file.write(_header(part))
            for _, shape in part:
                for begin in range(0, math.prod(shape), POOL):
                    count = min(POOL, math.prod(shape) - begin)
                    place += 12_347  # the same values at another place, never the same update on the same weights
                    weights = _cut(pools["base"], place, count)
                    base.write(_bf16(weights))
                    finetuned.write(_bf16(weights + _cut(pools["update"], 3 * place, count)))
    for end in ENDS:
        for path in weight_files(directory / end):
            with path.open("rb", buffering=0) as stream:
                while stream.read(1 << 20):
                    pass


def _shards(tensors: Tensors, shards: int) -> list[list[tuple[str, tuple[int, ...]]]]:
    """Cut the list where each part has its share of the bytes."""
    total = sum(math.prod(shape) for _, shape in tensors)
    parts: list[list[tuple[str, tuple[int, ...]]]] = [[]]
    written = 0
    for name, shape in tensors:
        if written >= total * len(parts) / shards and len(parts) < shards:
            parts.append([])
        parts[-1].append((name, shape))
        written += math.prod(shape)
    return parts


def _header(tensors: Iterable[tuple[str, tuple[int, ...]]]) -> bytes:
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, shape in tensors:
        size = 2 * math.prod(shape)
        entries[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _cut(pool: "npt.NDArray[np.float32]", place: int, count: int) -> "npt.NDArray[np.float32]":
    import numpy as np

    begin = place % POOL
    cut = pool[begin : begin + count]
    return cut if len(cut) == count else np.concatenate([cut, pool[: count - len(cut)]])


def _bf16(values: "npt.NDArray[np.float32]") -> bytes:
    """To the upper 16 bits, nearest even; finite values only."""
    import numpy as np

    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16).tobytes()
