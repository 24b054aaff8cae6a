"""The options of `retain finetune`, and what they ask for. No torch here."""

import argparse
import json
from pathlib import Path
from typing import Any, get_args

from retain.errors import TrainingError
from retain.finetune.configuration import Precision, Statistics, TrainingConfig
from retain.finetune.equipment import LOGS, Equipment
from retain.finetune.presets import PRESETS, preset
from retain.policy.locate import resolve

_DEFAULT = TrainingConfig()
_NUMBERS = (
    ("steps", "optimizer steps"),
    ("batch_size", "observations per step, over all processes and turns"),
    ("accumulate", "turns in which a batch is computed, where memory is short"),
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
)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """What is learned from."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the demonstrations")
    parser.add_argument(
        "--co-data", type=Path, action="append", default=[], metavar="DIR",
        help="data to mix in, so that less is forgotten; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--co-ratio", type=float, action="append", default=[], metavar="R",
        help="share of each batch from the --co-data of the same place",
    )  # fmt: skip
    parser.add_argument(
        "--rename", action="append", default=[], metavar="THEIRS=OURS",
        help="what the datasets call a camera or channel = what the policy calls it, such as top=front",
    )  # fmt: skip
    parser.add_argument(
        "--stats", choices=get_args(Statistics), default=_DEFAULT.stats,
        help="whose normalization the result has: the base's (default; mergeable), or the data's (cannot be merged)",
    )  # fmt: skip


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """How it is learned: the fields of `TrainingConfig`. What is not given is the preset's, then the default."""
    parser.add_argument("--preset", choices=tuple(PRESETS), help="settings for so many demonstrations, listed below")
    for name, text in _NUMBERS:
        default = getattr(_DEFAULT, name)
        parser.add_argument(
            "--" + name.replace("_", "-"), type=type(default), metavar="N", help=f"{text} (default: {default})"
        )
    parser.add_argument(
        "--lora-targets", metavar="REGEX",
        help="full names of the linear layers that get adapters (default: the family's, see docs/finetuning.md)",
    )  # fmt: skip
    parser.add_argument(
        "--freeze", metavar="PARTS",
        help="components not to train, such as vision,language; none trains all (default: vision,language for SmolVLA, "
        "none for others)",
    )  # fmt: skip
    parser.add_argument(
        "--train-delays", type=int, metavar="ROWS",
        help="teach it to go on from up to so many rows that are being executed already, for --strategy rtc-prefix: "
        "at least the inference time / dt on the robot; 0: none (default: as many as the base was trained for; 6 with "
        "--scratch)",
    )  # fmt: skip
    parser.add_argument(
        "--delay-probability", type=float, metavar="P",
        help="share of the chunks for which a number of such rows is drawn (default: 1; compact: 0.3)",
    )  # fmt: skip
    parser.add_argument("--insulate", action="store_true", help="keep the flow's gradient out of the backbone")
    parser.add_argument(
        "--precision", choices=get_args(Precision), default=_DEFAULT.precision,
        help="what the network computes in; weights and optimizer are float32 either way (default: float32)",
    )  # fmt: skip


def add_equipment_options(parser: argparse.ArgumentParser) -> None:
    """What it is learned with; none of it changes the result."""
    default = Equipment()
    parser.add_argument("--device", default=default.device, help="where to train, e.g. cuda (default: cpu)")
    parser.add_argument(
        "--gradient-checkpointing", action="store_true", help="compute activations twice instead of keeping them"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N",
        help="processes that decode pictures ahead (default: 0 where all pictures fit into memory, else 2)",
    )  # fmt: skip
    parser.add_argument(
        "--picture-memory", type=float, default=default.picture_memory_gb, metavar="GB",
        help="decoded pictures kept in memory, in each process that decodes (default: 4)",
    )  # fmt: skip
    parser.add_argument(
        "--log", action="append", default=[], choices=LOGS,
        help="also log to TensorBoard (OUT/training/tensorboard) or Weights & Biases",
    )  # fmt: skip


def asked_equipment(args: argparse.Namespace) -> Equipment:
    """The equipment that the options describe.

    Raises:
        TrainingError: One of them is impossible.
    """
    return Equipment(
        device=args.device,
        workers=args.workers,
        picture_memory_gb=args.picture_memory,
        gradient_checkpointing=args.gradient_checkpointing,
        log=tuple(args.log),
    )


def asked_config(args: argparse.Namespace) -> TrainingConfig:
    """The configuration that the options describe: what is given, then the preset's, then the default.

    Raises:
        TrainingError: An option is impossible.
        PolicyError: A preset is asked for and the base is not a policy.
    """
    given = {name: getattr(args, name) for name, _ in _NUMBERS if getattr(args, name) is not None}
    settings: dict[str, Any] = {
        "insulate": args.insulate,
        "precision": args.precision,
        "stats": args.stats,
        "lora_targets": args.lora_targets,
        "train_delays": args.train_delays,
        "delay_probability": args.delay_probability,
    }
    if args.freeze is not None:
        parts = tuple(part for part in args.freeze.split(",") if part)
        settings["freeze"] = () if parts == ("none",) else parts
    if args.preset is not None:
        family = "compact" if args.policy is None else _family(args.policy)
        settings |= preset(args.preset).settings(family, adapters=bool(given.get("lora_rank")))
    return TrainingConfig(**settings | given)


def _family(policy: str) -> str:
    path = resolve(policy) / "config.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path} does not say what type of policy it is ({error}); leave --preset out") from error
