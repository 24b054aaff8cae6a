"""SmolVLA (arXiv 2506.01844), in LeRobot's names: every tensor of `model.safetensors` is a parameter here.

A SigLIP tower and the first half of SmolLM2 read the observation once; a narrower action expert reads each of their
layers, alternately by self-attention over both and by cross-attention to what the backbone left.
"""

from retain.policy.smolvla.configuration import SmolVLAConfig
from retain.policy.smolvla.model import SmolVLAPolicy

__all__ = ["SmolVLAConfig", "SmolVLAPolicy"]
