"""`retain sweep`: which α."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from retain.cli import console
from retain.errors import EvaluationError, require

if TYPE_CHECKING:
    from retain.choose import Candidate, Decision, ProxyEvidence, Sweep
    from retain.choose.folder import SweepFolder
    from retain.evaluate.interpolate import Alpha

NAME = "sweep"
HELP = (
    "Choose alpha between a base and a policy finetuned from it: candidates are merged in memory, tried on the suites "
    "id, ood-val and generalist, and one is taken by a fixed rule. Without rollouts, by errors on recorded frames."
)
EXAMPLES = """\
examples:
  retain sweep compact-base finetuned -n 60 --workers 2 -o sweep              # alpha = 0, .1, … 1
  retain sweep compact-base finetuned --per-component -o sweep               # every combination of 0, .5, 1
  retain sweep compact-base finetuned --per-component --trials 30 -o sweep   # Optuna says what to try next
  retain sweep compact-base finetuned --no-rollouts --target-data held-out --generalist-data old -o sweep
  retain sweep compact-base finetuned --runs finetuned-seed1 finetuned-seed2   # and what their weights say

the rule: of the candidates that keep the generalist within --tolerance of the base, take the one nearest the finetuned
policy that ood-val cannot tell from the best (one standard error of the paired difference).

In the -o folder: choice.json for a script, report.html for a person, pictures, and every outcome.
Interrupted? The same command with the same -o folder goes on where it stopped; a larger -n adds episodes.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("base", metavar="BASE", help="policy directory or compact-base: alpha = 0")
    add("finetuned", metavar="FINETUNED", help="a policy finetuned from it: alpha = 1")
    add("--skill", default="place the red block near right", help="the finetuned skill in words (default: %(default)s)")
    add("--per-component", action="store_true", help="one alpha each for vision, language and action")
    add("--levels", metavar="A,A", help="alpha to try (default: 0,.1,…,1; 0,.5,1 of each component)")
    add("--trials", type=int, metavar="N", help="let Optuna choose N candidates instead of trying all levels")
    add("--tolerance", type=float, default=5.0, metavar="POINTS", help="of generalist success (default: %(default)g)")
    add("-n", type=int, default=60, metavar="N", help="episodes per suite and candidate (default: %(default)s)")
    add("--seed", type=int, default=0, help="of episodes and search (default: %(default)s)")
    add("--workers", type=int, default=1, help="processes (default: %(default)s); counts do not depend on it")
    add("--ray", metavar="ADDRESS", help="play on this Ray cluster instead; local starts one with --workers processors")
    add(
        "--runs", nargs="+", default=[], metavar="POLICY", help="other runs of the finetuning: adds Model Stock's alpha"
    )
    add("--no-rollouts", action="store_true", help="run no episode; needs both data sets below")
    add("--target-data", type=Path, metavar="DATA", help="held-out demonstrations of the skill, a LeRobotDataset")
    add("--generalist-data", type=Path, metavar="DATA", help="demonstrations of old tasks, a LeRobotDataset")
    add("--frames", type=int, default=128, metavar="N", help="frames looked at in each (default: %(default)s)")
    add(
        "--rename", action="append", default=[], metavar="THEIRS=OURS",
        help="what the data call a camera or channel = what the policies call it, as in finetune",
    )  # fmt: skip
    add("-o", "--output", type=Path, metavar="DIR", help="keep outcomes, choice and report here, and go on from them")
    add("--json", action="store_true", help="print the choice as one JSON object instead of tables")


def run(args: argparse.Namespace) -> int:
    """Try, choose and print."""
    _check(args)
    from retain.choose.document import as_json, write
    from retain.choose.folder import SweepFolder
    from retain.choose.report import write_report

    folder = None if args.output is None else SweepFolder(args.output)
    decision = _decide(args, folder)
    if folder is not None:
        write(decision, folder.choice)
        write_report(decision, folder)
    if args.json:
        console.emit_json(as_json(decision))
        return 0
    _print(decision)
    if folder is not None:
        console.stdout.print(f"The page: {folder.report}", markup=False)
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot work before anything takes time."""
    data = (args.target_data, args.generalist_data)
    if None in data and data != (None, None):
        raise EvaluationError("proxies need both data sets; give --target-data and --generalist-data, or neither")
    if args.no_rollouts and None in data:
        raise EvaluationError("--no-rollouts measures on recorded frames; give --target-data and --generalist-data")
    if args.trials is not None and args.no_rollouts:
        raise EvaluationError("--trials searches by rollouts; leave it out with --no-rollouts")
    if args.trials is not None and args.levels is not None:
        raise EvaluationError("--trials chooses its own alpha; leave out --levels, or --trials to try just those")
    needed = [("torch", "train")]
    needed += [] if args.no_rollouts else [("mujoco", "sim")]
    needed += [("pyarrow", "data")] if args.target_data is not None else []
    needed += [("optuna", "sweep")] if args.trials is not None else []
    needed += [("matplotlib", "viz")] if args.output is not None else []
    for package, extra in needed:
        require(package, extra)


def _alphas(args: argparse.Namespace) -> "list[Alpha]":
    from retain.choose import component_grid, line
    from retain.merge.words import parse_numbers

    levels = () if args.levels is None else (parse_numbers("--levels", args.levels),)
    return component_grid(*levels) if args.per_component else line(*levels)


def _decide(args: argparse.Namespace, folder: "SweepFolder | None") -> "Decision":
    from retain.choose import check_tolerance, choose, decide_by_proxies, decide_by_rollouts, planned
    from retain.policy import resolve

    check_tolerance(args.tolerance / 100)
    base, finetuned = resolve(args.base), resolve(args.finetuned)
    candidates = planned(_alphas(args))
    if folder is not None:
        folder.claim()
    typed = (args.base, args.finetuned)
    geometry = None
    if args.runs:
        from retain.choose.geometry import measure_geometry

        geometry = measure_geometry(base, [finetuned, *map(resolve, args.runs)])
    proxies = _proxies(args, base, finetuned, candidates)
    if args.no_rollouts and proxies is not None:
        return decide_by_proxies(proxies, typed, geometry)
    swept = _roll(args, base, finetuned, candidates, folder)
    return decide_by_rollouts(swept, choose(swept, args.tolerance / 100), typed, proxies, geometry)


def _proxies(
    args: argparse.Namespace, base: Path, finetuned: Path, candidates: "tuple[Candidate, ...]"
) -> "ProxyEvidence | None":
    """Measured first where asked for: it takes seconds, and a broken data set is told before hours of rollouts."""
    if args.target_data is None:
        return None
    from retain.choose import ProxyEvidence, measure_proxies, recommend
    from retain.finetune.renames import Renames

    with console.progress("measuring on frames", total=len(candidates)) as advance:
        table = measure_proxies(
            base, finetuned, [dict(one.alpha) for one in candidates], target=args.target_data,
            generalist=args.generalist_data, frames=args.frames, seed=args.seed, renames=Renames.parse(args.rename),
            progress=advance,
        )  # fmt: skip
    try:
        return ProxyEvidence(table, recommend(table))
    except EvaluationError as error:
        if args.no_rollouts:
            raise
        console.stderr.print(f"recorded frames are left out: {error}", markup=False)
        return None


def _roll(
    args: argparse.Namespace,
    base: Path,
    finetuned: Path,
    candidates: "tuple[Candidate, ...]",
    folder: "SweepFolder | None",
) -> "Sweep":
    from retain.choose import Rollouts, search, sweep
    from retain.sim import parse_instruction

    rollouts = Rollouts(
        base, finetuned, parse_instruction(args.skill), args.n, seed=args.seed, workers=args.workers, ray=args.ray,
        path=None if folder is None else folder.outcomes,
    )  # fmt: skip
    count = len(candidates) if args.trials is None else args.trials
    with console.progress("sweeping", total=count * len(rollouts.suites) * args.n) as advance:
        if args.trials is None:
            return sweep(rollouts, [dict(one.alpha) for one in candidates], advance)
        return search(
            rollouts, args.trials, per_component=args.per_component, tolerance=args.tolerance / 100, progress=advance
        )


def _print(decision: "Decision") -> None:
    from retain.choose.tables import candidate_table, cost_table, geometry_table, proxy_table

    if decision.rollouts is not None:
        console.table("success with 95 % Wilson intervals", *candidate_table(decision.rollouts))
        console.table("the chosen one on the same episodes", *cost_table(decision.rollouts))
    if decision.proxies is not None:
        console.table("on recorded frames, lower is better", *proxy_table(decision.proxies, decision.candidate))
    if decision.geometry is not None:
        console.table("by the weights of several runs (Model Stock)", *geometry_table(decision.geometry))
    lines = [decision.title, decision.reason, *(f"cost: {one}" for one in decision.cost)]
    lines += [f"not seen: {one}" for one in decision.blind_spots]
    for sentence in (*lines, decision.command):
        console.stdout.print(sentence, markup=False)
