"""`retain diff`: how a finetuned policy differs from its base."""

import argparse
from pathlib import Path

from retain.cli import console
from retain.cli.merge_options import end
from retain.cli.merge_views import component_table

NAME = "diff"
HELP = (
    "Show how a finetuned policy differs from its base, component by component, and what a merge of the two would "
    "refuse or warn of. Nothing is written."
)
EXAMPLES = """examples:
  retain diff compact-base finetuned
  retain diff base adapter --plot diff.png
  retain diff base finetuned --json | jq .obstacles"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("base", metavar="BASE", help="policy directory, .safetensors file, or compact-base")
    parser.add_argument("finetuned", metavar="FINETUNED", help="a policy finetuned from it, or a PEFT adapter")
    parser.add_argument(
        "--component", action="append", default=[], metavar="NAME=REGEX",
        help="a component of your own: the tensors whose full name matches; may be repeated",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, metavar="N", help="threads (default: one per core)")
    parser.add_argument(
        "--allow-pickle", action="store_true",
        help="also read .pt and .bin files, through torch's restricted unpickler",
    )  # fmt: skip
    parser.add_argument("--plot", type=Path, metavar="PNG", help="also draw how far each layer moved")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Compare and return the exit code: 1 if a merge would be refused."""
    from retain.errors import require
    from retain.merge.diff import measure, prepare_diff
    from retain.merge.words import parse_components
    from retain.merge.work import progress_bytes

    if args.plot is not None:
        require("matplotlib", extra="viz")
    plan, obstacles = prepare_diff(
        end(args.base), end(args.finetuned), parse_components(args.component), allow_pickle=args.allow_pickle
    )
    with console.progress("comparing", progress_bytes(plan), unit="bytes") as advance:
        found = measure(plan, obstacles, threads=args.threads, progress=advance)
    if args.plot is not None:
        from retain.merge.picture import draw

        draw(found.to_json(), args.plot)
    if args.json:
        console.emit_json(found.to_json())
        return 1 if found.obstacles else 0
    columns, rows = component_table(found.components)
    picked = [index for index, column in enumerate(columns) if column not in ("alpha", "acts as", "lost")]
    console.table(
        f"{found.base} → {found.finetuned} ({found.family})",
        [columns[index] for index in picked],
        [[row[index] for index in picked] for row in rows],
    )
    moved = [
        (each.name, each.component, f"{each.relative_update or 0.0:.2e}", f"{each.unchanged or 0.0:.1%}")
        for each in found.most_changed
    ]
    if moved:
        console.table("tensors that moved most", ("tensor", "component", "‖τ‖/‖θ‖", "unchanged"), moved)
    if found.differing_settings:
        console.stdout.print(f"config.json differs in {', '.join(found.differing_settings)}", markup=False)
    for sentence in found.remarks:
        console.warn(sentence)
    for sentence in found.obstacles:
        console.warn(f"a merge would be refused: {sentence}")
    return 1 if found.obstacles else 0
