"""Policies that run in PyTorch. Importing this package, or `spec`, does not import torch."""

from typing import TYPE_CHECKING, Any

from retain.policy.locate import BASE_NAME, resolve
from retain.policy.normalization import Affine, Normalization
from retain.policy.spec import ActionChannel, CameraSpec, Channel, FlowSpec, PolicySpec

if TYPE_CHECKING:
    from retain.policy.base import Batch, Policy
    from retain.policy.directory import load_policy, save_policy

__all__ = [
    "BASE_NAME",
    "ActionChannel",
    "Affine",
    "Batch",
    "CameraSpec",
    "Channel",
    "FlowSpec",
    "Normalization",
    "Policy",
    "PolicySpec",
    "load_policy",
    "resolve",
    "save_policy",
]

_NEEDS_TORCH = {"Batch": "base", "Policy": "base", "load_policy": "directory", "save_policy": "directory"}


def __getattr__(name: str) -> Any:
    """Import what needs torch when it is first asked for."""
    if name not in _NEEDS_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    from retain.errors import require

    require("torch", extra="train")
    return getattr(import_module(f"{__name__}.{_NEEDS_TORCH[name]}"), name)
