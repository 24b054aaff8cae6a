"""How fast `retain merge` is, against copying the output and against a plain torch script, in one run.

    python benchmarks/merge.py --gigabytes 1 --repeats 5

Makes a bf16 pair (a base and base + N(0, 2e-4), Llama-like shapes) on the spot, reads everything once so that the
page cache is warm, then times the ways in turn, round after round, and takes medians: what slows one round slows all
of them. Every way writes a fresh output that is removed outside the measured time. Processes are timed from start to
end, imports included; peak memory is the kernel's figure for the process.
"""

import argparse
import json
import math
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import machine_facts

RESULTS = Path(__file__).parent / "results" / "merge.json"
WEIGHTS = "model.safetensors"

TORCH_SCRIPT = """
import sys, torch
from safetensors import safe_open
from safetensors.torch import save_file
torch.set_num_threads(int(sys.argv[4]))
merged = {}
with safe_open(sys.argv[1], "pt") as base, safe_open(sys.argv[2], "pt") as finetuned:
    for name in base.keys():
        merged[name] = torch.lerp(base.get_tensor(name).float(), finetuned.get_tensor(name).float(), 0.5).bfloat16()
save_file(merged, sys.argv[3])
"""


@dataclass(frozen=True)
class Run:
    """One timed process: wall time [s], processor time [s], peak memory [MiB], retain's stream by itself [s]."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    stream_s: float | None


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of each policy (default: 1)")
    parser.add_argument("--repeats", type=int, default=5, help="rounds (default: 5)")
    parser.add_argument("--directory", type=Path, help="where to work (default: a temporary directory)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the JSON to write")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=args.directory) as name:
        work = Path(name)
        # In a process of its own: the kernel counts this process's peak memory as the start of every child's.
        maker = multiprocessing.get_context("spawn").Process(target=make_pair, args=(work, args.gigabytes))
        maker.start()
        maker.join()
        if maker.exitcode != 0:
            raise SystemExit("cannot make the pair of policies")
        nbytes = (work / "base" / WEIGHTS).stat().st_size
        result = measure(work, nbytes, args.repeats)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(result, indent=2) + "\n")
    show(result)


def make_pair(directory: Path, gigabytes: float) -> None:
    """Write `base` and `finetuned`, and read them once."""
    import numpy as np
    from retain.checkpoint import build_header

    def bf16(values: "np.ndarray[Any, np.dtype[np.float32]]") -> bytes:
        bits = values.view(np.uint32)
        return bytes(((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16).data)

    shapes = [(2048, 5632), (5632, 2048), (2048, 2048), (512, 2048), (2048,)]
    layers = max(1, round(gigabytes * 1e9 / 2 / sum(math.prod(shape) for shape in shapes)))
    parts = ("vision", "language", "action")
    names = [
        (f"{parts[3 * layer // layers]}.layers.{layer}.{n}.weight", shape)
        for layer in range(layers)
        for n, shape in enumerate(shapes)
    ]
    random = np.random.default_rng(0)
    header = build_header([(name, "BF16", shape) for name, shape in names], {"format": "pt"})
    for end in ("base", "finetuned"):
        (directory / end).mkdir()
        (directory / end / "config.json").write_text('{"type": "compact"}')
    with (directory / "base" / WEIGHTS).open("wb") as base, (directory / "finetuned" / WEIGHTS).open("wb") as finetuned:
        base.write(header)
        finetuned.write(header)
        for _, shape in names:
            weights = random.standard_normal(shape, np.float32) * np.float32(0.02)
            base.write(bf16(weights))
            finetuned.write(bf16(weights + random.standard_normal(shape, np.float32) * np.float32(2e-4)))
    for end in ("base", "finetuned"):
        with (directory / end / WEIGHTS).open("rb") as file:
            while file.read(1 << 20):
                pass


def ways(work: Path, output: Path) -> dict[str, list[str]]:
    """The commands to compare; each makes `output`, a directory with a weight file."""
    base, finetuned = work / "base", work / "finetuned"
    retain = [
        sys.executable,
        "-m",
        "retain.cli",
        "merge",
        str(base),
        str(finetuned),
        "--alpha",
        "0.5",
        "-o",
        str(output),
    ]
    retain.append("--json")
    torch = [sys.executable, "-c", TORCH_SCRIPT, str(base / WEIGHTS), str(finetuned / WEIGHTS), str(output / WEIGHTS)]
    return {
        "cp -r": ["cp", "-r", str(base), str(output)],
        "retain, 1 thread": [*retain, "--threads", "1", "--no-hash", "--no-sync"],
        "retain, 2 threads": [*retain, "--threads", "2", "--no-hash", "--no-sync"],
        "retain, 2 threads, SHA-256": [*retain, "--threads", "2", "--no-sync"],
        "cp -r, sync": ["sh", "-c", f"cp -r '{base}' '{output}' && sync '{output / WEIGHTS}'"],
        "retain, 2 threads, sync": [*retain, "--threads", "2", "--no-hash"],
        "torch script, 2 threads": [*torch, "2"],
    }


def timed(command: Sequence[str], output: Path) -> Run:
    """Run a command that makes `output`, then remove it."""
    if command[1] == "-c" and command[2] == TORCH_SCRIPT:
        output.mkdir()
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    stream_s = json.loads(said)["seconds"] if "--json" in command else None
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} failed with exit code {process.returncode}")
    shutil.rmtree(output)
    return Run(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, stream_s)


def measure(work: Path, nbytes: int, repeats: int) -> dict[str, Any]:
    """Time all ways in turn."""
    output = work / "merged"
    runs: dict[str, list[Run]] = {name: [] for name in ways(work, output)}
    for _ in range(repeats):
        for name, command in ways(work, output).items():
            runs[name].append(timed(command, output))
    copied = statistics.median(run.wall_s for run in runs["cp -r"])
    rows = {}
    for name, found in runs.items():
        rows[name] = _row([run.wall_s for run in found], nbytes, copied, found)
        streams = [run.stream_s for run in found if run.stream_s is not None]
        if streams:
            rows[f"{name}: stream alone"] = _row(streams, nbytes, copied, [])
    facts = machine_facts(("numpy", "safetensors", "torch"))
    return {"machine": facts, "bytes": nbytes, "repeats": repeats, "ways": rows}


def _row(seconds: Sequence[float], nbytes: int, copied_s: float, runs: Sequence[Run]) -> dict[str, float | None]:
    median = statistics.median(seconds)
    return {
        "median_s": round(median, 4),
        "best_s": round(min(seconds), 4),
        "output_gb_per_s": round(nbytes / median / 1e9, 3),
        "times_cp": round(median / copied_s, 3),
        "cpu_s": round(statistics.median(run.cpu_s for run in runs), 3) if runs else None,
        "peak_mib": round(max(run.peak_mib for run in runs), 1) if runs else None,
    }


def show(result: dict[str, Any]) -> None:
    """Print the table."""
    facts = result["machine"]
    print(f"{result['bytes'] / 1e9:.2f} GB bf16, median of {result['repeats']}; {facts['cpu']}, {facts['cores']} cores")
    print(f"{'way':44} {'median s':>9} {'best s':>8} {'GB/s out':>9} {'x cp -r':>8} {'cpu s':>7} {'peak MiB':>9}")
    for name, row in result["ways"].items():
        cpu, peak = ("–" if row[key] is None else row[key] for key in ("cpu_s", "peak_mib"))
        figures = f"{row['median_s']:9.3f} {row['best_s']:8.3f} {row['output_gb_per_s']:9.2f} {row['times_cp']:8.2f}"
        print(f"{name:44} {figures} {cpu:>7} {peak:>9}")


if __name__ == "__main__":
    main()
