"""Merge two sharded checkpoints as a careful person would with torch: shard by shard, in fp32, rounded once.

python benchmarks/merge_torch.py BASE FINETUNED OUTPUT ALPHA THREADS
"""

import shutil
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file


def main(base: str, finetuned: str, output: str, alpha: str, threads: str) -> None:
    """Both ends must have the same shards."""
    torch.set_num_threads(int(threads))
    Path(output).mkdir()
    for path in sorted(Path(base).iterdir()):
        if path.suffix != ".safetensors":
            shutil.copy(path, output)
            continue
        merged = {}
        with safe_open(path, "pt") as p, safe_open(Path(finetuned) / path.name, "pt") as f:
            for name in p.keys():  # noqa: SIM118, it is not a mapping
                weights = p.get_tensor(name)
                between = torch.lerp(weights.float(), f.get_tensor(name).float(), float(alpha))
                merged[name] = between.to(weights.dtype)
        save_file(merged, Path(output) / path.name, {"format": "pt"})


if __name__ == "__main__":
    main(*sys.argv[1:])
