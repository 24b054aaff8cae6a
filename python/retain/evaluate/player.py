"""Who decides in an episode: a policy that sees pictures, or the scripted expert that sees everything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retain.errors import EvaluationError
from retain.worlds import Simulation, World

Floats = NDArray[np.float32]

BLOCK = 16
"""Observations per forward pass, always: matrix products of another shape may round differently, and an episode must
not depend on how many others run beside it."""


class Player(Protocol):
    """Decides for several simulations at once."""

    @property
    def noise_shape(self) -> tuple[int, int]:
        """(H, W): the noise that each decision is given."""

    def plan(self, sims: Sequence[Simulation], noise: Floats) -> Floats:
        """The action rows to carry out next.

        Args:
            sims: B simulations, each waiting for its next decision.
            noise: float32 [B, H, W], standard normal, each simulation's own.

        Returns:
            float32 [B, n, A]: absolute values in the order of the world's action channels.
        """


class ChunkPolicy(Protocol):
    """What a policy must offer to be evaluated: `retain.policy.Policy` does, and so does an opened bundle."""

    def predict_chunk(
        self,
        images: Mapping[str, NDArray[np.uint8]],
        state: Floats,
        instructions: Sequence[str],
        noise: Floats | None = None,
    ) -> Floats:
        """Pictures uint8 [B, H, W, 3] by role, state [B, S], B sentences → absolute actions float32 [B, H, A]."""


@dataclass(frozen=True)
class Interface:
    """How a policy's inputs and outputs are named and timed.

    Attributes:
        cameras: (role, height, width) in pixels.
        state, action: Channel names in the policy's order.
        dt_s: Seconds per action row.
        horizon: Rows per chunk.
        width: Columns of the noise: the policy's action channels and its padding.
        n_action_steps: Rows carried out per decision.
    """

    cameras: tuple[tuple[str, int, int], ...]
    state: tuple[str, ...]
    action: tuple[str, ...]
    dt_s: float
    horizon: int
    width: int
    n_action_steps: int


class ChunkPlayer:
    """A chunk policy in a world. Renders only when asked to decide.

    Args:
        policy: Predicts chunks.
        interface: Its names and timing.
        world: Where it plays.
        block: Observations per forward pass.

    Raises:
        EvaluationError: The policy was made for another robot, camera or rate.
    """

    def __init__(self, policy: ChunkPolicy, interface: Interface, world: World, block: int = BLOCK) -> None:
        _check_fits(interface, world)
        self._policy = policy
        self._block = block
        self._interface = interface
        self._state_columns = [world.state.index(name) for name in interface.state]
        self._action_columns = [interface.action.index(name) for name in world.action]

    @property
    def noise_shape(self) -> tuple[int, int]:
        """(H, W) of the policy."""
        return self._interface.horizon, self._interface.width

    def plan(self, sims: Sequence[Simulation], noise: Floats) -> Floats:
        """See `Player.plan`."""
        blocks = [slice(at, at + self._block) for at in range(0, len(sims), self._block)]
        return np.concatenate([self._plan_block(sims[block], noise[block]) for block in blocks])

    def _plan_block(self, sims: Sequence[Simulation], noise: Floats) -> Floats:
        present = len(sims)
        filled = np.minimum(np.arange(self._block), present - 1)  # the last observation stands in for absent ones
        images = {
            role: np.stack([sim.image(role, size) for sim in sims])[filled] for role, size, _ in self._interface.cameras
        }
        state = np.stack([sim.state()[self._state_columns] for sim in sims])[filled]
        instructions = [sims[index].instruction for index in filled]
        chunk = self._policy.predict_chunk(images, state, instructions, noise[filled])
        rows: Floats = chunk[:present, : self._interface.n_action_steps, self._action_columns]
        return rows


class ExpertPlayer:
    """The scripted expert, deciding anew at every step: the ceiling of what a policy can reach."""

    noise_shape = (0, 0)

    def plan(self, sims: Sequence[Simulation], noise: Floats) -> Floats:
        """See `Player.plan`."""
        del noise
        return np.stack([sim.expert_row() for sim in sims])[:, None, :]


def _check_fits(interface: Interface, world: World) -> None:
    seen = [role for role, height, width in interface.cameras if height == width]
    if not seen or len(seen) < len(interface.cameras) or not set(seen) <= set(world.cameras):
        shown = ", ".join(f"{role} {height}x{width}" for role, height, width in interface.cameras)
        raise EvaluationError(
            f"the policy sees {shown or 'no camera'}; {world.name} has square pictures of {', '.join(world.cameras)}"
        )
    if not set(interface.state) <= set(world.state):
        raise EvaluationError(
            f"the policy measures {', '.join(interface.state)}; {world.name} measures {', '.join(world.state)}"
        )
    if sorted(interface.action) != sorted(world.action):
        raise EvaluationError(
            f"the policy commands {', '.join(interface.action)}; {world.name} takes {', '.join(world.action)}"
        )
    if all(abs(interface.dt_s - dt_s) > 1e-9 for dt_s in world.dt_s):
        rows = " or ".join(f"{dt_s:g}" for dt_s in world.dt_s)
        raise EvaluationError(f"the policy's rows are {interface.dt_s:g} s long; those of {world.name} are {rows} s")
