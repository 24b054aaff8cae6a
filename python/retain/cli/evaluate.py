"""retain evaluate: success rates of policies on the suites of a world."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from retain.cli import console
from retain.errors import EvaluationError

if TYPE_CHECKING:
    from retain.evaluate.source import Source

NAME = "evaluate"
HELP = "Measure success rates of policies or bundles on suites of simulated episodes, paired and with intervals."
EXAMPLES = """\
examples:
  retain evaluate compact-base --suites generalist -n 200 --workers 2
  retain evaluate compact-base runs/place runs/merged --skill "place the red block near right" \\
      --suites id,ood-val,generalist -n 100 --workers 2 -o results.parquet
  retain evaluate base=compact-base merged=bundle/ --suites ood-position -n 50 --json
  retain evaluate compact-base --suites id,generalist -n id=50,generalist=200 --ray auto
  retain evaluate expert mt10-base push-policy --world metaworld --skill push-v3 --suites id,ood-position,generalist

suites of the tabletop (docs/worlds.md has those of the other worlds):
  id               the skill where it was demonstrated: a narrow patch, the same look and words
  ood-val          elsewhere on the table, for choosing α and nothing else
  ood-position     elsewhere still, for testing
  ood-distractor   more blocks, more colours
  ood-appearance   other light, table and camera
  ood-combined     positions, distractors and appearance together
  wording          the same instruction in other words
  generalist       what the base could do before

Every policy does the same episodes. With several policies, each later one is compared with the first.
Interrupted? The same command with the same -o file goes on where it stopped; a larger -n adds episodes.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add(
        "policies",
        nargs="+",
        metavar="[NAME=]POLICY",
        help="policy directory, bundle, compact-base or expert",
    )
    add("--world", default="tabletop", metavar="NAME", help="tabletop, metaworld or libero (default: %(default)s)")
    add(
        "--skill",
        default="place the red block near right",
        help="the finetuned skill: in words, or a benchmark's task (default: %(default)s)",
    )
    add("--suites", default="id,ood-val,generalist", help="comma-separated, see below (default: %(default)s)")
    add(
        "-n", type=_sizes, default=100, metavar="N",
        help="episodes per suite, such as 100, or by suite, such as id=50,generalist=200 (default: %(default)s)",
    )  # fmt: skip
    add("--seed", type=int, default=0, help="decides the episodes (default: %(default)s)")
    add("--workers", type=int, default=1, help="processes (default: %(default)s); counts do not depend on it")
    add("--ray", metavar="ADDRESS", help="play on this Ray cluster instead; local starts one with --workers processors")
    add("-o", "--output", type=Path, metavar="FILE", help="keep every outcome in this parquet file, and go on from it")
    add("--json", action="store_true", help="print one JSON object instead of tables")


def run(args: argparse.Namespace) -> int:
    """Evaluate and print."""
    from retain.evaluate import evaluate, summary
    from retain.evaluate.report import comparison_table, rate_table
    from retain.worlds import find_world

    world = find_world(args.world)
    policies = _named(args.policies)
    suites = [suite.strip() for suite in args.suites.split(",") if suite.strip()]
    episodes = sum(args.n.values()) if isinstance(args.n, dict) else args.n * len(suites)
    with console.progress("evaluating", total=len(policies) * episodes) as advance:
        result = evaluate(
            policies,
            suites,
            args.skill,
            args.n,
            world=world,
            seed=args.seed,
            workers=args.workers,
            ray=args.ray,
            path=args.output,
            progress=advance,
        )
    if args.json:
        console.emit_json(summary(result))
        return 0
    console.table(f"{result.skill}: success with 95 % Wilson intervals", *rate_table(result))
    if len(policies) > 1:
        console.table("differences on the same episodes, 95 % paired bootstrap", *comparison_table(result))
    return 0


def _sizes(text: str) -> int | dict[str, int]:
    """Episodes per suite: one number, or name=number pairs."""
    try:
        if "=" not in text:
            return int(text)
        pairs = [part.partition("=") for part in text.split(",")]
        sizes = {name.strip(): int(count) for name, _, count in pairs}
    except ValueError:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected 100, or id=50,generalist=200") from None
    if len(sizes) < len(pairs):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected one number for each suite")
    return sizes


def _named(arguments: list[str]) -> "dict[str, Source]":
    policies: dict[str, Source] = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not equals:
            name = path = argument
        if name in policies:
            raise EvaluationError(f"two policies are called {name!r}; name them, as in first={path} second={path}")
        policies[name] = _source(path)
    return policies


def _source(policy: str) -> "Source":
    from retain.bundle import MANIFEST_FILE
    from retain.evaluate.source import BundleSource, ExpertSource, PolicySource
    from retain.policy import resolve

    if policy == "expert":
        return ExpertSource()
    if (Path(policy) / MANIFEST_FILE).is_file():
        return BundleSource(Path(policy))
    return PolicySource(resolve(policy))
