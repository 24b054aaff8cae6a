"""Who decides in an episode: a policy that sees pictures, or the scripted expert that sees everything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from retain.errors import EvaluationError
from retain.sim import Tabletop, expert_action
from retain.sim.arm import CHANNELS
from retain.sim.tabletop import DT_S

Floats = NDArray[np.float32]

CAMERA = "front"
"""The role of the tabletop's one camera."""

BLOCK = 16
"""Observations per forward pass, always: matrix products of another shape may round differently, and an episode must
not depend on how many others run beside it."""


class Player(Protocol):
    """Decides for several simulations at once."""

    @property
    def noise_shape(self) -> tuple[int, int]:
        """(H, A): the noise that each decision is given."""

    def plan(self, sims: Sequence[Tabletop], noise: Floats) -> Floats:
        """The action rows to carry out next.

        Args:
            sims: B simulations, each waiting for its next decision.
            noise: float32 [B, H, A], standard normal, each simulation's own.

        Returns:
            float32 [B, n, A]: absolute targets in the order of the tabletop's channels.
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
        n_action_steps: Rows carried out per decision.
    """

    cameras: tuple[tuple[str, int, int], ...]
    state: tuple[str, ...]
    action: tuple[str, ...]
    dt_s: float
    horizon: int
    n_action_steps: int


class ChunkPlayer:
    """A chunk policy on the tabletop. Renders only when asked to decide.

    Args:
        policy: Predicts chunks.
        interface: Its names and timing.
        block: Observations per forward pass.

    Raises:
        EvaluationError: The policy was made for another robot, camera or rate.
    """

    def __init__(self, policy: ChunkPolicy, interface: Interface, block: int = BLOCK) -> None:
        _check_fits(interface)
        self._policy = policy
        self._block = block
        self._interface = interface
        _, self._size, _ = interface.cameras[0]
        self._state_columns = [CHANNELS.index(name) for name in interface.state]
        self._action_columns = [interface.action.index(name) for name in CHANNELS]

    @property
    def noise_shape(self) -> tuple[int, int]:
        """(H, A) of the policy."""
        return self._interface.horizon, len(self._interface.action)

    def plan(self, sims: Sequence[Tabletop], noise: Floats) -> Floats:
        """See `Player.plan`."""
        blocks = [slice(at, at + self._block) for at in range(0, len(sims), self._block)]
        return np.concatenate([self._plan_block(sims[block], noise[block]) for block in blocks])

    def _plan_block(self, sims: Sequence[Tabletop], noise: Floats) -> Floats:
        present = len(sims)
        filled = np.minimum(np.arange(self._block), present - 1)  # the last observation stands in for absent ones
        images = np.stack([sim.image(self._size) for sim in sims])[filled]
        state = np.stack([sim.state()[self._state_columns] for sim in sims])[filled]
        instructions = [sims[index].instruction for index in filled]
        chunk = self._policy.predict_chunk({CAMERA: images}, state, instructions, noise[filled])
        rows: Floats = chunk[:present, : self._interface.n_action_steps, self._action_columns]
        return rows


class ExpertPlayer:
    """The scripted expert, deciding anew at every step: the ceiling of what a policy can reach."""

    noise_shape = (0, 0)

    def plan(self, sims: Sequence[Tabletop], noise: Floats) -> Floats:
        """See `Player.plan`."""
        del noise
        return np.stack([expert_action(sim) for sim in sims])[:, None, :]


def _check_fits(interface: Interface) -> None:
    roles = [role for role, _, _ in interface.cameras]
    if roles != [CAMERA] or interface.cameras[0][1] != interface.cameras[0][2]:
        shown = ", ".join(f"{role} {height}x{width}" for role, height, width in interface.cameras)
        raise EvaluationError(f"the policy sees {shown or 'no camera'}; the tabletop has one square camera, {CAMERA}")
    found: dict[str, Any] = {"state": interface.state, "action": interface.action}
    for what, names in found.items():
        if sorted(names) != sorted(CHANNELS):
            raise EvaluationError(
                f"the policy's {what} is {', '.join(names)}; the tabletop's arm has {', '.join(CHANNELS)}"
            )
    if abs(interface.dt_s - DT_S) > 1e-9:
        raise EvaluationError(f"the policy's rows are {interface.dt_s} s long; the tabletop's are {DT_S} s")
