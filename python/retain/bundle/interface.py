"""What a manifest says of the policy: what it sees and says, in which units, and how a chunk comes out of it.

Channels travel by name: entry i of `observation.state` and of a chunk row belongs to channel i *of this file*, whatever
order a robot or a data set has. Units are SI and spelled out.
"""

from typing import Literal

from pydantic import PositiveFloat, PositiveInt, model_validator

from retain.bundle.part import Name, Part


class Camera(Part):
    """One camera as the prefix graph takes it: uint8[1, height, width, 3], row-major, unscaled."""

    role: Name
    """What the camera is for ("front"); a robot's configuration maps its devices to roles."""
    height: PositiveInt
    width: PositiveInt
    color: Literal["rgb"] = "rgb"
    input: Name
    """Name of the graph input, `image.<role>`."""


class StateChannel(Part):
    """One measured number of the robot."""

    name: Name
    unit: str
    """SI: "rad", "m", "m/s"; "1" for a switch or a ratio."""


class Observation(Part):
    """What the policy sees."""

    cameras: tuple[Camera, ...]
    state: tuple[StateChannel, ...]


class ActionChannel(Part):
    """One commanded number of the robot."""

    name: Name
    unit: str
    mode: Literal["absolute", "delta"]
    """"delta": the policy predicts the difference to the state channel of the same name at the observation."""
    interpolation: Literal["linear", "hold"]
    """How the command moves to a row's value: linearly over the row's dt, or at its start ("hold": switches)."""


class Action(Part):
    """What the policy says: a chunk of `horizon` rows; row k is reached (k + 1)·dt_s after the observation."""

    channels: tuple[ActionChannel, ...]
    dt_s: PositiveFloat
    horizon: PositiveInt
    n_action_steps: PositiveInt
    """Rows executed per inference when inference and motion take turns; at most `horizon`."""


class Affine(Part):
    """physical = offset + scale · normalized, channel by channel."""

    offset: tuple[float, ...]
    scale: tuple[PositiveFloat, ...]


class Normalization(Part):
    """Between robot units and what the graphs compute in. For a delta channel, `action` is in units of the delta."""

    state: Affine
    action: Affine


class Flow(Part):
    """How a chunk is drawn: x ← noise; for i in range(steps): x ← x + v(x, t = i/steps)/steps."""

    steps: PositiveInt
    width: PositiveInt | None = None
    """Columns of x; None: as many as there are action channels. Those beyond the channels are padding, clean at 0."""
    noise: Literal["normal"]
    """N(0, 1), independent per element of the chunk."""
    time: Literal["noise_at_zero"]
    """x_t = (1 − t)·noise + t·action and v = action − noise."""


class Language(Part):
    """How an instruction becomes the graph's tokens."""

    max_tokens: PositiveInt
    tokenizer: Name
    """File read with the `tokenizers` library."""
    inputs: tuple[Name, Name] = ("tokens", "token_mask")
    """Graph inputs for ids int64[1, max_tokens] and mask bool[1, max_tokens] (true where a token stands)."""
    opening: str = ""
    """Put before an instruction before it is tokenized: "Task: " for π0.5."""
    suffix: str = ""
    """Put behind an instruction before it is tokenized: π0 and SmolVLA were trained with a newline there."""


class ChannelLimits(Part):
    """Default limits of one action channel, in its unit; None where the exporter gave none."""

    position_min: float | None = None
    position_max: float | None = None
    velocity: PositiveFloat | None = None
    """Per second, both directions."""
    acceleration: PositiveFloat | None = None
    """Per second squared, both directions."""
    jerk: PositiveFloat | None = None
    """Per second cubed, both directions."""

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> "ChannelLimits":
        if self.position_min is not None and self.position_max is not None and self.position_min >= self.position_max:
            raise ValueError(f"position_min {self.position_min} is not below position_max {self.position_max}")
        return self
