"""What a policy sees and says: cameras, channels, units and timing. No torch here."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from retain.errors import PolicyError
from retain.policy.normalization import FloatArray, Normalization

Mode = Literal["absolute", "delta"]
Interpolation = Literal["linear", "hold"]


@dataclass(frozen=True)
class CameraSpec:
    """One camera: RGB, uint8, height and width in pixels."""

    role: str
    height: int
    width: int


@dataclass(frozen=True)
class Channel:
    """One number of the measured state, e.g. `("elbow", "rad")`."""

    name: str
    unit: str


@dataclass(frozen=True)
class ActionChannel:
    """One number of an action row.

    Attributes:
        name: Joins the action to the state and to the robot; order is never trusted.
        unit: SI, e.g. `rad`.
        mode: `absolute` targets, or `delta` = target - measured state of the same name at the observation.
        interpolation: How a loop that is faster than the policy fills the time between two rows.
    """

    name: str
    unit: str
    mode: Mode
    interpolation: Interpolation


@dataclass(frozen=True)
class FlowSpec:
    """Flow matching as in pi0: x_t = (1 - t) noise + t a, velocity a - noise, integrated from t = 0 to 1.

    Attributes:
        steps: Euler steps per chunk.
        width: Columns of x, W; None: as many as there are action channels. A policy made for many robots integrates
            more (`max_action_dim` of SmolVLA and pi0): channels come first, then padding whose clean value is 0.
        noise: The law of x_0.
        time: Which end of t is noise.
    """

    steps: int
    width: int | None = None
    noise: Literal["normal"] = "normal"
    time: Literal["noise_at_zero"] = "noise_at_zero"


@dataclass(frozen=True)
class PolicySpec:
    """Everything a robot, a simulator or an exporter needs to know of a policy, besides its weights.

    Attributes:
        family: The architecture, e.g. `compact`.
        cameras: In the order in which the policy takes images.
        state: Measured channels, in order. S of them.
        action: Commanded channels, in order. A of them.
        dt_s: Seconds per action row: row k is to be reached (k + 1) dt_s after the observation.
        horizon: Rows per chunk, H.
        n_action_steps: Rows executed per inference when nothing else decides.
        max_tokens: Length of the padded instruction, T; 0 for policies that take none.
        flow: None for policies that regress the chunk directly.
        max_trained_delay: Largest number of already committed rows that training has shown the policy.
        normalization: The policy's units.
        opening: Put before an instruction, and
        suffix: behind it, before it is tokenized.
    """

    family: str
    cameras: tuple[CameraSpec, ...]
    state: tuple[Channel, ...]
    action: tuple[ActionChannel, ...]
    dt_s: float
    horizon: int
    n_action_steps: int
    max_tokens: int
    flow: FlowSpec | None
    max_trained_delay: int
    normalization: Normalization
    opening: str = ""
    suffix: str = ""

    def __post_init__(self) -> None:
        """Check that the parts fit each other.

        Raises:
            PolicyError: One sentence with what was found and what was expected.
        """
        if not 1 <= self.n_action_steps <= self.horizon:
            raise PolicyError(f"n_action_steps is {self.n_action_steps}, expected 1 to the horizon {self.horizon}")
        if not 0 <= self.max_trained_delay < self.horizon:
            raise PolicyError(f"max_trained_delay is {self.max_trained_delay}, expected 0 to {self.horizon - 1}")
        if self.flow is None and self.max_trained_delay:
            raise PolicyError(
                f"max_trained_delay is {self.max_trained_delay}, expected 0: {self.family} regresses its chunk, and"
                " only a flow can be given rows to go on from"
            )
        if self.action_width < len(self.action):
            raise PolicyError(f"{len(self.action)} action channels do not fit into a flow of width {self.action_width}")
        if self.flow is not None and self.flow.steps < 1:
            raise PolicyError(f"the flow has {self.flow.steps} steps, expected 1 or more")
        if self.dt_s <= 0:
            raise PolicyError(f"dt_s is {self.dt_s}, expected more than 0 s")
        for what, channels, affine in (
            ("state", self.state, self.normalization.state),
            ("action", self.action, self.normalization.action),
        ):
            if len(channels) != len(affine.offset):
                raise PolicyError(f"{len(channels)} {what} channels but statistics of {len(affine.offset)}")
            names = [channel.name for channel in channels]
            if len(set(names)) != len(names):
                raise PolicyError(f"{what} channels are not unique: {', '.join(names)}")
        measured = {channel.name for channel in self.state}
        for channel in self.action:
            if channel.mode == "delta" and channel.name not in measured:
                raise PolicyError(f"action {channel.name} is relative, but the state has no channel of that name")

    def sentence(self, instruction: str) -> str:
        """An instruction as the tokenizer reads it."""
        return self.opening + instruction + self.suffix

    @property
    def action_width(self) -> int:
        """Columns of what the network computes per row, W: the action's channels, then padding."""
        return len(self.action) if self.flow is None or self.flow.width is None else self.flow.width

    def reference(self, state: FloatArray) -> FloatArray:
        """What relative channels are relative to.

        Args:
            state: Measured state [physical units], shape (..., S).

        Returns:
            Shape (..., A): the measured value for `delta` channels, 0 for absolute ones.
        """
        column = {channel.name: index for index, channel in enumerate(self.state)}
        reference = np.zeros((*state.shape[:-1], len(self.action)), dtype=np.float32)
        for index, channel in enumerate(self.action):
            if channel.mode == "delta":
                reference[..., index] = state[..., column[channel.name]]
        return reference

    def encode_actions(self, actions: FloatArray, state: FloatArray) -> FloatArray:
        """Absolute robot units, shape (..., H, A), to the policy's units, given the observed state (..., S)."""
        return self.normalization.action.normalize(actions - self.reference(state)[..., None, :])

    def decode_actions(self, normalized: FloatArray, state: FloatArray) -> FloatArray:
        """The policy's units, shape (..., H, A), to absolute robot units, given the observed state (..., S)."""
        return self.normalization.action.physical(normalized) + self.reference(state)[..., None, :]
