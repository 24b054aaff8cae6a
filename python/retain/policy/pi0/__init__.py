"""π0 (arXiv 2410.24164) and π0.5 (arXiv 2504.16054), with LeRobot's and openpi's tensor names and numbers.

A PaliGemma backbone (SigLIP, Gemma) reads frames and words once; an action expert (a smaller Gemma, layer by layer
beside it) reads the backbone's keys and values and says where each action row should flow.
"""

from typing import TYPE_CHECKING, Any

from retain.policy.pi0.configuration import Pi0Config

if TYPE_CHECKING:
    from retain.policy.pi0.pi0 import Pi0Policy
    from retain.policy.pi0.pi05 import Pi05Policy

__all__ = ["Pi0Config", "Pi0Policy", "Pi05Policy"]

_NEEDS_TRANSFORMERS = {"Pi0Policy": "pi0", "Pi05Policy": "pi05"}


def __getattr__(name: str) -> Any:
    """Import what needs torch and transformers when it is first asked for."""
    if name not in _NEEDS_TRANSFORMERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    from retain.errors import require

    require("transformers", extra="vla")
    return getattr(import_module(f"{__name__}.{_NEEDS_TRANSFORMERS[name]}"), name)
