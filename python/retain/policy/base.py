"""The policy interface: a prefix that is computed once per observation and a step that reads what it left behind."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from retain.checkpoint.normalizer import Normalized
from retain.errors import PolicyError
from retain.policy.normalization import FloatArray
from retain.policy.spec import PolicySpec
from retain.policy.tokenization import tokenize


@dataclass(frozen=True)
class Batch:
    """What training shows a policy. B observations, each with the chunk of actions that followed.

    Attributes:
        images: One tensor per camera in the spec's order, uint8 (B, H, W, 3), RGB.
        tokens: int64 (B, T).
        mask: bool (B, T), True where a token is real.
        state: float32 (B, S), normalized.
        actions: float32 (B, H, A), normalized.
        is_pad: bool (B, H), True for rows beyond their episode's end, which repeat its last action; None: no row is.
    """

    images: list[Tensor]
    tokens: Tensor
    mask: Tensor
    state: Tensor
    actions: Tensor
    is_pad: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        moved = {
            name: value.to(device, non_blocking=True) for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return replace(self, images=[image.to(device, non_blocking=True) for image in self.images], **moved)

    def rows(self, part: slice) -> "Batch":
        """Some of the observations."""
        chosen = {name: value[part] for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, images=[image[part] for image in self.images], **chosen)


Context = Mapping[str, Tensor]
"""What `prefix` hands to `step`, by name, in the order of the exported graph's outputs; batch B, static shapes."""


class Policy(nn.Module, ABC):
    """A vision-language-action policy with flow matching (pi0, arXiv 2410.24164), time running from noise to action.

    A policy that regresses its chunk (`spec.flow` is None, as in ACT, arXiv 2304.13705) has no `step`: its prefix
    returns {"chunk": float32 (B, H, A)}, normalized.

    Attributes:
        spec: What it sees and says.
        sidecars: Files, by name, that belong to it in another's format; written beside its weights as they are.
        image_statistics: By camera role, how its preprocessor normalizes pictures in [0, 1]; most families do none.
        delay_probability: Share of the chunks for which `loss` draws a number of committed rows, d ~ U{0 ..
            `spec.max_trained_delay`}. 1 is what training-time real-time chunking (arXiv 2512.05964) and LeRobot do.

    Args:
        spec: What it sees and says.
        tokenizer: Pads to `spec.max_tokens`; None for policies that take no instruction.
    """

    tied: ClassVar[Mapping[str, str]] = {}
    """Tensors that a checkpoint may leave out, each with the one that then stands for it."""

    def __init__(self, spec: PolicySpec, tokenizer: Tokenizer | None) -> None:
        super().__init__()
        self.spec = spec
        self._tokenizer = tokenizer
        self.sidecars: Mapping[str, bytes] = {}
        self.image_statistics: Mapping[str, Normalized] = {}
        self.delay_probability = 1.0

    @abstractmethod
    def prefix(self, images: list[Tensor], tokens: Tensor, mask: Tensor, state: Tensor) -> dict[str, Tensor]:
        """Read one observation.

        Args:
            images: One tensor per camera in the spec's order, uint8 (B, H, W, 3), RGB, at the camera's size.
            tokens: int64 (B, T).
            mask: bool (B, T), True where a token is real.
            state: float32 (B, S), normalized.

        Returns:
            All that `step` needs to know of the observation: the key/value cache and whatever else stays the same while
            a chunk is drawn.
        """

    @abstractmethod
    def step(self, x: Tensor, t: Tensor, context: Context) -> Tensor:
        """The velocity field.

        Args:
            x: float32 (B, H, W), normalized actions on their way from noise to action; W is `spec.action_width`.
            t: float32 (B, H), flow time of every row: 0 noise, 1 clean.
            context: What `prefix` returned.

        Returns:
            float32 (B, H, W): estimate of action - noise.
        """

    @abstractmethod
    def loss(self, batch: Batch, generator: torch.Generator | None = None, *, insulate: bool = False) -> Tensor:
        """The training loss, a scalar.

        Args:
            batch: What to learn from.
            generator: All randomness comes from it.
            insulate: Keep the gradient of what the expert generates out of the backbone.
        """

    @abstractmethod
    def architecture(self) -> Mapping[str, object]:
        """The sizes that `config.json` must hold to build this network again."""

    def gradient_checkpointing(self, enabled: bool) -> None:
        """Whether `loss` computes the activations inside its layers again in the backward pass, to save memory.

        A family that can do it overrides this; see `retain.policy.recompute`.

        Raises:
            PolicyError: This family cannot.
        """
        if enabled:
            raise PolicyError(
                f"{self.spec.family} has no gradient checkpointing; leave it out, and where memory is short give"
                " --accumulate 2 or more"
            )

    @property
    def tokenizer(self) -> Tokenizer:
        """Pads to `spec.max_tokens`.

        Raises:
            PolicyError: The policy takes no instruction.
        """
        if self._tokenizer is None:
            raise PolicyError(f"policies of the family {self.spec.family} take no instruction and have no tokenizer")
        return self._tokenizer

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def encode(self, instructions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Instructions to ids int64 (B, T) and mask bool (B, T), on the policy's device; T is 0 where it takes none."""
        if self._tokenizer is None:
            none = torch.zeros(len(instructions), 0, device=self.device)
            return none.long(), none.bool()
        ids, mask = tokenize(self._tokenizer, [self.spec.sentence(instruction) for instruction in instructions])
        return torch.from_numpy(ids).to(self.device), torch.from_numpy(mask).to(self.device)

    @torch.no_grad()
    def predict_chunk(
        self,
        images: Mapping[str, npt.NDArray[np.uint8]],
        state: FloatArray,
        instructions: Sequence[str],
        noise: FloatArray | None = None,
        generator: torch.Generator | None = None,
    ) -> FloatArray:
        """Observation to a chunk of absolute robot commands, by Euler integration from noise (t = 0) to action (t = 1).

        Args:
            images: Camera role to uint8 (B, H, W, 3), RGB.
            state: float32 (B, S), measured, in robot units.
            instructions: B sentences.
            noise: float32 (B, H, W); drawn from `generator` when None. Policies without flow take none.
            generator: On the CPU, so that a seed means the same on every device.

        Returns:
            float32 (B, H, A), absolute, in robot units; row k is to be reached at (k + 1) dt_s.

        Raises:
            PolicyError: A camera is missing, a size is wrong, or the batch sizes differ.
        """
        spec, device = self.spec, self.device
        batch = len(instructions)
        self._check_observation(images, state, batch)
        frames = [torch.from_numpy(np.ascontiguousarray(images[camera.role])).to(device) for camera in spec.cameras]
        tokens, mask = self.encode(instructions)
        normalized = torch.from_numpy(spec.normalization.state.normalize(state)).to(device)
        context = self.prefix(frames, tokens, mask, normalized)
        if spec.flow is not None and noise is None:
            noise = torch.randn(batch, spec.horizon, spec.action_width, generator=generator).numpy()
        chunk = self.draw(context, batch, noise)
        return spec.decode_actions(chunk.cpu().numpy()[..., : len(spec.action)], np.asarray(state, np.float32))

    def draw(
        self, context: Context, batch: int, noise: FloatArray | None = None, committed: FloatArray | None = None
    ) -> Tensor:
        """From a prefix to a normalized chunk: Euler steps x <- x + v(x, t = i / steps) / steps, or what was regressed.

        Args:
            context: What `prefix` returned.
            batch: B.
            noise: float32 (B, H, W), where a flow starts.
            committed: float32 (B, d, W), d < H, the rows that are being executed already, normalized, 0 in the columns
                beyond the channels. They are given at t = 1 in every step, and the chunk begins with them
                (arXiv 2512.05964). What comes of more than `spec.max_trained_delay` rows, training has not taught.

        Returns:
            float32 (B, H, W), padding included.

        Raises:
            PolicyError: The noise or the committed rows have another shape, or the noise is missing.
        """
        if self.spec.flow is None:
            return context["chunk"]
        shape, steps = (batch, self.spec.horizon, self.spec.action_width), self.spec.flow.steps
        if noise is None or noise.shape != shape:
            found = "nothing" if noise is None else list(noise.shape)
            raise PolicyError(f"noise has shape {found}, expected {list(shape)}")
        given = np.empty((batch, 0, shape[2]), np.float32) if committed is None else committed
        if given.ndim != len(shape) or given.shape[::2] != shape[::2] or given.shape[1] >= shape[1]:
            raise PolicyError(
                f"committed rows have shape {list(given.shape)}, expected [{batch}, fewer than {shape[1]}, {shape[2]}]"
            )
        rows = given.shape[1]
        clean = torch.from_numpy(np.array(given, np.float32)).to(self.device)
        x = torch.from_numpy(np.array(noise, np.float32)).to(self.device)
        x[:, :rows] = clean
        for index in range(steps):
            t = torch.full(shape[:2], index / steps, device=self.device)
            t[:, :rows] = 1.0
            x = x + self.step(x, t, context) / steps
            x[:, :rows] = clean
        return x

    def _check_observation(self, images: Mapping[str, npt.NDArray[np.uint8]], state: FloatArray, batch: int) -> None:
        for camera in self.spec.cameras:
            if camera.role not in images:
                found = ", ".join(sorted(images)) or "none"
                raise PolicyError(f"the policy needs a camera {camera.role}, the observation has {found}")
            expected = (batch, camera.height, camera.width, 3)
            frame = images[camera.role]
            if frame.shape != expected or frame.dtype != np.uint8:
                raise PolicyError(
                    f"camera {camera.role} gives {frame.dtype} {list(frame.shape)}, expected uint8 {list(expected)}"
                )
        if state.shape != (batch, len(self.spec.state)):
            raise PolicyError(f"state has shape {list(state.shape)}, expected {[batch, len(self.spec.state)]}")
