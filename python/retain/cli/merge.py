"""`retain merge`: policies become one, tensor by tensor."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from retain.cli import console
from retain.cli.merge_options import add_end_arguments, add_recipe_arguments, add_running_arguments, end, recipes
from retain.cli.merge_views import show_plan, show_report

if TYPE_CHECKING:
    from retain.merge import MergePlan, Recipe
    from retain.merge.merge import Finish

NAME = "merge"
HELP = (
    "Merge a base policy with one finetuned from it: base + alpha (finetuned - base), so alpha 0 is the base and "
    "1 the finetuned policy. Other methods join several finetuned policies."
)
EXAMPLES = """examples:
  retain merge compact-base finetuned --alpha 0.5 -o merged
  retain merge base finetuned --alpha vision=1 language=.8 action=.5 -o merged
  retain merge base finetuned --alpha 0.3,0.5,0.7 -o 'merged-{alpha}'
  retain merge base adapter --alpha 0.5 -o merged
  retain merge base finetuned --alpha 0.5 head=1 --component 'head=.*action_out_proj.*' -o merged --dtype float32
  retain merge merged drawer --alpha 0.5 --continue -o merged2
  retain merge base skill1 skill2 --method ties --density .2 --alpha 1 -o merged"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_end_arguments(parser)
    add_recipe_arguments(parser, several=True)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR",
        help="the policy directory to make; {alpha} in it is replaced where several are made",
    )  # fmt: skip
    add_running_arguments(parser)
    parser.add_argument("--force", action="store_true", help="replace an existing policy directory")
    parser.add_argument("--no-hash", action="store_true", help="leave SHA-256 of inputs and output out of the report")
    parser.add_argument(
        "--no-sync", action="store_true", help="do not wait for the disk; a power cut may lose the output"
    )
    parser.add_argument(
        "--continue", dest="carry_on", action="store_true",
        help="skill after skill: add this merge to the ledger of BASE (skills.json), so that it can be taken out again",
    )  # fmt: skip
    parser.add_argument("--skill", metavar="NAME", help="the skill's name in the ledger (default: FINETUNED's name)")
    parser.add_argument("--dry-run", action="store_true", help="show the plan and write nothing")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="also draw how far each layer moved")
    parser.add_argument("--json", action="store_true", help="print the report (or the plan) as JSON")


def run(args: argparse.Namespace) -> int:
    """Merge and return the exit code."""
    from retain.errors import MergeError
    from retain.merge import execute_all, parse_components, prepare
    from retain.merge.stream import total_progress

    asked = recipes(args)
    if args.output is None and not args.dry_run:
        raise MergeError("no output was given; add -o DIR, or --dry-run to see the plan")
    outputs = [] if args.output is None else _outputs(args.output, asked)
    if args.plot is not None:
        _check_plot(args, asked)
    ends = [end(text) for text in args.finetuned]
    plan = prepare(end(args.base), ends, asked, parse_components(args.component), allow_pickle=args.allow_pickle)
    if args.dry_run:
        show_plan(plan, as_json=args.json)
        return 0
    record = _recorder(args, plan)
    with console.progress("merging", total_progress(plan), unit="bytes") as advance:
        reports = execute_all(
            plan,
            outputs,
            threads=args.threads,
            force=args.force,
            hashing=not args.no_hash,
            sync=not args.no_sync,
            progress=advance,
            finish=record,
        )
    if args.plot is not None:
        from retain.merge.picture import draw

        draw(reports[0].to_json(), args.plot)
    if args.json:
        found = [report.to_json() for report in reports]
        console.emit_json(found[0] if len(found) == 1 else found)
        return 0
    for report in reports:
        show_report(report)
    return 0


def _outputs(output: Path, asked: "list[Recipe]") -> list[Path]:
    from retain.errors import MergeError
    from retain.merge.words import alpha_label

    if len(asked) == 1:
        return [output]
    if "{alpha}" not in output.name:
        raise MergeError(
            f"{len(asked)} results need {len(asked)} names; put {{alpha}} into them: -o '{output}-{{alpha}}'"
        )
    alphas = [dict(recipe.alpha) for recipe in asked]
    return [output.with_name(output.name.replace("{alpha}", alpha_label(alpha, alphas))) for alpha in alphas]


def _recorder(args: argparse.Namespace, plan: "MergePlan") -> "Finish | None":
    """What writes the ledger of the output, if it is to have one."""
    from retain.errors import MergeError
    from retain.merge.ledger import continued, read_ledger, recorder

    if not args.carry_on:
        if args.skill is not None:
            raise MergeError("--skill names an entry of the ledger; add --continue to have one")
        if not plan.base.is_bare and read_ledger(plan.base.directory) is not None:
            console.warn(f"the ledger of {args.base} ends here; --continue would carry it on")
        return None
    if len(plan.recipes) > 1 or len(plan.finetuned) > 1:
        raise MergeError("--continue adds one skill at one alpha; give one finetuned policy and one alpha")
    if args.no_hash:
        raise MergeError("a ledger needs the hashes of its inputs; leave --no-hash out")
    name = args.skill or plan.finetuned[0].directory.resolve().name
    return recorder(continued(plan.base, name), name)


def _check_plot(args: argparse.Namespace, asked: "list[Recipe]") -> None:
    from retain.errors import MergeError, require

    if args.dry_run or len(asked) > 1:
        raise MergeError("--plot draws one merge that is carried out; leave it out, or give one alpha and no --dry-run")
    require("matplotlib", extra="viz")
