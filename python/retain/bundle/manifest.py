"""The manifest of a bundle: everything that has to be known to run the policy, and where its weights came from.

Channels travel by name: entry i of `observation.state` and of a chunk row belongs to channel i *of this file*, whatever
order a robot or a data set has. Units are SI and spelled out.
"""

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from retain.errors import BundleError

SCHEMA_VERSION = 1
MANIFEST_FILE = "manifest.json"
WEIGHTS_FILE = "model.safetensors"

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Name = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Camera(_Part):
    """One camera as the prefix graph takes it: uint8[1, height, width, 3], row-major, unscaled."""

    role: Name
    """What the camera is for ("front"); a robot's configuration maps its devices to roles."""
    height: PositiveInt
    width: PositiveInt
    color: Literal["rgb"] = "rgb"
    input: Name
    """Name of the graph input, `image.<role>`."""


class StateChannel(_Part):
    """One measured number of the robot."""

    name: Name
    unit: str
    """SI: "rad", "m", "m/s"; "1" for a switch or a ratio."""


class Observation(_Part):
    """What the policy sees."""

    cameras: tuple[Camera, ...]
    state: tuple[StateChannel, ...]


class ActionChannel(_Part):
    """One commanded number of the robot."""

    name: Name
    unit: str
    mode: Literal["absolute", "delta"]
    """"delta": the policy predicts the difference to the state channel of the same name at the observation."""
    interpolation: Literal["linear", "hold"]
    """How the command moves to a row's value: linearly over the row's dt, or at its start ("hold": switches)."""


class Action(_Part):
    """What the policy says: a chunk of `horizon` rows; row k is reached (k + 1)·dt_s after the observation."""

    channels: tuple[ActionChannel, ...]
    dt_s: PositiveFloat
    horizon: PositiveInt
    n_action_steps: PositiveInt
    """Rows executed per inference when inference and motion take turns; at most `horizon`."""


class Affine(_Part):
    """physical = offset + scale · normalized, channel by channel."""

    offset: tuple[float, ...]
    scale: tuple[PositiveFloat, ...]


class Normalization(_Part):
    """Between robot units and what the graphs compute in. For a delta channel, `action` is in units of the delta."""

    state: Affine
    action: Affine


class Flow(_Part):
    """How a chunk is drawn: x ← noise; for i in range(steps): x ← x + v(x, t = i/steps)/steps."""

    steps: PositiveInt
    width: PositiveInt | None = None
    """Columns of x; None: as many as there are action channels. Those beyond the channels are padding, clean at 0."""
    noise: Literal["normal"]
    """N(0, 1), independent per element of the chunk."""
    time: Literal["noise_at_zero"]
    """x_t = (1 − t)·noise + t·action and v = action − noise."""


class Language(_Part):
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


class ChannelLimits(_Part):
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


class Tensor(_Part):
    """An input or output of a graph; shapes are static."""

    name: Name
    dtype: Literal["float32", "int64", "uint8", "bool"]
    shape: tuple[PositiveInt, ...]


class Graph(_Part):
    """One ONNX file without weights: its initializers point into `model.safetensors` by offset and length."""

    file: Name
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class Graphs(_Part):
    """`prefix` runs once per observation, `step` once per flow step on the prefix's outputs.

    Without a step the policy regresses its chunk: the prefix's output `chunk`.
    """

    prefix: Graph
    step: Graph | None

    @property
    def all(self) -> tuple[Graph, ...]:
        """The one or two of them."""
        return (self.prefix,) if self.step is None else (self.prefix, self.step)


class Golden(_Part):
    """Seeded inputs and expected outputs that an engine must reproduce before it may drive."""

    file: Name
    atol: PositiveFloat
    """Largest allowed max|got − expected| / max(1, max|expected|), in normalized units."""
    recorded_by: Name | None
    """Who computed the expected outputs: PyTorch, or ONNX Runtime without graph optimizations; None: nobody.

    Then whoever opens the bundle computes the outputs first, from the graphs run node by node."""
    graphs_checked_by: Name
    """The independent implementation with which these graphs were last compared, whatever the weights then were."""


class FileRecord(_Part):
    """What a file of the bundle must be."""

    sha256: Sha256
    bytes: Annotated[int, Field(ge=0)]


class Manifest(_Part):
    """`manifest.json`, schema version 1."""

    schema_version: Literal[1] = 1
    retain_version: Name
    family: Name
    """Policy family, as in "compact"."""
    merge: dict[str, JsonValue] | None
    """The merge's recipe with the SHA-256 of its inputs; None for an export of a policy as it is."""
    observation: Observation
    action: Action
    normalization: Normalization
    flow: Flow | None
    """None where the policy regresses its chunk."""
    language: Language | None
    """None where the policy takes no instruction."""
    max_trained_delay: Annotated[int, Field(ge=0)]
    """Longest action prefix, in rows, that the policy was trained to continue; 0 if it was not."""
    limits: tuple[ChannelLimits, ...] | None
    """One per action channel, in order."""
    graphs: Graphs
    golden: Golden
    files: dict[str, FileRecord]
    """Every file of the bundle but this one, by its path relative to the bundle, with forward slashes."""

    @model_validator(mode="after")
    def _parts_fit(self) -> "Manifest":
        channels, state = self.action.channels, self.observation.state
        _same_length("normalization.state", self.normalization.state, len(state))
        _same_length("normalization.action", self.normalization.action, len(channels))
        if self.limits is not None and len(self.limits) != len(channels):
            raise ValueError(f"limits has {len(self.limits)} entries for {len(channels)} action channels")
        if self.action.n_action_steps > self.action.horizon:
            raise ValueError(f"n_action_steps {self.action.n_action_steps} exceeds the horizon {self.action.horizon}")
        if self.max_trained_delay >= self.action.horizon:
            raise ValueError(
                f"max_trained_delay {self.max_trained_delay} must be below the horizon {self.action.horizon}"
            )
        known = {channel.name for channel in state}
        orphans = [channel.name for channel in channels if channel.mode == "delta" and channel.name not in known]
        if orphans:
            raise ValueError(f"delta channels {orphans} have no state channel of the same name")
        if (self.flow is None) != (self.graphs.step is None):
            raise ValueError("flow and graphs.step belong together: a policy has both, or regresses its chunk")
        if self.action_width < len(channels):
            raise ValueError(f"{len(channels)} action channels do not fit into a flow of width {self.action_width}")
        needed = {WEIGHTS_FILE, self.golden.file, *(graph.file for graph in self.graphs.all)}
        if self.language is not None:
            needed.add(self.language.tokenizer)
        if missing := needed - self.files.keys():
            raise ValueError(f"files lacks {sorted(missing)}")
        for name in self.files:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ValueError(f"files names {name!r}, which lies outside the bundle")
        return self

    @property
    def action_width(self) -> int:
        """Columns of the rows that the graphs compute: the action's channels, then padding."""
        return len(self.action.channels) if self.flow is None or self.flow.width is None else self.flow.width

    @property
    def flow_steps(self) -> int:
        """Steps of the flow; 0 where the policy regresses its chunk."""
        return 0 if self.flow is None else self.flow.steps

    @classmethod
    def from_json(cls, text: str | bytes, where: str) -> "Manifest":
        """Parse and check a manifest.

        Args:
            text: The file's contents.
            where: The file's path, for the message.

        Raises:
            BundleError: It is not a manifest of schema version 1; names the first field that is wrong.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "the file"
            raise BundleError(
                f"{where} is not a manifest of schema version {SCHEMA_VERSION}: {field}: {first['msg']}"
                f" ({error.error_count()} problems in all); export the bundle again with this version of retain"
            ) from error

    def to_json(self) -> str:
        """The file's text: the same manifest gives the same bytes."""
        return self.model_dump_json(indent=2) + "\n"


def _same_length(name: str, affine: Affine, count: int) -> None:
    if not len(affine.offset) == len(affine.scale) == count:
        raise ValueError(f"{name} has {len(affine.offset)} offsets and {len(affine.scale)} scales for {count} channels")
