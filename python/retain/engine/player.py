"""A bundle with the face of a PyTorch policy, so that evaluation can play either. Numpy and C++ only."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from retain.bundle import Bundle
from retain.bundle.manifest import Manifest
from retain.bundle.units import Units
from retain.engine.flow import integrate
from retain.engine.open import open_engine
from retain.engine.policy_engine import PolicyEngine
from retain.errors import BundleError

FloatArray = npt.NDArray[np.float32]


class EnginePlayer:
    """Observation to a chunk of absolute robot commands, computed by an engine.

    Args:
        bundle: What to play.
        engine: An engine that was opened on the bundle; None opens ONNX Runtime on one CPU thread and checks it against
            the golden outputs.
    """

    def __init__(self, bundle: Bundle, engine: PolicyEngine | None = None) -> None:
        self.bundle = bundle
        self.engine = open_engine(bundle) if engine is None else engine
        self._units = Units.of(bundle.manifest)

    @property
    def manifest(self) -> Manifest:
        """The bundle's manifest."""
        return self.bundle.manifest

    def predict_chunk(
        self,
        images: Mapping[str, npt.NDArray[np.uint8]],
        state: FloatArray,
        instructions: Sequence[str],
        noise: FloatArray | None = None,
        generator: np.random.Generator | None = None,
    ) -> FloatArray:
        """What `retain.policy.Policy.predict_chunk` computes, one observation after the other.

        Args:
            images: Camera role to uint8[B, H, W, 3], RGB.
            state: float32[B, S], measured, in robot units.
            instructions: B sentences.
            noise: float32[B, H, W]; drawn from `generator` when None. Policies that regress their chunk read none.
            generator: Where noise comes from; None seeds one from the operating system.

        Returns:
            float32[B, H, A], absolute, in robot units; row k is to be reached at (k + 1)·dt_s.

        Raises:
            BundleError: A camera is missing, a size is wrong, or an instruction is too long.
        """
        action, batch = self.manifest.action, len(instructions)
        shape = (batch, action.horizon, self.manifest.action_width)
        if noise is None or self.manifest.flow is None:
            noise = (generator or np.random.default_rng()).standard_normal(shape, dtype=np.float32)
        self._check(images, state, noise, shape)
        state = np.asarray(state, np.float32)
        chunks = [
            self._one({role: frames[i] for role, frames in images.items()}, state[i], text, noise[i : i + 1])
            for i, text in enumerate(instructions)
        ]
        return np.concatenate(chunks) if chunks else np.zeros((0, action.horizon, len(action.channels)), np.float32)

    def _one(
        self, images: Mapping[str, npt.NDArray[np.uint8]], state: FloatArray, instruction: str, noise: FloatArray
    ) -> FloatArray:
        frames = [np.ascontiguousarray(images[image.role]) for image in self.engine.info.images]
        tokens, mask = self.bundle.tokenize(instruction)
        self.engine.prefix(frames, tokens, mask, self._units.normalize_state(state))
        chunk = integrate(self.engine, noise, self.manifest.flow_steps)
        return self._units.decode_actions(chunk[..., : len(self.manifest.action.channels)], state[None])

    def _check(
        self,
        images: Mapping[str, npt.NDArray[np.uint8]],
        state: FloatArray,
        noise: FloatArray,
        shape: tuple[int, int, int],
    ) -> None:
        batch = shape[0]
        for camera in self.manifest.observation.cameras:
            expected = (batch, camera.height, camera.width, 3)
            frames = images.get(camera.role)
            if frames is None or frames.shape != expected or frames.dtype != np.uint8:
                found = "nothing" if frames is None else f"{frames.dtype} {list(frames.shape)}"
                raise BundleError(f"camera {camera.role} gives {found}, expected uint8 {list(expected)}")
        channels = [channel.name for channel in self.manifest.observation.state]
        if state.shape != (batch, len(channels)):
            raise BundleError(f"state has shape {list(state.shape)}, expected {[batch, len(channels)]}: {channels}")
        if noise.shape != shape:
            raise BundleError(f"noise has shape {list(noise.shape)}, expected {list(shape)}")
