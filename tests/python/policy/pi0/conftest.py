"""transformers imports torchvision where there is one; LeRobot's environment has one for another torch."""

import importlib.util

from ... import installed_lerobot  # noqa: TID252 (tests are no package that could be named)

if importlib.util.find_spec("lerobot") is not None:
    installed_lerobot.prepare_import()
