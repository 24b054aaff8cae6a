"""The whole chain at real size, once: merged at two α, exported, opened and asked for a chunk in C++ and in PyTorch.

    python benchmarks/whole_chain.py --policy smolvla
    python benchmarks/whole_chain.py --policy pi0         # 4.03 B parameters; 35 GB under /tmp, 22 GB of free memory

Seconds and memory of every stage, and how far the chunk of the C++ engine is from PyTorch's on the same noise. Only
what a user does is timed, not the making of the two ends. results/whole_chain.json keeps one entry per policy.
"""

import argparse
import gc
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from machine import machine_facts
from retain.bundle import WEIGHTS_FILE, Bundle
from retain.cli import console
from retain.engine import EnginePlayer, open_engine
from retain.export.export import ExportReport, merge_export
from retain.policy import Policy, load_policy
from vla_pairs import FAMILIES, JOINTS, TASK, write_pair

RESULTS = Path(__file__).parent / "results" / "whole_chain.json"
T = TypeVar("T")

ALPHAS = (0.5, 0.2)
GOAL_RELATIVE_ERROR = 1e-3
"""A chunk in C++ is so close to PyTorch's, in float32, relative to its largest number."""


def main() -> None:
    """Make two ends, go through the chain, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", choices=FAMILIES, default="smolvla")
    parser.add_argument("--threads", type=int, default=2, help="of the engine and of PyTorch (default: 2)")
    parser.add_argument("--work", type=Path, help="directory for what is made and removed again (default: /tmp)")
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args()
    machine = machine_facts(("onnxruntime", "onnx", "torch", "numpy"))
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory(prefix="retain-whole-chain-", dir=args.work) as folder:
        directory = Path(folder)
        # In a process of its own, so that the peak below is the chain's.
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            base, finetuned = pool.apply(write_pair, (args.policy, directory))
        found = go_through(base, finetuned, directory, args.threads)
    kept = json.loads(args.output.read_text(encoding="utf-8")) if args.output.exists() else {}
    kept[args.policy] = found | {"machine": machine}
    args.output.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    console.table(args.policy, ("stage", "s"), [(name, f"{s:.2f}") for name, s in found["seconds"].items()])
    facts = {name: value for name, value in found.items() if not isinstance(value, dict)}
    console.table("", ("what", "found"), [(name, str(value)) for name, value in facts.items()])
    if found["chunk_relative_error"] > GOAL_RELATIVE_ERROR:
        raise SystemExit(f"the chunk is {found['chunk_relative_error']:.1e} off, allowed {GOAL_RELATIVE_ERROR:g}")


class Stopwatch:
    """Seconds by stage, each said as it begins."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __call__(self, stage: str, work: Callable[[], T]) -> T:
        print(stage, flush=True)
        started = time.perf_counter()
        result = work()
        self.seconds[stage] = round(time.perf_counter() - started, 2)
        return result


def go_through(base: Path, finetuned: Path, directory: Path, threads: int) -> dict[str, Any]:
    """Take a pair through the chain.

    Args:
        base: A policy directory.
        finetuned: Another, finetuned from it.
        directory: Where bundles are made.
        threads: Of the C++ engine.

    Returns:
        Seconds by stage, peak memory, errors.
    """
    timed = Stopwatch()
    first, second = (directory / f"alpha-{alpha:g}" for alpha in ALPHAS)
    traced = timed("merge-export", lambda: merge_export(base, finetuned, ALPHAS[0], first))
    relinked = timed(
        "merge-export --graph-from", lambda: merge_export(base, finetuned, ALPHAS[1], second, graph_from=first)
    )
    peak_export = _peak_gib()
    chunk = _in_cpp(second, threads, timed)
    gc.collect()
    policy, expected = _in_pytorch(second, timed)
    seconds = timed.seconds
    return {
        "parameters": sum(parameter.numel() for parameter in policy.parameters()),
        "weights_bytes": (second / WEIGHTS_FILE).stat().st_size,
        "graph_bytes": traced.graph_bytes,
        "alphas": list(ALPHAS),
        "threads": threads,
        "seconds": seconds,
        "stages_s": {"merge-export": _rounded(traced), "merge-export --graph-from": _rounded(relinked)},
        "second_alpha_times_merge": round(seconds["merge-export --graph-from"] / relinked.seconds["merge"], 2),
        "peak_gib_export": peak_export,
        "peak_gib": _peak_gib(),
        "chunk_relative_error": float(np.abs(chunk - expected).max() / np.abs(expected).max()),
        "goal_chunk_relative_error": GOAL_RELATIVE_ERROR,
    }


def _in_cpp(path: Path, threads: int, timed: Stopwatch) -> np.ndarray:
    """A chunk [1, 50, 6] of the C++ engine, which is gone again afterwards."""
    bundle = timed("open, with SHA-256", lambda: Bundle.open(path))
    player = timed("engine", lambda: EnginePlayer(bundle, open_engine(bundle, threads=threads)))
    chunk = timed("chunk, first", lambda: player.predict_chunk(*_observation()))
    timed("chunk", lambda: player.predict_chunk(*_observation()))
    return chunk


def _in_pytorch(path: Path, timed: Stopwatch) -> tuple[Policy, np.ndarray]:
    policy = timed("PyTorch: load", lambda: load_policy(path))
    chunk = timed("PyTorch: chunk, first", lambda: policy.predict_chunk(*_observation()))
    timed("PyTorch: chunk", lambda: policy.predict_chunk(*_observation()))
    return policy, chunk


def _observation() -> tuple[dict[str, np.ndarray], np.ndarray, list[str], np.ndarray]:
    generator = np.random.default_rng(1)
    images = {role: generator.integers(0, 256, (1, 480, 640, 3), dtype=np.uint8) for role in ("top", "wrist")}
    state = generator.standard_normal((1, len(JOINTS)), dtype=np.float32)
    return images, state, [TASK], generator.standard_normal((1, 50, 32), dtype=np.float32)


def _rounded(report: ExportReport) -> dict[str, float]:
    return {name: round(seconds, 2) for name, seconds in report.seconds.items()}


def _peak_gib() -> float:
    """Most memory that this process has held so far, mapped files included [GiB]."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20), 1)


if __name__ == "__main__":
    main()
