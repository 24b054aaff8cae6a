"""`retain merge-export`: two policies become one, as a bundle, in one step."""

import argparse

from retain.cli.export import add_bundle_arguments, show, stages

NAME = "merge-export"
HELP = (
    "Merge a base policy with one finetuned from it and export the result: alpha 0 is the base, 1 the finetuned policy."
    " The bundle's model.safetensors is byte for byte what `retain merge` writes."
)
EXAMPLES = """examples:
  merge-export compact-base outputs/finetuned --alpha 0.5 -o half.bundle
  merge-export compact-base outputs/finetuned --alpha 0.3 -o third.bundle --graph-from half.bundle
  merge-export base finetuned --alpha vision=1 language=.8 action=.5 -o mixed.bundle"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("base", metavar="BASE", help="policy directory, or compact-base")
    parser.add_argument("finetuned", metavar="FINETUNED", help="a policy finetuned from it")
    parser.add_argument(
        "--alpha", nargs="+", required=True, metavar="A",
        help="weight of the finetuned policy: a number, NAME=NUMBER for components, or both",
    )  # fmt: skip
    parser.add_argument(
        "--component", action="append", default=[], metavar="NAME=REGEX",
        help="a component of your own: the tensors whose full name matches; may be repeated",
    )  # fmt: skip
    parser.add_argument("--extrapolate", action="store_true", help="allow alpha outside [0, 1]")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of the merge (default: one per core)")
    add_bundle_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Merge, export and return the exit code."""
    from retain.errors import require
    from retain.merge import parse_alpha, parse_components

    alpha, components = parse_alpha(args.alpha), parse_components(args.component)
    require("onnx", extra="export")
    from retain.export.bundle_writer import read_limits
    from retain.export.export import merge_export

    with stages() as stage:
        report = merge_export(
            args.base,
            args.finetuned,
            alpha,
            args.output,
            graph_from=args.graph_from,
            trt=args.trt,
            limits=None if args.limits is None else read_limits(args.limits),
            components=components,
            extrapolate=args.extrapolate,
            threads=args.threads,
            force=args.force,
            stage=stage,
        )
    show(report, as_json=args.json)
    return 0
