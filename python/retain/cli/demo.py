"""`retain demo`: the whole story on this machine."""

import argparse
import os
from pathlib import Path

from retain.cli import console
from retain.demo.settings import DemoSettings
from retain.errors import ConfigError, require

NAME = "demo"
HELP = "Learn a skill, forget, merge, export, and drive an arm in simulation; writes a page with tables and pictures."
EXAMPLES = """examples:
  retain demo
  retain demo --skill "push the green block far left" --output demo-push
  retain demo --episodes 30 --sweep-episodes 20 --drives 2 --force

Whatever the numbers are, they are printed. Everything is kept in the output folder."""

_DEFAULT = DemoSettings(Path("demo"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    add("-o", "--output", type=Path, default=_DEFAULT.output, metavar="DIR", help="(default: %(default)s)")
    add("--skill", default=_DEFAULT.skill, metavar="WORDS", help="what to learn (default: %(default)s)")
    for name, text in (
        ("demonstrations", "episodes to learn from"),
        ("steps", "of finetuning"),
        ("sweep_episodes", "per candidate and suite of the curve over α"),
        ("episodes", "per cell of the main table"),
        ("drives", "episodes driven by the C++ loop"),
        ("seed", "of everything"),
    ):
        default = getattr(_DEFAULT, name)
        flag = "--" + name.replace("_", "-")
        add(flag, type=int, default=default, metavar="N", help=f"{text} (default: {default})")
    add("--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (default: one per core)")
    add("--force", action="store_true", help="replace an earlier demo in the same folder")
    add("--json", action="store_true", help="print the outcome as one JSON object at the end")


def run(args: argparse.Namespace) -> int:
    """Run the demo and print its table."""
    for name in ("demonstrations", "steps", "sweep_episodes", "episodes", "drives", "workers"):
        if getattr(args, name) < 1:
            raise ConfigError(f"--{name.replace('_', '-')} is {getattr(args, name)}; expected at least 1")
    for package, extra in (
        ("torch", "train"), ("pyarrow", "train"), ("mujoco", "sim"), ("onnx", "export"), ("matplotlib", "viz"),
    ):  # fmt: skip
        require(package, extra)
    from retain.demo.story import run_demo
    from retain.demo.telling import difference_table, driving, headline, main_table, verdict
    from retain.evaluate import summary

    settings = DemoSettings(
        output=args.output, skill=args.skill, demonstrations=args.demonstrations, steps=args.steps,
        sweep_episodes=args.sweep_episodes, episodes=args.episodes, drives=args.drives, workers=args.workers,
        seed=args.seed,
    )  # fmt: skip

    def say(text: str) -> None:
        console.stderr.print(text, markup=False)

    demo = run_demo(settings, force=args.force, say=say, progress=console.progress)
    if args.json:
        console.emit_json(
            {
                **summary(demo.story.result),
                "alpha": dict(demo.choice.candidate.alpha),
                "reason": demo.choice.reason,
                "drives": [one.report.to_json() for one in demo.story.drives],
                "report": str(demo.report),
            }
        )
        return 0
    for title, one in (("", main_table(demo.story)), ("", difference_table(demo.story))):
        console.table(title, one.columns, one.rows)
    for sentence in (headline(demo.story), verdict(demo.story), driving(demo.story), f"The page: {demo.report}"):
        console.stdout.print(sentence, markup=False)
    return 0
