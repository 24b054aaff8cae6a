"""How long a chunk takes: the C++ engine, Python's ONNX Runtime and PyTorch eager, on one thread, in the same run.

A chunk is one prefix and all flow steps of the policy. The three take turns, chunk by chunk, so that whatever else the
machine does slows all of them; they get the same observation and the same noise, and their chunks are compared.

    python benchmarks/inference.py --policy compact-base --chunks 300
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from machine import machine_facts
from retain.bundle import Bundle, GoldenCase
from retain.engine import open_engine
from retain.engine.flow import integrate
from retain.engine.golden import feed_prefix
from retain.export.export import export_policy
from retain.policy import load_policy

FloatArray = npt.NDArray[np.float32]
Player = Callable[[], FloatArray]
WARM_UP = 10


def cpp_player(bundle: Bundle, case: GoldenCase) -> Player:
    """The C++ engine, called through its Python binding as the evaluator does."""
    engine = open_engine(bundle, threads=1)

    def play() -> FloatArray:
        feed_prefix(engine, case.prefix_inputs)
        return integrate(engine, case.noise, bundle.manifest.flow_steps)

    return play


def onnxruntime_player(bundle: Bundle, case: GoldenCase) -> Player:
    """The same graphs in the `onnxruntime` package."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = ["CPUExecutionProvider"]
    graphs = bundle.manifest.graphs
    prefix, step = (
        onnxruntime.InferenceSession(str(bundle.file(graph.file)), options, providers) for graph in graphs.all
    )
    steps = bundle.manifest.flow_steps

    def play() -> FloatArray:
        (kv,) = prefix.run(None, case.prefix_inputs)
        x = case.noise
        for index in range(steps):
            t = np.full(x.shape[:2], index / steps, dtype=np.float32)
            x = x + step.run(None, {"x": x, "t": t, "kv": kv})[0] / np.float32(steps)
        return x

    return play


def torch_player(bundle: Bundle, case: GoldenCase) -> Player:
    """The policy that the bundle was exported from, eager."""
    torch.set_num_threads(1)
    policy = load_policy(bundle.path)
    steps = bundle.manifest.flow_steps
    inputs = {name: torch.from_numpy(np.array(array)) for name, array in case.prefix_inputs.items()}
    images = [inputs[f"image.{camera.role}"] for camera in policy.spec.cameras]

    @torch.inference_mode()
    def play() -> FloatArray:
        kv = policy.prefix(images, inputs["tokens"], inputs["token_mask"], inputs["state"])
        x = torch.from_numpy(np.array(case.noise))
        for index in range(steps):
            x = x + policy.step(x, torch.full(x.shape[:2], index / steps), kv) / steps
        chunk: FloatArray = x.numpy()
        return chunk

    return play


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", default="compact-base")
    parser.add_argument("--chunks", type=int, default=300)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "inference.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = export_policy(args.policy, Path(folder) / "bundle")
        bundle = Bundle.open(report.output)
        case = GoldenCase.load(bundle.file(bundle.manifest.golden.file))
        players = {
            "C++ engine": cpp_player(bundle, case),
            "Python onnxruntime": onnxruntime_player(bundle, case),
            "PyTorch eager": torch_player(bundle, case),
        }
        times: dict[str, list[float]] = {name: [] for name in players}
        errors = {name: float(np.abs(play() - case.chunk).max()) for name, play in players.items()}
        for round_index in range(WARM_UP + args.chunks):
            for name, play in players.items():
                start = time.perf_counter()
                play()
                if round_index >= WARM_UP:
                    times[name].append((time.perf_counter() - start) * 1e3)
        rows = {
            name: {
                "median_ms": round(float(np.median(values)), 3),
                "p99_ms": round(float(np.percentile(values, 99)), 3),
                "max_error": errors[name],
            }
            for name, values in times.items()
        }
        parameters = sum(tensor.numel() for tensor in load_policy(bundle.path).parameters())
        result = {
            "what": "one prefix and all flow steps, one thread, engines taking turns chunk by chunk",
            "policy": str(args.policy) if args.policy == "compact-base" else bundle.manifest.family,
            "parameters": parameters,
            "flow_steps": bundle.manifest.flow_steps,
            "chunks": args.chunks,
            "engines": rows,
            "machine": machine_facts(("onnxruntime", "torch", "numpy")),
        }
    print(f"{'engine':<20}{'median ms':>12}{'p99 ms':>12}{'max error':>12}{'against C++':>14}")
    reference = rows["C++ engine"]["median_ms"]
    for name, row in rows.items():
        ratio = row["median_ms"] / reference
        print(f"{name:<20}{row['median_ms']:>12.2f}{row['p99_ms']:>12.2f}{row['max_error']:>12.1e}{ratio:>13.2f}x")
    args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
