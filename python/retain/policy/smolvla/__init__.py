"""SmolVLA (arXiv 2506.01844), in LeRobot's names: every tensor of `model.safetensors` is a parameter here.

A SigLIP tower and the first half of SmolLM2 read the observation once; a narrower action expert reads each of their
layers, alternately by self-attention over both and by cross-attention to what the backbone left.
"""

from typing import TYPE_CHECKING, Any

from retain.policy.smolvla.configuration import SmolVLAConfig

if TYPE_CHECKING:
    from retain.policy.smolvla.model import SmolVLAPolicy

__all__ = ["SmolVLAConfig", "SmolVLAPolicy"]


def __getattr__(name: str) -> Any:
    """Import the network, which needs torch and transformers, when it is first asked for."""
    if name != "SmolVLAPolicy":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from retain.policy.smolvla.model import SmolVLAPolicy

    return SmolVLAPolicy
