"""The entry point: finds the command, runs it, and turns errors into one line and an exit code."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from retain import __version__
from retain.cli.interrupts import remembered
from retain.errors import RetainError

# Before any command imports torch: its OpenMP threads spin only briefly for each other, then sleep. On a machine that
# does something else too, a thread that spins keeps the one that it waits for from running (docs/decisions.md).
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

COMMANDS: dict[str, tuple[str, str]] = {
    # command: (module, one line of help), in the order of the work; modules are imported only when their command runs.
    "demo": ("retain.cli.demo", "the whole story on this machine, in minutes"),
    "record": ("retain.cli.record", "record demonstrations of the tabletop's experts as a LeRobotDataset"),
    "adopt": ("retain.cli.adopt", "complete a LeRobot policy by names, units and rate"),
    "finetune": ("retain.cli.finetune", "teach a policy a skill from demonstrations"),
    "merge": ("retain.cli.merge", "merge a base policy with policies finetuned from it"),
    "soup": ("retain.cli.soup", "average the finetuned policies that make it better"),
    "subtract": ("retain.cli.subtract", "take a skill out of a merged policy again"),
    "continual": ("retain.cli.continual", "teach skill after skill, with a gate that keeps the old ones"),
    "diff": ("retain.cli.diff", "show how a finetuned policy differs from its base"),
    "verify": ("retain.cli.verify", "check a merged policy against its report and its inputs"),
    "evaluate": ("retain.cli.evaluate", "measure success rates on suites of tabletop episodes"),
    "sweep": ("retain.cli.sweep", "choose alpha: by rollouts, by search, or by recorded frames alone"),
    "export": ("retain.cli.export", "export a policy to a bundle that runs without PyTorch"),
    "merge-export": ("retain.cli.merge_export", "merge and export in one step"),
    "run": ("retain.cli.run", "let a bundle drive a robot from the C++ loop"),
    "watch": ("retain.cli.watch", "show a run in the rerun viewer while it goes on"),
    "plot": ("retain.cli.plot", "draw a recorded run"),
    "replay": ("retain.cli.replay", "ask a bundle again what a recorded run's policy was asked"),
    "export-dataset": ("retain.cli.export_dataset", "make recorded runs a LeRobotDataset to train on"),
    "doctor": ("retain.cli.doctor", "is this computer fit for the control loop, and what mends it"),
    "bench": ("retain.cli.bench", "measure this computer: the loop's tick, a policy in every engine"),
    "inspect": ("retain.cli.inspect", "show any policy, checkpoint, dataset or bundle on one screen"),
}

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


def _parser(command: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="retain",
        description="Teach a robot policy one more skill without losing the rest.",
        epilog="`retain COMMAND --help` shows a command's options and examples.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"retain {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, summary) in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter)
        if name == command:
            implementation = importlib.import_module(module)
            sub.description = implementation.HELP
            sub.epilog = getattr(implementation, "EXAMPLES", None)
            implementation.add_arguments(sub)
            sub.set_defaults(run=implementation.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 a check failed, 2 the user's mistake, 130 Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = next((word for word in arguments if not word.startswith("-")), None)
    with remembered() as interrupted:
        try:
            parsed = _parser(command).parse_args(arguments)
            code: int = parsed.run(parsed)
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, KeyboardInterrupt) or interrupted():
                print(f"retain {command}: interrupted", file=sys.stderr)
                return EXIT_INTERRUPTED
            if isinstance(error, RetainError):
                print(f"retain {command}: {error}", file=sys.stderr)
                return EXIT_USER_ERROR
            if isinstance(error, BrokenPipeError):
                # The reader (head, less) went away; the interpreter's own flush at exit must not complain again.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return 0
            raise
    return code


def merge_export() -> int:
    """The `merge-export` command: `retain merge-export` under its short name."""
    return main(["merge-export", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
