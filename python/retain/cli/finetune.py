"""`retain finetune`: teach a policy one more skill from demonstrations, or train a new one from scratch."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from retain.cli import console
from retain.errors import TrainingError, require
from retain.finetune.configuration import TrainingConfig

if TYPE_CHECKING:
    from retain.finetune.trainer import StepLog

NAME = "finetune"
HELP = "Finetune a policy on demonstrations (LeRobotDataset v3.0), alone or mixed with other data."
EXAMPLES = """examples:
  retain finetune compact-base --data demos -o finetuned
  retain finetune compact-base --data demos --co-data pretrain --co-ratio 0.5 --lr 3e-4 -o finetuned
  retain finetune compact-base --data demos --co-data pretrain --co-ratio 0.3 --co-data old-skill --co-ratio 0.2 \\
      -o finetuned
  retain finetune compact-base --data demos --lora-rank 16 --lr 1e-3 -o finetuned
  retain finetune compact-base --data demos --freeze language --keep-every 50 -o finetuned
  retain finetune compact-base --data demos -o finetuned --resume
  retain finetune --scratch --data pretrain --steps 3000 --batch-size 128 --lr 1e-3 --warmup 100 --ema 0.998 -o base

The result is a policy directory with the mean of the weights (EMA). Normalization is always the base's, so that base
and result can be merged. Ctrl-C finishes the step and saves; --resume with the same options continues exactly there."""

PLAIN_LOG_EVERY = 50
"""Steps between lines where there is no terminal for a progress bar."""

_DEFAULT = TrainingConfig()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("policy", nargs="?", help="policy directory, or compact-base; leave out with --scratch")
    parser.add_argument("--scratch", action="store_true", help="start a new compact policy from random weights")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the demonstrations")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the policy directory to write")
    parser.add_argument(
        "--co-data", type=Path, action="append", default=[], metavar="DIR",
        help="data to mix in, so that less is forgotten; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--co-ratio", type=float, action="append", default=[], metavar="R",
        help="share of each batch from the --co-data of the same place",
    )  # fmt: skip
    for name, text in (
        ("steps", "optimizer steps"),
        ("batch_size", "observations per step"),
        ("lr", "peak learning rate of AdamW, under a cosine"),
        ("warmup", "steps of linear warm-up"),
        ("weight_decay", "weight decay of AdamW"),
        ("clip", "largest norm of the gradient"),
        ("ema", "decay of the mean of the weights"),
        ("jitter", "relative brightness noise on the pictures"),
        ("early_share", "share of each batch from the first frames of episodes"),
        ("seed", "decides every batch and every noise"),
        ("save_every", "steps between saves for --resume"),
        ("keep_every", "steps between copies of the policy that are kept in OUT/training; 0: none"),
        ("l2_sp", "pull towards the start, half this times the squared distance (L2-SP)"),
        ("lora_rank", "rank of low-rank adapters that are trained instead of the weights; 0: none"),
        ("lora_alpha", "scale of the adapters times their rank"),
    ):
        default = getattr(_DEFAULT, name)
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, type=type(default), default=default, metavar="N", help=f"{text} (default: {default})")
    parser.add_argument("--freeze", default="", metavar="PARTS", help="parts not to train, such as vision,language")
    parser.add_argument("--insulate", action="store_true", help="keep the flow's gradient out of the backbone")
    parser.add_argument("--device", default="cpu", help="where to train, e.g. cuda (default: cpu)")
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
    settings = {name: getattr(args, name) for name in vars(_DEFAULT)}
    config = TrainingConfig(**settings | {"freeze": tuple(part for part in args.freeze.split(",") if part)})
    require("torch", extra="train")
    from retain.data import Dataset
    from retain.finetune.run import CoData, Start, run_training

    mixed = zip(args.co_data, args.co_ratio, strict=True)
    start = Start(args.policy, Dataset(args.data), tuple(CoData(Dataset(path), ratio) for path, ratio in mixed))
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

        run_training(
            start,
            config,
            args.output,
            resume=args.resume,
            force=args.force,
            device=args.device,
            say=say,
            warn=console.warn,
            on_step=on_step,
        )
    summary: dict[str, object] = {"output": str(args.output), "steps": config.steps}
    if last:
        summary |= {"loss": round(last[-1].loss, 4), "seconds": round(last[-1].seconds, 1)}
    if args.json:
        console.emit_json(summary)
    else:
        console.table("trained", list(summary), [list(summary.values())])
    return 0
