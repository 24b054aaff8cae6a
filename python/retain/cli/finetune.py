"""`retain finetune`: teach a policy one more skill from demonstrations, or train a new one from scratch."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from retain.cli import console
from retain.cli.finetune_options import (
    add_data_options,
    add_equipment_options,
    add_training_options,
    asked_config,
    asked_equipment,
)
from retain.errors import TrainingError, require
from retain.finetune.launched import is_first
from retain.finetune.presets import table
from retain.finetune.renames import Renames

if TYPE_CHECKING:
    from retain.finetune.journal import StepLog

NAME = "finetune"
HELP = "Finetune a policy on demonstrations (LeRobotDataset), alone or mixed with other data."
EXAMPLES = f"""examples:
  retain finetune compact-base --data demos -o finetuned
  retain finetune compact-base --data demos --co-data pretrain --co-ratio 0.5 --lr 3e-4 -o finetuned
  retain finetune compact-base --data demos --co-data pretrain --co-ratio 0.3 --co-data old-skill --co-ratio 0.2 \\
      -o finetuned
  retain finetune smolvla --data demos --rename top=camera1 --preset few-shot-50 --precision bf16 --device cuda -o out
  retain finetune compact-base --data demos --lora-rank 16 --lr 1e-3 -o finetuned
  retain finetune compact-base --data demos --freeze language --keep-every 50 -o finetuned
  retain finetune smolvla --data demos --train-delays 10 -o finetuned   # for retain run --strategy rtc-prefix
  retain finetune compact-base --data demos -o finetuned --resume
  retain finetune --scratch --data pretrain --steps 3000 --batch-size 128 --lr 1e-3 --warmup 100 --ema 0.998 -o base
  accelerate launch --num_processes 4 -m retain.cli finetune pi0 --data demos --device cuda -o finetuned

presets for few demonstrations (an option that is given goes before the preset's):
{table()}

The result is a policy directory with the mean of the weights (EMA). Normalization is the base's unless --stats data is
given, so that base and result can be merged. Ctrl-C finishes the step and saves; --resume with the same options
continues exactly there."""

PLAIN_LOG_EVERY = 50
"""Steps between lines where there is no terminal for a progress bar."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("policy", nargs="?", help="policy directory, or compact-base; leave out with --scratch")
    parser.add_argument("--scratch", action="store_true", help="start a new compact policy from random weights")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the policy directory to write")
    add_data_options(parser)
    add_training_options(parser)
    add_equipment_options(parser)
    parser.add_argument("--resume", action="store_true", help="continue an interrupted run")
    parser.add_argument("--force", action="store_true", help="replace an existing output")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> int:
    """Train and return the exit code."""
    if (args.policy is None) != args.scratch:
        raise TrainingError("name the policy to finetune, or give --scratch, not both")
    if len(args.co_data) != len(args.co_ratio):
        raise TrainingError(
            f"found {len(args.co_data)} --co-data and {len(args.co_ratio)} --co-ratio; give one ratio for each dataset"
        )
    config, equipment, renames = asked_config(args), asked_equipment(args), Renames.parse(args.rename)
    from retain.data import Dataset

    # Before torch is imported, which takes seconds: a wrong path is told at once.
    data, mixed_in = Dataset(args.data), [Dataset(path) for path in args.co_data]
    require("torch", extra="train")
    from retain.finetune.mixture import CoData
    from retain.finetune.run import Start, run_training

    co_data = tuple(CoData(dataset, ratio) for dataset, ratio in zip(mixed_in, args.co_ratio, strict=True))
    start = Start(args.policy, data, co_data, renames, args.preset)
    last: list[StepLog] = []
    with console.progress("training", config.steps) as advance:

        def on_step(line: "StepLog") -> None:
            # A resumed run's first call carries all the steps that were done before.
            advance(line.step - (last[-1].step if last else 0))
            last[:] = [line]
            if not console.stderr.is_terminal and line.step % PLAIN_LOG_EVERY == 0:
                say(f"step {line.step}/{config.steps}  loss {line.loss:.4f}  lr {line.lr:.1e}  {line.seconds:.0f} s")

        def say(text: str) -> None:
            console.stderr.print(text, markup=False)

        try:
            run_training(
                start,
                config,
                args.output,
                resume=args.resume,
                force=args.force,
                equipment=equipment,
                say=say,
                warn=console.warn,
                on_step=on_step,
            )
        except KeyboardInterrupt:
            if last and is_first():
                say(
                    f"stopped after step {last[-1].step} of {config.steps}; the same command with --resume goes on from"
                    " the last save"
                )
            raise
    summary: dict[str, object] = {"output": str(args.output), "steps": config.steps}
    if last:
        summary |= {"loss": round(last[-1].loss, 4), "seconds": round(last[-1].seconds, 1)}
    if not is_first():
        return 0
    if args.json:
        console.emit_json(summary)
    else:
        console.table("trained", list(summary), [list(summary.values())])
    return 0
