"""The options that say how to merge, for every command that merges."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from retain.merge import Recipe


def add_end_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is merged."""
    parser.add_argument("base", metavar="BASE", help="policy directory, .safetensors file, or compact-base")
    parser.add_argument(
        "finetuned", metavar="FINETUNED", nargs="+",
        help="a policy finetuned from it (full weights or a PEFT adapter); several for methods that take several",
    )  # fmt: skip
    parser.add_argument(
        "--allow-pickle", action="store_true",
        help="also read .pt and .bin files, through torch's restricted unpickler",
    )  # fmt: skip


def add_recipe_arguments(parser: argparse.ArgumentParser, *, several: bool) -> None:
    """Declare how it is merged.

    Args:
        parser: The command's.
        several: Whether α may be a list.
    """
    from retain.merge import METHODS, Missing, Rounding, StoredDType

    lists = "; lists (0.3,0.5) make several results in one pass" if several else ""
    parser.add_argument(
        "--alpha", nargs="+", default=[], metavar="A",
        help=f"weight of the finetuned policy: a number, NAME=NUMBER for components, or both{lists}",
    )  # fmt: skip
    parser.add_argument(
        "--method", choices=tuple(METHODS), default="linear", metavar="METHOD",
        help="; ".join(f"{name}: {method.summary}" for name, method in METHODS.items()).replace("%", "%%"),
    )  # fmt: skip
    parser.add_argument("--weights", metavar="W,W", help="the weight of each finetuned policy (default: 1 each)")
    parser.add_argument("--density", type=float, metavar="SHARE", help="which share of a task vector is kept")
    parser.add_argument(
        "--spread", type=float, metavar="SHARE", help="della: how far keep-probabilities lie around the density"
    )
    parser.add_argument(
        "--depth", metavar="FIRST:LAST", help="scale alpha with depth, from the first layer to the last (LiNeS: 0:1)"
    )
    parser.add_argument(
        "--alpha-map", type=Path, metavar="FILE",
        help="alpha of single tensors: a JSON object from regular expressions of full names to numbers",
    )  # fmt: skip
    parser.add_argument(
        "--component", action="append", default=[], metavar="NAME=REGEX",
        help="a component of your own: the tensors whose full name matches; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--dtype", choices=get_args(StoredDType), help="store weights as this (default: as the base does)"
    )
    parser.add_argument(
        "--rounding", choices=get_args(Rounding), default="nearest",
        help="stochastic keeps alpha on average where weights are stored coarsely (default: nearest)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, metavar="N", help="of stochastic rounding and random drops (default: 0)")
    parser.add_argument(
        "--missing", choices=get_args(Missing), default="error",
        help="keep this end's tensors where the two differ in names or shapes (default: error)",
    )  # fmt: skip
    parser.add_argument("--extrapolate", action="store_true", help="allow alpha outside [0, 1]")
    parser.add_argument(
        "--no-fold", action="store_true", help="refuse other normalization statistics even where folding is exact"
    )


def add_running_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how the work is done; nothing here changes a bit of the result."""
    parser.add_argument("--threads", type=int, metavar="N", help="threads (default: one per core)")


def recipes(args: argparse.Namespace) -> "list[Recipe]":
    """The recipes that the options ask for: one, or one for each α of a list.

    Raises:
        MergeError: An option is not what it must be.
        CheckpointError: The alpha map cannot be read.
    """
    from retain.merge import Recipe, parse_alphas
    from retain.merge.words import parse_depth, parse_numbers, read_alpha_map

    options: dict[str, Any] = {
        "method": args.method,
        "density": args.density,
        "spread": args.spread,
        "weights": None if args.weights is None else parse_numbers("--weights", args.weights),
        "depth": None if args.depth is None else parse_depth(args.depth),
        "alpha_map": {} if args.alpha_map is None else read_alpha_map(args.alpha_map),
        "dtype": args.dtype,
        "rounding": args.rounding,
        "seed": args.seed,
        "missing": args.missing,
        "extrapolate": args.extrapolate,
        "fold": not args.no_fold,
    }
    alphas: Sequence[dict[str, float] | None] = parse_alphas(args.alpha) or [None]
    return [Recipe.of(alpha, **options) for alpha in alphas]


def end(text: str) -> Path:
    """A policy's path from what was typed."""
    # Only a bare word can name a packaged policy, and looking it up imports numpy: half of the start-up time.
    if os.sep not in text:
        from retain.policy import BASE_NAME, resolve

        if text == BASE_NAME:
            return resolve(text)
    return Path(text)
