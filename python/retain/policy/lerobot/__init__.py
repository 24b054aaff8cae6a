"""LeRobot's policy directories, read as they are. No torch here.

LeRobot says how large a policy's inputs and outputs are, but not what they are called, in which unit, or how fast rows
follow each other: that is in the dataset it was trained on. `retain adopt` writes it down once, in a file beside
config.json that LeRobot does not look at.
"""

from retain.policy.lerobot.description import DESCRIPTION_FILE, Description
from retain.policy.lerobot.document import is_lerobot, read_spec
from retain.policy.lerobot.family import FAMILIES
from retain.policy.lerobot.fresh import fresh_files
from retain.policy.lerobot.sizes import VLM_FILE, sizes_of

__all__ = [
    "DESCRIPTION_FILE",
    "FAMILIES",
    "VLM_FILE",
    "Description",
    "fresh_files",
    "is_lerobot",
    "read_spec",
    "sizes_of",
]
