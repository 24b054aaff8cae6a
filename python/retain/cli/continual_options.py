"""The options of `retain continual`, and what they ask for."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from retain.cli.console import Advance
from retain.cli.score_command import SKILL, scorer
from retain.errors import ContinualError
from retain.finetune.configuration import TrainingConfig

if TYPE_CHECKING:
    from retain.continual import Gate, Lesson
    from retain.continual.exam import Exam

MAX_LOSS = 5.0
EPISODES = 50
_TRAINING = {
    "steps": "optimizer steps",
    "batch_size": "observations per step",
    "lr": "peak learning rate of AdamW",
    "warmup": "steps of linear warm-up",
    "ema": "decay of the mean of the weights",
    "seed": "decides every batch and every noise",
    "save_every": "steps between saves that an interrupted run goes on from",
}
_DEFAULT = TrainingConfig()


def add_line_arguments(sub: argparse.ArgumentParser) -> None:
    """Declare what a line is begun with."""
    from retain.continual import METHODS
    from retain.merge import StoredDType

    sub.add_argument("base", metavar="BASE", help="policy directory, or compact-base")
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="LINE", help="the directory to make")
    sub.add_argument(
        "--method", choices=tuple(METHODS), default="anchored",
        help="; ".join(f"{name}: {method.summary}" for name, method in METHODS.items()) + " (default: anchored)",
    )  # fmt: skip
    sub.add_argument(
        "--dtype", choices=get_args(StoredDType), help="store merged weights as this (default: the base's)"
    )


def add_lesson_arguments(sub: argparse.ArgumentParser) -> None:
    """Declare what a skill is taught from, and how."""
    sub.add_argument("--skill", required=True, metavar="WORDS", help="the skill in words, as the robot is told")
    sub.add_argument("--name", help="what the line calls it (default: the words)")
    sub.add_argument("--data", type=Path, metavar="DEMOS", help="its demonstrations, a LeRobotDataset v3.0")
    sub.add_argument("--finetuned", type=Path, metavar="DIR", help="a policy finetuned elsewhere, from where show says")
    sub.add_argument(
        "--alpha", nargs="+", default=[], metavar="A",
        help="weight of the finetuned policy, a number or NAME=NUMBER for components (default: the method's own)",
    )  # fmt: skip
    sub.add_argument(
        "--replay", type=float, metavar="R",
        help="share of every batch for all earlier skills' demonstrations together (default: the method's own)",
    )  # fmt: skip
    sub.add_argument(
        "--co-data", type=Path, action="append", default=[], metavar="DIR",
        help="other data to mix in, so that less is forgotten; may be given several times",
    )  # fmt: skip
    sub.add_argument(
        "--co-ratio", type=float, action="append", default=[], metavar="R",
        help="share of every batch from the --co-data of the same place",
    )  # fmt: skip
    for name, text in _TRAINING.items():
        default = getattr(_DEFAULT, name)
        flag = "--" + name.replace("_", "-")
        sub.add_argument(flag, type=type(default), default=default, metavar="N", help=f"{text} (default: {default})")


def add_gate_arguments(sub: argparse.ArgumentParser) -> None:
    """Declare how the old skills are measured, and what they may lose."""
    sub.add_argument(
        "--max-loss", type=float, default=MAX_LOSS, metavar="POINTS",
        help="what the old skills may lose, in points of success or of --score (default: %(default)g)",
    )  # fmt: skip
    sub.add_argument(
        "--gate-episodes", type=int, default=EPISODES, metavar="N",
        help="tabletop episodes per old skill, and of the generalist suite (default: %(default)s)",
    )  # fmt: skip
    sub.add_argument("--workers", type=int, default=1, metavar="N", help="processes that do episodes (default: 1)")
    sub.add_argument(
        "--score", metavar="COMMAND",
        help="measure by a command that prints a number instead: {} is a policy directory, {skill} one skill's words",
    )  # fmt: skip


def asked_lesson(args: argparse.Namespace) -> "Lesson":
    """The lesson that the options describe.

    Raises:
        ContinualError: There is nothing to learn from, or datasets and ratios do not pair up.
        MergeError: α is not a number.
        TrainingError: A training option is impossible.
    """
    from retain.continual import Lesson
    from retain.merge import parse_alpha
    from retain.merge.recipe import DEFAULT

    if len(args.co_data) != len(args.co_ratio):
        raise ContinualError(
            f"found {len(args.co_data)} --co-data and {len(args.co_ratio)} --co-ratio; give one ratio for each dataset"
        )
    by_component = parse_alpha(args.alpha) if args.alpha else {}
    alpha = by_component.get(DEFAULT) if by_component.keys() <= {DEFAULT} else by_component
    settings: dict[str, Any] = asdict(_DEFAULT) | {name: getattr(args, name) for name in _TRAINING}
    return Lesson(
        name=args.name or args.skill,
        instruction=args.skill,
        data=args.data,
        finetuned=args.finetuned,
        alpha=alpha,
        replay=args.replay,
        co_data=tuple(zip(args.co_data, args.co_ratio, strict=True)),
        config=TrainingConfig(**settings),
    )


def asked_gate(args: argparse.Namespace, advance: Advance) -> "Gate | None":
    """The gate, if there is to be one."""
    from retain.continual import Gate

    return None if args.no_gate else Gate(asked_exam(args, advance), args.max_loss)


def asked_exam(args: argparse.Namespace, advance: Advance) -> "Exam":
    """The user's command, or the tabletop."""
    if args.score is not None:
        from retain.continual.exam import ScoreExam

        return ScoreExam(scorer(args.score), by_skill=SKILL in args.score)
    from retain.continual.tabletop import TabletopExam

    return TabletopExam(args.line, args.gate_episodes, workers=args.workers, progress=advance)
