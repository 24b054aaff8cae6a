"""What computes in `retain run`: ONNX Runtime with one of its providers, or the bundle's own TensorRT engines."""

import argparse
from typing import TYPE_CHECKING

from retain.errors import ConfigError

if TYPE_CHECKING:
    from retain.bundle import Bundle
    from retain.engine import PolicyEngine

ENGINES = ("cpu", "cuda", "tensorrt", "tensorrt-native")


def add_options(group: argparse._ArgumentGroup) -> None:
    """Declare --engine and --engine-option."""
    group.add_argument(
        "--engine", choices=ENGINES, default="cpu",
        help="ONNX Runtime on the CPU or with its CUDA or TensorRT provider, or the engines that --trt built"
        " (tensorrt-native; default: cpu)",
    )  # fmt: skip
    group.add_argument(
        "--engine-option", action="append", default=[], metavar="NAME=VALUE",
        help="an option of ONNX Runtime's provider by its documented name; precision=bf16 of tensorrt-native",
    )  # fmt: skip


def open_chosen(args: argparse.Namespace, bundle: "Bundle") -> "PolicyEngine":
    """Open the engine that was asked for; it has passed its golden check.

    Raises:
        ConfigError: An option is no NAME=VALUE.
        EngineError: The engine cannot be opened on this machine.
        BundleError: It computes something else than at the bundle's export.
    """
    from retain.engine import open_engine

    pairs = [option.partition("=") for option in args.engine_option]
    if odd := [name for name, sign, _ in pairs if not sign or not name]:
        raise ConfigError(f"--engine-option {odd[0]} is no NAME=VALUE")
    return open_engine(bundle, args.engine, provider_options={name: value for name, _, value in pairs})
