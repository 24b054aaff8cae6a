"""`retain merge`: two policies become one, tensor by tensor."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from retain.cli import console

if TYPE_CHECKING:
    from retain.merge import MergePlan, MergeReport

NAME = "merge"
HELP = (
    "Merge a base policy with one finetuned from it: base + alpha (finetuned - base), so alpha 0 is the base and "
    "1 the finetuned policy."
)
EXAMPLES = """examples:
  retain merge compact-base finetuned --alpha 0.5 -o merged
  retain merge base finetuned --alpha vision=1 language=.8 action=.5 -o merged
  retain merge base finetuned --alpha 0.5 head=1 --component 'head=.*action_out_proj.*' -o merged --dtype float32"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    from retain.merge import Missing, StoredDType

    parser.add_argument("base", metavar="BASE", help="policy directory, .safetensors file, or compact-base")
    parser.add_argument("finetuned", metavar="FINETUNED", help="a policy finetuned from it")
    parser.add_argument(
        "--alpha", nargs="+", required=True, metavar="A",
        help="weight of the finetuned policy: a number, NAME=NUMBER for components, or both",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="the policy directory to make")
    parser.add_argument(
        "--dtype", choices=get_args(StoredDType), help="store weights as this (default: as the base does)"
    )
    parser.add_argument(
        "--missing", choices=get_args(Missing), default="error",
        help="keep this end's tensors where the two differ in names or shapes (default: error)",
    )  # fmt: skip
    parser.add_argument(
        "--component", action="append", default=[], metavar="NAME=REGEX",
        help="a component of your own: the tensors whose full name matches; may be repeated",
    )  # fmt: skip
    parser.add_argument("--extrapolate", action="store_true", help="allow alpha outside [0, 1]")
    parser.add_argument("--threads", type=int, metavar="N", help="threads (default: one per core)")
    parser.add_argument("--force", action="store_true", help="replace an existing policy directory")
    parser.add_argument("--no-hash", action="store_true", help="leave SHA-256 of inputs and output out of the report")
    parser.add_argument(
        "--no-sync", action="store_true", help="do not wait for the disk; a power cut may lose the output"
    )
    parser.add_argument("--dry-run", action="store_true", help="show the plan and write nothing")
    parser.add_argument("--json", action="store_true", help="print the report (or the plan) as JSON")


def run(args: argparse.Namespace) -> int:
    """Merge and return the exit code."""
    from retain.errors import MergeError
    from retain.merge import Recipe, execute, parse_alpha, parse_components, prepare

    recipe = Recipe.of(parse_alpha(args.alpha), dtype=args.dtype, missing=args.missing, extrapolate=args.extrapolate)
    base, finetuned = _end(args.base), _end(args.finetuned)
    if args.output is None and not args.dry_run:
        raise MergeError("no output was given; add -o DIR, or --dry-run to see the plan")
    plan = prepare(base, finetuned, recipe, parse_components(args.component))
    if args.dry_run:
        _show_plan(plan, as_json=args.json)
        return 0
    with console.progress("merging", plan.tensor_bytes, unit="bytes") as advance:
        report = execute(
            plan,
            args.output,
            threads=args.threads,
            force=args.force,
            hashing=not args.no_hash,
            sync=not args.no_sync,
            progress=advance,
        )
    if args.json:
        console.emit_json(report.to_json())
    else:
        _show_report(report)
    return 0


def _end(text: str) -> Path:
    # Only a bare word can name a packaged policy, and looking it up imports numpy: half of the start-up time.
    if os.sep not in text:
        from retain.policy import BASE_NAME, resolve

        if text == BASE_NAME:
            return resolve(text)
    return Path(text)


def _show_plan(plan: "MergePlan", *, as_json: bool) -> None:
    from retain.merge import ALPHA_IN_WORDS

    components = {
        name: {
            "alpha": plan.alpha[name],
            "tensors": len(tensors := [tensor for tensor in plan.tensors if tensor.component == name]),
            "bytes": sum(tensor.nbytes for tensor in tensors),
            **{kind: sum(tensor.kind == kind for tensor in tensors) for kind in ("copy", "convert", "linear")},
        }
        for name in plan.partition.components
    }
    if as_json:
        console.emit_json(
            {
                "recipe": plan.recipe.to_json(),
                "family": plan.partition.family,
                "components": components,
                "normalization": plan.normalization.to_json(),
                "files": {file.name: file.nbytes for file in plan.files},
                "warnings": list(plan.warnings),
            }
        )
        return
    columns = ("component", "alpha", "tensors", "MB", "copied", "converted", "interpolated")
    rows = [
        (name, row["alpha"], row["tensors"], round(row["bytes"] / 1e6, 2), row["copy"], row["convert"], row["linear"])
        for name, row in components.items()
    ]
    console.table(f"plan ({plan.partition.family})", columns, rows)
    console.stdout.print(ALPHA_IN_WORDS, markup=False)
    for warning in plan.warnings:
        console.warn(warning)


def _show_report(report: "MergeReport") -> None:
    columns = ("component", "alpha", "acts as", "tensors", "parameters", "‖τ‖/‖θ‖", "cosine", "unchanged", "lost")
    rows = [
        (
            name,
            f"{part.alpha:g}",
            _figure(part.effective_alpha, "{:.3f}"),
            part.tensors,
            f"{part.parameters:,}",
            _figure(part.relative_update, "{:.2e}"),
            _figure(part.cosine, "{:.6f}"),
            _figure(part.unchanged, "{:.1%}"),
            _figure(part.lost, "{:.1%}"),
        )
        for name, part in report.components.items()
    ]
    console.table(f"merged ({report.family})", columns, rows)
    size = sum(int(file["bytes"]) for file in report.output.files.values())
    console.stdout.print(f"{report.alpha_in_words}", markup=False)
    console.stdout.print(
        f"{report.output.path}: {size / 1e6:.1f} MB in {report.seconds:.2f} s ({report.output_gb_per_s:.2f} GB/s), "
        f"normalization {report.normalization['status']}",
        markup=False,
    )
    for warning in report.warnings:
        console.warn(warning)


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)
