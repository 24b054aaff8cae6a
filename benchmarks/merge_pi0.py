"""A full-size π0-shaped pair, merged on this machine: time and memory.

    python benchmarks/merge_pi0.py --rounds 3

The names, shapes and order of LeRobot's pi0: SigLIP so400m/14 (27 layers), Gemma-2B (18 layers), the Gemma-300M action
expert (18 layers), the projections; 777 tensors, 3.50 G parameters, 7.0 GB in bf16 in one file, as on the Hub (there
the vision tower and the norms may be fp32). Random values. Merged at one α and by component, as RETAIN does; with and
without SHA-256; beside `cp -r`. What had to be read from the disk, because both inputs and the output do not fit into
the page cache together, is in the table. Needs 22 GB on the disk.
"""

import argparse
import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from machine import machine_facts
from merge_checkpoints import Tensors, make_pair
from merge_rounds import Way, check_space, in_turn, row, show
from merge_ways import copy, cp, retain

RESULTS = Path(__file__).parent / "results" / "merge_pi0.json"
ALPHAS = "vision=1 language=0.8 action=0.5"
CONFIG = {
    "type": "pi0",
    "normalization_mapping": {"VISUAL": "IDENTITY", "STATE": "MEAN_STD", "ACTION": "MEAN_STD"},
    "paligemma_variant": "gemma_2b",
    "action_expert_variant": "gemma_300m",
    "dtype": "bfloat16",
}

PREDICTED = {
    "cp -r": (0.0, 0.31),
    "copy, 2 threads": (0.03, 0.25),
    "retain, one α": (0.15, 0.27),
    "retain, α by component": (0.15, 0.25),
    "retain, one α, SHA-256": (0.15, 1.1),
    "retain, one α, sync": (0.15, 0.7),
}
"""Start [s] and seconds a gigabyte of output, before the first run. One file, whose lock both threads need to write."""


def pi0_tensors(layers: int | None = None) -> Tensors:
    """Names and shapes of a π0 policy.

    Args:
        layers: At most so many layers in each of its parts, to try the benchmark out; None is all.
    """
    paligemma = "model.paligemma_with_expert.paligemma"
    expert = "model.paligemma_with_expert.gemma_expert"
    vocabulary = 257_152
    siglip_layers, gemma_layers = (min(n, layers or n) for n in (27, 18))
    if layers is not None:
        vocabulary //= 64
    return [
        (f"{paligemma}.lm_head.weight", (vocabulary, 2048)),
        *_gemma(f"{paligemma}.model.language_model", gemma_layers, width=2048, inner=16_384),
        (f"{paligemma}.model.multi_modal_projector.linear.bias", (2048,)),
        (f"{paligemma}.model.multi_modal_projector.linear.weight", (2048, 1152)),
        *_siglip(f"{paligemma}.model.vision_tower.vision_model", siglip_layers),
        (f"{expert}.lm_head.weight", (vocabulary, 1024)),
        *_gemma(f"{expert}.model", gemma_layers, width=1024, inner=4096),
        *_linear("model.action_in_proj", 1024, 32),
        *_linear("model.action_out_proj", 32, 1024),
        *_linear("model.action_time_mlp_in", 1024, 2048),
        *_linear("model.action_time_mlp_out", 1024, 1024),
        *_linear("model.state_proj", 1024, 32),
    ]


def _linear(name: str, outputs: int, inputs: int) -> Tensors:
    return [(f"{name}.bias", (outputs,)), (f"{name}.weight", (outputs, inputs))]


def _gemma(name: str, layers: int, *, width: int, inner: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Eight heads of 256, one key-value head."""
    for n in range(layers):
        layer = f"{name}.layers.{n}"
        yield f"{layer}.input_layernorm.weight", (width,)
        yield f"{layer}.mlp.down_proj.weight", (width, inner)
        yield f"{layer}.mlp.gate_proj.weight", (inner, width)
        yield f"{layer}.mlp.up_proj.weight", (inner, width)
        yield f"{layer}.post_attention_layernorm.weight", (width,)
        yield f"{layer}.self_attn.k_proj.weight", (256, width)
        yield f"{layer}.self_attn.o_proj.weight", (width, 2048)
        yield f"{layer}.self_attn.q_proj.weight", (2048, width)
        yield f"{layer}.self_attn.v_proj.weight", (256, width)
    yield f"{name}.norm.weight", (width,)


def _siglip(name: str, layers: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, inner = 1152, 4304
    yield f"{name}.embeddings.patch_embedding.bias", (width,)
    yield f"{name}.embeddings.patch_embedding.weight", (width, 3, 14, 14)
    yield f"{name}.embeddings.position_embedding.weight", (256, width)
    for n in range(layers):
        layer = f"{name}.encoder.layers.{n}"
        for norm in ("layer_norm1", "layer_norm2"):
            yield f"{layer}.{norm}.bias", (width,)
            yield f"{layer}.{norm}.weight", (width,)
        yield from _linear(f"{layer}.mlp.fc1", inner, width)
        yield from _linear(f"{layer}.mlp.fc2", width, inner)
        for part in ("k_proj", "out_proj", "q_proj", "v_proj"):
            yield from _linear(f"{layer}.self_attn.{part}", width, width)
    for part in ("bias", "weight"):
        yield f"{name}.post_layernorm.{part}", (width,)


def main(argv: Sequence[str] | None = None) -> None:
    """Make the pair, merge it, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--layers", type=int, help="at most so many layers, to try it out (default: all)")
    parser.add_argument("--directory", type=Path, help="where to work (default: a temporary directory)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the JSON to write")
    args = parser.parse_args(argv)
    tensors = pi0_tensors(args.layers)
    parameters = sum(math.prod(shape) for _, shape in tensors)
    with tempfile.TemporaryDirectory(dir=args.directory) as name:
        pair = Path(name)
        check_space(pair, 3.1 * 2 * parameters)
        nbytes = make_pair(pair, tensors, shards=1, config=CONFIG)
        print(f"{len(tensors)} tensors, {parameters / 1e9:.2f} G parameters, {nbytes / 1e9:.2f} GB")
        runs = in_turn(ways(pair), args.rounds)
    rows: dict[str, dict[str, Any]] = {way: dict(row(found, nbytes)) for way, found in runs.items()}
    for way, found in rows.items():
        start, per_gigabyte = PREDICTED[way]
        found["predicted_s"] = round(start + per_gigabyte * nbytes / 1e9, 2)
        found["times_cp"] = round(found["median_s"] / rows["cp -r"]["median_s"], 3)
    show(rows, ("predicted_s", "median_s", "best_s", "worst_s", "times_cp", "cpu_s", "peak_mib", "disk_read_gb"))
    sizes = {"tensors": len(tensors), "parameters": parameters, "bytes": nbytes, "inputs_and_output_bytes": 3 * nbytes}
    result = {"machine": machine_facts(("numpy",)), **sizes, "rounds": args.rounds, "alphas": ALPHAS, "ways": rows}
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(result, indent=2) + "\n")


def ways(pair: Path) -> list[Way]:
    """Copies and merges."""
    output = pair / "merged"
    fast = ("--no-hash", "--no-sync")
    return [
        cp(pair, output),
        copy(pair, output),
        retain(pair, output, "retain, one α", *fast),
        retain(pair, output, "retain, α by component", *fast, alpha=ALPHAS),
        retain(pair, output, "retain, one α, SHA-256", "--no-sync"),
        retain(pair, output, "retain, one α, sync", "--no-hash"),
    ]


if __name__ == "__main__":
    main()
