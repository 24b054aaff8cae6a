"""Golden inputs and outputs: one seeded observation, one flow step and one whole chunk, with what they must give."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from retain.errors import BundleError

FloatArray = npt.NDArray[np.float32]

_INSTRUCTION = "instruction"
_PREFIX_INPUT = "prefix.input."
_PREFIX_OUTPUT = "prefix.output."


@dataclass(frozen=True)
class GoldenCase:
    """What `golden.safetensors` holds. B = 1; H rows, W columns, the first A of which are channels, S state channels.

    Outputs (prefix_outputs, velocity, chunk, actions) are empty where nobody has recorded them yet; `x`, `t`,
    `velocity` and `noise` are empty where the policy regresses its chunk.
    """

    instruction: str
    prefix_inputs: dict[str, npt.NDArray[np.generic]]
    """By graph input name; `state` is normalized."""
    prefix_outputs: dict[str, npt.NDArray[np.generic]]
    """By graph output name."""
    x: FloatArray
    """[1, H, W] normalized, input of the single step."""
    t: FloatArray
    """[1, H], a different flow time in every row."""
    velocity: FloatArray
    """[1, H, W], output of the single step."""
    noise: FloatArray
    """[1, H, W], where the chunk starts."""
    chunk: FloatArray
    """[1, H, W] normalized, after all flow steps."""
    state: FloatArray
    """[1, S] robot units: what `prefix_inputs["state"]` was normalized from."""
    actions: FloatArray
    """[1, H, A] absolute robot units: `chunk` decoded at `state`."""

    @property
    def is_recorded(self) -> bool:
        """Whether it has outputs."""
        return self.chunk.size > 0

    def only_inputs(self, state: FloatArray) -> "GoldenCase":
        """The same questions without answers.

        Args:
            state: [1, S] robot units, where those of the new bundle differ.
        """
        nothing = np.zeros(0, np.float32)
        return replace(self, prefix_outputs={}, velocity=nothing, chunk=nothing, actions=nothing, state=state)

    def save(self, path: Path) -> None:
        """Write the safetensors file; the instruction is in its metadata."""
        tensors: dict[str, npt.NDArray[np.generic]] = {
            "step.x": self.x,
            "step.t": self.t,
            "step.velocity": self.velocity,
            "chunk.noise": self.noise,
            "chunk.normalized": self.chunk,
            "chunk.state": self.state,
            "chunk.actions": self.actions,
        }
        tensors |= {_PREFIX_INPUT + name: array for name, array in self.prefix_inputs.items()}
        tensors |= {_PREFIX_OUTPUT + name: array for name, array in self.prefix_outputs.items()}
        contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
        path.write_bytes(save(contiguous, {_INSTRUCTION: self.instruction}))

    @classmethod
    def load(cls, path: Path) -> "GoldenCase":
        """Read what `save` wrote.

        Raises:
            BundleError: The file is not a golden file.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
            return cls(
                instruction=metadata[_INSTRUCTION],
                prefix_inputs=_under(_PREFIX_INPUT, tensors),
                prefix_outputs=_under(_PREFIX_OUTPUT, tensors),
                x=tensors["step.x"],
                t=tensors["step.t"],
                velocity=tensors["step.velocity"],
                noise=tensors["chunk.noise"],
                chunk=tensors["chunk.normalized"],
                state=tensors["chunk.state"],
                actions=tensors["chunk.actions"],
            )
        except (SafetensorError, KeyError, OSError) as error:
            raise BundleError(f"{path} is not a golden file ({error}); export the bundle again") from error


def _under(prefix: str, tensors: dict[str, npt.NDArray[np.generic]]) -> dict[str, npt.NDArray[np.generic]]:
    return {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}
