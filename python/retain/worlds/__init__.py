"""Simulators in which policies are evaluated: the tabletop, and public benchmarks where they are installed."""

import importlib

from retain.errors import SimulationError
from retain.worlds.tabletop import TabletopWorld
from retain.worlds.world import Episode, Simulation, Stage, World

__all__ = ["TABLETOP", "WORLDS", "Episode", "Simulation", "Stage", "World", "find_world"]

TABLETOP: World = TabletopWorld()

WORLDS: dict[str, tuple[str, str]] = {
    # name: (module, class); a benchmark's modules are imported only when it is asked for.
    "tabletop": ("retain.worlds.tabletop", "TabletopWorld"),
    "metaworld": ("retain.worlds.metaworld", "MetaworldWorld"),
    "libero": ("retain.worlds.libero", "LiberoWorld"),
}


def find_world(name: str) -> World:
    """A world by its name. Its suites can be read at once; its simulator is loaded by `World.stage`.

    Raises:
        SimulationError: There is no such world.
    """
    if name not in WORLDS:
        raise SimulationError(f"there is no world {name!r}; expected one of {', '.join(WORLDS)}")
    module, kind = WORLDS[name]
    world: World = getattr(importlib.import_module(module), kind)()
    return world
