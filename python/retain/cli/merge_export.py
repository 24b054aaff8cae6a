"""`retain merge-export`: two policies become one, as a bundle, in one step."""

import argparse

from retain.cli.export import add_bundle_arguments, show, stages, trt_precision
from retain.cli.merge_options import add_end_arguments, add_recipe_arguments, add_running_arguments, recipes

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
    add_end_arguments(parser)
    add_recipe_arguments(parser, several=False)
    add_running_arguments(parser)
    add_bundle_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Merge, export and return the exit code."""
    from retain.errors import MergeError, require
    from retain.merge import parse_components

    asked, components = recipes(args), parse_components(args.component)
    if len(asked) > 1:
        raise MergeError(f"--alpha asks for {len(asked)} results, and one bundle is made; give one number")
    require("onnx", extra="export")
    from retain.export.bundle_writer import read_limits
    from retain.export.export import merge_export

    with stages() as stage:
        report = merge_export(
            args.base,
            args.finetuned,
            asked[0],
            args.output,
            graph_from=args.graph_from,
            trt=trt_precision(args),
            record_golden=args.record_golden,
            limits=None if args.limits is None else read_limits(args.limits),
            components=components,
            threads=args.threads,
            force=args.force,
            allow_pickle=args.allow_pickle,
            stage=stage,
        )
    show(report, as_json=args.json)
    return 0
