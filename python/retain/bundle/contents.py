"""What a manifest says of the bundle's files: the graphs and their tensors, the golden case, a hash for each."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from retain.bundle.part import Name, Part

WEIGHTS_FILE = "model.safetensors"

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Tensor(Part):
    """An input or output of a graph; shapes are static."""

    name: Name
    dtype: Literal["float32", "int64", "uint8", "bool"]
    shape: tuple[PositiveInt, ...]


class Graph(Part):
    """One ONNX file without weights: its initializers point into `model.safetensors` by offset and length."""

    file: Name
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class Graphs(Part):
    """`prefix` runs once per observation, `step` once per flow step on the prefix's outputs.

    Without a step the policy regresses its chunk: the prefix's output `chunk`.
    """

    prefix: Graph
    step: Graph | None

    @property
    def all(self) -> tuple[Graph, ...]:
        """The one or two of them."""
        return (self.prefix,) if self.step is None else (self.prefix, self.step)


class Golden(Part):
    """Seeded inputs and expected outputs that an engine must reproduce before it may drive."""

    file: Name
    atol: PositiveFloat
    """Largest allowed max|got − expected| / max(1, max|expected|), in normalized units."""
    recorded_by: Name | None
    """Who computed the expected outputs: PyTorch, or ONNX Runtime without graph optimizations; None: nobody.

    Then whoever opens the bundle computes the outputs first, from the graphs run node by node."""
    graphs_checked_by: Name
    """The independent implementation with which these graphs were last compared, whatever the weights then were."""


class FileRecord(Part):
    """What a file of the bundle must be."""

    sha256: Sha256
    bytes: Annotated[int, Field(ge=0)]
