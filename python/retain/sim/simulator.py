"""MuJoCo, imported in one place so that what can go wrong there is said in one sentence."""

import os
from types import ModuleType
from typing import TYPE_CHECKING

from retain.errors import MissingExtraError, SimulationError, require

__all__ = ["mujoco"]


def _load() -> ModuleType:
    try:
        return require("mujoco", extra="sim")
    except MissingExtraError:
        raise
    except (ImportError, AttributeError, RuntimeError) as error:
        # MuJoCo loads the backend that MUJOCO_GL names as soon as it is imported, needed or not.
        raise SimulationError(
            f"MuJoCo cannot be imported with MUJOCO_GL={os.environ.get('MUJOCO_GL', '')!r} ({error});"
            " run: unset MUJOCO_GL, or apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri libosmesa6"
        ) from error


if TYPE_CHECKING:
    import mujoco
else:
    mujoco = _load()
