"""Between robot units and the graphs' normalized ones, as the manifest defines them. Numpy, float32."""

import numpy as np
import numpy.typing as npt

from retain.bundle.interface import Action, Normalization, Observation
from retain.bundle.manifest import Manifest

FloatArray = npt.NDArray[np.float32]


class Units:
    """The affine maps of state and action, and what delta channels are relative to.

    Args:
        observation: For the names of the state channels. S of them.
        action: For the names and modes of the action channels. A of them.
        normalization: Offsets and scales.
    """

    def __init__(self, observation: Observation, action: Action, normalization: Normalization) -> None:
        self._state_offset = np.array(normalization.state.offset, np.float32)
        self._state_scale = np.array(normalization.state.scale, np.float32)
        self._action_offset = np.array(normalization.action.offset, np.float32)
        self._action_scale = np.array(normalization.action.scale, np.float32)
        column = {channel.name: index for index, channel in enumerate(observation.state)}
        self._is_delta = np.array([channel.mode == "delta" for channel in action.channels])
        # An absolute channel needs no state channel of its name; whichever is read in its place is not used.
        self._measured = np.array([column.get(channel.name, 0) for channel in action.channels])

    @property
    def action_channels(self) -> int:
        """A."""
        return len(self._is_delta)

    @classmethod
    def of(cls, manifest: Manifest) -> "Units":
        """The units of a bundle."""
        return cls(manifest.observation, manifest.action, manifest.normalization)

    def normalize_state(self, state: FloatArray) -> FloatArray:
        """(state − offset) / scale, float32[..., S]."""
        return np.asarray((state - self._state_offset) / self._state_scale, np.float32)

    def physical_state(self, normalized: FloatArray) -> FloatArray:
        """Offset + scale · normalized, float32[..., S]."""
        return np.asarray(self._state_offset + self._state_scale * normalized, np.float32)

    def decode_actions(self, chunk: FloatArray, state: FloatArray) -> FloatArray:
        """Offset + scale · chunk, plus the measured state of the same name for delta channels.

        Args:
            chunk: Normalized, float32[..., H, A].
            state: Measured at the observation, robot units, float32[..., S].

        Returns:
            Absolute robot units, float32[..., H, A].
        """
        reference = np.where(self._is_delta, state[..., self._measured], np.float32(0))
        return np.asarray(self._action_offset + self._action_scale * chunk + reference[..., None, :], np.float32)
