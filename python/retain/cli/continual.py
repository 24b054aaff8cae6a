"""`retain continual`: skill after skill, with a gate that keeps the old ones, and a way back."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from retain.cli import console
from retain.cli.console import Advance
from retain.cli.continual_options import (
    add_gate_arguments,
    add_lesson_arguments,
    add_line_arguments,
    asked_exam,
    asked_gate,
    asked_lesson,
)
from retain.cli.continual_views import show_change, show_line, show_verdict

if TYPE_CHECKING:
    from retain.continual import Workshop
    from retain.finetune.journal import StepLog

NAME = "continual"
HELP = (
    "Teach a policy skill after skill: each is finetuned from where the line's method says, merged, measured, and "
    "becomes part of the line only if the old skills keep what they were."
)
EXAMPLES = """examples:
  retain continual init compact-base -o line
  retain continual add line --data demos/red --skill "place the red block near right"
  retain continual add line --data demos/blue --skill "push the blue block far left" --alpha 0.6 --replay 0.4
  retain continual add line --skill "place the cup" --finetuned my-cup --score './success.sh {} "{skill}"'
  retain continual show line
  retain continual check line --gate-episodes 200
  retain continual remove line "place the red block near right" --retrain
  retain evaluate "$(retain continual show line --policy)" --suites generalist -n 100

methods (init --method):
  anchored        the chain goes on from the finetuned policy, with replay; its end is merged with the base once
  sequential      each skill is finetuned from the merged policy and merged into it (RETAIN, eq. 4)
  parallel        each skill is finetuned from the base; the sum of their task vectors
  parallel-ties   the same, joined by TIES

Interrupted? The same command goes on where it stopped. Refused by the gate (exit code 1)? The line is as it was; the
same command with --force takes the new policy all the same."""

PLAIN_LOG_EVERY = 50
"""Steps between lines where there is no terminal for a progress bar."""

ACTIONS = {
    "init": "begin a line of skills from a base policy",
    "add": "teach one more skill: finetune, merge, measure, and take it if the old skills are kept",
    "remove": "take a skill out again",
    "show": "the line's skills, its policy, and where the next finetuning starts",
    "check": "measure what the line has kept since the base, and since each skill was learnt",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    subs = {name: actions.add_parser(name, help=text, description=text) for name, text in ACTIONS.items()}
    add_line_arguments(subs["init"])
    for name in ("add", "remove", "show", "check"):
        subs[name].add_argument("line", type=Path, metavar="LINE", help="the line's directory")
    add_lesson_arguments(subs["add"])
    subs["remove"].add_argument("name", metavar="NAME", help="the skill's name in the line")
    subs["remove"].add_argument(
        "--retrain", action="store_true", help="train again what was finetuned on top of it, where that is the only way"
    )
    for name in ("add", "remove"):
        subs[name].add_argument("--no-gate", action="store_true", help="measure nothing")
        subs[name].add_argument("--force", action="store_true", help="take the new policy even if the gate refuses it")
        subs[name].add_argument(
            "--restart", action="store_true", help="throw away what an earlier call left unfinished"
        )
        subs[name].add_argument("--threads", type=int, metavar="N", help="threads for merging (default: one per core)")
        subs[name].add_argument("--device", default="cpu", help="where to train, e.g. cuda (default: cpu)")
    for name in ("add", "remove", "check"):
        add_gate_arguments(subs[name])
    subs["show"].add_argument("--policy", action="store_true", help="print nothing but the path of the line's policy")
    for name in ACTIONS:
        subs[name].add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Carry out the sub-command and return the exit code."""
    actions = {"init": _init, "add": _add, "remove": _remove, "show": _show, "check": _check}
    return actions[args.action](args)


def _init(args: argparse.Namespace) -> int:
    from retain.continual import create

    line = create(args.base, args.output, args.method, args.dtype)
    show_line(line, args.output, as_json=args.json)
    return 0


def _show(args: argparse.Namespace) -> int:
    from retain.continual import read
    from retain.continual.provenance import place_of

    line = read(args.line)
    if args.policy:
        print(place_of(line.policy.path, args.line))
    else:
        show_line(line, args.line, as_json=args.json)
    return 0


def _add(args: argparse.Namespace) -> int:
    from retain.continual import add, read

    lesson = asked_lesson(args)
    kept = len(read(args.line).present)
    steps = 0 if lesson.finetuned is not None else lesson.config.steps
    # Two policies are measured on the generalist, on every old skill and on the new one.
    episodes = 0 if args.no_gate or args.score else 2 * (kept + 2) * args.gate_episodes
    with _working(args, "teaching", steps + episodes) as (workshop, advance):
        gate = asked_gate(args, advance)
        change = add(args.line, lesson, gate=gate, force=args.force, restart=args.restart, workshop=workshop)
    return show_change(change, args.line, as_json=args.json)


def _remove(args: argparse.Namespace) -> int:
    from retain.continual import remove

    with _working(args, "taking out", None) as (workshop, advance):
        change = remove(
            args.line, args.name, retrain=args.retrain, gate=asked_gate(args, advance), force=args.force,
            restart=args.restart, workshop=workshop,
        )  # fmt: skip
    return show_change(change, args.line, as_json=args.json)


def _check(args: argparse.Namespace) -> int:
    from retain.continual import check

    with console.progress("measuring", None) as advance:
        verdict = check(args.line, asked_exam(args, advance), args.max_loss)
    if args.json:
        console.emit_json(verdict.to_json())
    else:
        show_verdict(verdict, ("at first", "now"))
    return 0 if verdict.accepted else 1


@contextmanager
def _working(args: argparse.Namespace, description: str, total: int | None) -> "Iterator[tuple[Workshop, Advance]]":
    """One bar for training steps and episodes alike."""
    from retain.continual import Workshop

    last = 0
    with console.progress(description, total) as advance:

        def on_step(line: "StepLog") -> None:
            nonlocal last
            # A resumed run's first call carries all the steps that were done before; another training begins at 1.
            advance(line.step - last if line.step > last else line.step)
            last = line.step
            if not console.stderr.is_terminal and line.step % PLAIN_LOG_EVERY == 0:
                console.stderr_line(f"step {line.step}  loss {line.loss:.4f}  {line.seconds:.0f} s")

        yield Workshop(args.threads, args.device, console.stderr_line, console.warn, on_step), advance
