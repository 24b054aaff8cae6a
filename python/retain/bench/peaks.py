"""What this machine can do at most: bytes per second (McCalpin's STREAM) and floating-point operations per second.

Run as a program it measures in a process of its own: a BLAS fixes its number of threads when it is loaded.

    python -m retain.bench.peaks '{"device": "cpu", "threads": 2, "working_sets": [6000000]}'
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from retain.errors import EngineError

MIN_BYTES, MAX_BYTES = 1 << 20, 1 << 28
"""A working set is measured between these: smaller ones measure the call, larger ones no other memory."""

_REPEATS = 7
_MOVED_BYTES = 32 << 20
"""Per repetition: a small working set is passed over often enough for the clock."""
_GEMM_SIZES = (512, 1024)
_GEMM_SIZES_GPU = (2048, 4096, 8192)
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


@dataclass(frozen=True)
class Peaks:
    """The best of several runs.

    Attributes:
        flops_per_s: Of a product of float32 matrices.
        bytes_per_s: Working set in bytes → a + b written to c over three arrays that are as large together.
    """

    flops_per_s: float
    bytes_per_s: Mapping[int, float]

    def floor_s(self, flops: int, nbytes: int) -> float:
        """The roofline's floor: no run can compute this much and move this much in less.

        Args:
            flops: Floating-point operations.
            nbytes: Bytes; the bandwidth is that of the nearest measured working set, because a graph whose weights
                fit into the cache reads them from there from the second step on.
        """
        nearest = min(self.bytes_per_s, key=lambda size: abs(size - working_set(nbytes)))
        return max(flops / self.flops_per_s, nbytes / self.bytes_per_s[nearest])

    @classmethod
    def best(cls, runs: "Sequence[Peaks]") -> "Peaks":
        """The best of each figure over runs with the same working sets."""
        sizes = runs[0].bytes_per_s
        return cls(
            max(run.flops_per_s for run in runs), {size: max(run.bytes_per_s[size] for run in runs) for size in sizes}
        )

    def to_json(self) -> dict[str, Any]:
        """GFLOP/s, and GB/s by working set in MiB."""
        return {
            "gflop_per_s": round(self.flops_per_s / 1e9, 1),
            "gb_per_s_by_mib": {f"{size / 2**20:.3g}": round(x / 1e9, 2) for size, x in self.bytes_per_s.items()},
        }


def working_set(nbytes: int) -> int:
    """The size at which the bandwidth for so many bytes is measured."""
    return min(max(nbytes, MIN_BYTES), MAX_BYTES)


def measure_peaks(threads: int, working_sets: Sequence[int], device: str = "cpu") -> Peaks:
    """Measure in a fresh process.

    Args:
        threads: On the CPU; a GPU does not ask.
        working_sets: Bytes.
        device: "cpu", with numpy, or "cuda", with torch.

    Raises:
        EngineError: The process failed; its last line says why.
    """
    sizes = sorted({working_set(size) for size in working_sets})
    asked = json.dumps({"device": device, "threads": threads, "working_sets": sizes})
    environment = os.environ | dict.fromkeys(_THREAD_VARIABLES, str(threads))
    command = [sys.executable, "-m", "retain.bench.peaks", asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise EngineError(f"the peaks of {device} could not be measured: {lines[-1]}")
    found = json.loads(done.stdout)
    return Peaks(found["flops_per_s"], {int(size): rate for size, rate in found["bytes_per_s"].items()})


def _on_cpu(threads: int, sizes: Sequence[int]) -> Peaks:
    import numpy as np

    with ThreadPoolExecutor(threads) as pool:

        def add(passes: int, a: Any, b: Any, c: Any) -> None:
            for _ in range(passes):
                np.add(a, b, out=c)  # releases the interpreter's lock

        def rate(size: int) -> float:
            arrays = [np.ones(size // 12, np.float32) for _ in range(3)]
            edges = [i * len(arrays[0]) // threads for i in range(threads + 1)]
            parts = [[array[low:high] for array in arrays] for low, high in pairwise(edges)]
            passes = max(1, _MOVED_BYTES // size)
            best = _best_s(lambda: list(pool.map(lambda part: add(passes, *part), parts)))
            return 12 * len(arrays[0]) * passes / best

        rates = {size: rate(size) for size in sizes}
    generator = np.random.default_rng(0)
    squares = ([generator.standard_normal((n, n), dtype=np.float32) for _ in range(2)] for n in _GEMM_SIZES)
    return Peaks(max(2 * len(a) ** 3 / _best_s(partial(np.matmul, a, b)) for a, b in squares), rates)


def _on_torch(device: str, sizes: Sequence[int], gemm_sizes: Sequence[int]) -> Peaks:
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise EngineError(f"torch {torch.__version__} sees no GPU")
    torch.backends.cuda.matmul.allow_tf32 = False

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    def add(passes: int, a: Any, b: Any, c: Any) -> None:
        for _ in range(passes):
            torch.add(a, b, out=c)
        wait()

    def multiply(a: Any, b: Any) -> None:
        torch.mm(a, b)
        wait()

    def rate(size: int) -> float:
        arrays = [torch.ones(size // 12, device=device) for _ in range(3)]
        passes = max(1, _MOVED_BYTES // size)
        return 12 * len(arrays[0]) * passes / _best_s(partial(add, passes, *arrays))

    squares = ([torch.randn(n, n, device=device) for _ in range(2)] for n in gemm_sizes)
    flops = max(2 * len(a) ** 3 / _best_s(partial(multiply, a, b)) for a, b in squares)
    return Peaks(flops, {size: rate(size) for size in sizes})


def _best_s(run: Callable[[], object]) -> float:
    run()
    best = float("inf")
    for _ in range(_REPEATS):
        started = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - started)
    return best


def _main() -> int:
    asked = json.loads(sys.argv[1])
    try:
        if asked["device"] == "cpu":
            found = _on_cpu(asked["threads"], asked["working_sets"])
        else:
            found = _on_torch(asked["device"], asked["working_sets"], _GEMM_SIZES_GPU)
    except (EngineError, ImportError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"flops_per_s": found.flops_per_s, "bytes_per_s": dict(found.bytes_per_s)}))
    return 0


if __name__ == "__main__":
    sys.exit(_main())
