"""ACT (arXiv 2304.13705) with LeRobot's tensor names: a ResNet and a transformer that regress the chunk in one pass.

No language, no flow: `prefix` reads the cameras and the state and returns the chunk itself.
"""

from retain.policy.act.configuration import ACTConfig
from retain.policy.act.model import ACTPolicy

__all__ = ["ACTConfig", "ACTPolicy"]
