"""`retain export`: a policy becomes a bundle that runs without PyTorch."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from retain.cli import console

if TYPE_CHECKING:
    from retain.bundle.engine_plans import Precision
    from retain.export.export import ExportReport

NAME = "export"
HELP = (
    "Export a policy to a bundle: two ONNX graphs without weights that point into its model.safetensors, a manifest,"
    " and golden outputs with which every engine is checked before it may drive."
)
EXAMPLES = """examples:
  retain export compact-base -o base.bundle
  retain export outputs/finetuned -o finetuned.bundle --graph-from base.bundle
  retain run base.bundle --robot mujoco --task "push the red block left\""""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("policy", metavar="POLICY", help="policy directory, or compact-base")
    add_bundle_arguments(parser)


def add_bundle_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that every command that makes a bundle has."""
    parser.add_argument("-o", "--output", required=True, metavar="BUNDLE", help="the directory to make")
    parser.add_argument(
        "--graph-from", metavar="BUNDLE",
        help="take over the graphs of a bundle of the same architecture instead of tracing, without PyTorch",
    )  # fmt: skip
    parser.add_argument(
        "--record-golden", action="store_true",
        help="with --graph-from: run the graphs now to record golden outputs, instead of at the first opening",
    )  # fmt: skip
    parser.add_argument(
        "--trt", action="store_true",
        help="also make TensorRT engines for this machine's GPU; with --graph-from its engines get the new weights",
    )  # fmt: skip
    parser.add_argument(
        "--trt-precision", choices=("fp32", "bf16", "fp16"),
        help="--trt: in what matrix products are computed, everything else stays in float32 (default: fp32)",
    )  # fmt: skip
    parser.add_argument(
        "--limits", type=Path, metavar="FILE",
        help='default limits by channel, JSON: {"elbow": {"position_min": -2.6, "velocity": 1.5}}',
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace an existing bundle or policy directory")
    parser.add_argument("--json", action="store_true", help="print what was done as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Export and return the exit code."""
    from retain.errors import require

    require("onnx", extra="export")
    from retain.export.bundle_writer import read_limits
    from retain.export.export import export_policy

    with stages() as stage:
        report = export_policy(
            args.policy,
            args.output,
            graph_from=args.graph_from,
            trt=trt_precision(args),
            record_golden=args.record_golden,
            limits=None if args.limits is None else read_limits(args.limits),
            force=args.force,
            stage=stage,
        )
    show(report, as_json=args.json)
    return 0


def trt_precision(args: argparse.Namespace) -> "Precision | None":
    """What --trt and --trt-precision ask for together.

    Raises:
        ExportError: A precision without engines.
    """
    from retain.errors import ExportError

    if args.trt:
        return args.trt_precision or "fp32"
    if args.trt_precision is not None:
        raise ExportError("--trt-precision is for the engines that --trt makes; add --trt, or leave it out")
    return None


@contextmanager
def stages() -> Iterator[Callable[[str], None] | None]:
    """A line on the terminal that says what is going on; None when nobody is looking."""
    if not console.stderr.is_terminal:
        yield None
        return
    with console.stderr.status("starting") as status:
        yield lambda name: status.update(f"{name} …")


def show(report: "ExportReport", *, as_json: bool) -> None:
    """Print what was made."""
    from retain.bundle import Bundle, describe

    if as_json:
        console.emit_json(report.to_json())
        return
    console.table("", ("bundle", "checked"), describe(Bundle(report.output, report.manifest)))
    if report.golden is None:
        checked = "graphs of a checked bundle; whoever opens this one first compares it with them run node by node"
    else:
        name, error = report.golden.worst
        checked = f"checked in ONNX Runtime: largest error {error:.1e} ({name}), allowed {report.golden.atol:.0e}"
    console.stdout.print(f"{checked}; {sum(report.seconds.values()):.1f} s in all", markup=False)
    for warning in report.merge.warnings if report.merge is not None else ():
        console.warn(warning)
