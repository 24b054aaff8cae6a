"""Where a player comes from: small descriptions that travel to worker processes and open there."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from retain.errors import EvaluationError
from retain.evaluate.player import ChunkPlayer, ExpertPlayer, Floats, Interface, Player
from retain.policy import Policy, PolicySpec, load_policy, resolve
from retain.worlds import TABLETOP, World


class Source(Protocol):
    """Describes a player. Frozen and picklable; two with the same fingerprint decide alike."""

    def open(self, world: World = TABLETOP) -> Player:
        """Load it for a world, in the process that will use it."""

    def fingerprint(self) -> str:
        """A hash of everything its decisions depend on."""


@dataclass(frozen=True)
class PolicySource:
    """A policy directory, run in PyTorch.

    Attributes:
        path: The directory.
        n_action_steps: Rows carried out per decision; None for the policy's own number.
    """

    path: Path
    n_action_steps: int | None = None

    def open(self, world: World = TABLETOP) -> Player:
        """Load the policy."""
        policy = load_policy(self.path)
        return torch_player(policy, self.n_action_steps, world)

    def fingerprint(self) -> str:
        """Hash of all files in the directory."""
        return _digest(_directory_digest(resolve(self.path)), self.n_action_steps)


@dataclass(frozen=True)
class InterpolatedSource:
    """A policy between two others, merged in memory.

    Attributes:
        base, finetuned: Policy directories.
        alpha: The weight of the finetuned policy, as pairs of component and α; see `alpha_pairs`.
    """

    base: Path
    finetuned: Path
    alpha: tuple[tuple[str, float], ...]

    def open(self, world: World = TABLETOP) -> Player:
        """Load the base and merge into it."""
        from retain.evaluate.interpolate import interpolate

        return torch_player(interpolate(self.base, self.finetuned, dict(self.alpha)), world=world)

    def fingerprint(self) -> str:
        """Hash of both directories and α."""
        return _digest(_directory_digest(resolve(self.base)), _directory_digest(resolve(self.finetuned)), self.alpha)


@dataclass(frozen=True)
class BundleSource:
    """An exported bundle, run by its engine in C++.

    Attributes:
        path: The bundle's directory.
    """

    path: Path

    def open(self, world: World = TABLETOP) -> Player:
        """Open the engine; it is checked against the bundle's golden outputs."""
        from retain.bundle import Bundle
        from retain.engine import EnginePlayer

        bundle = Bundle.open(self.path)
        observation, action = bundle.manifest.observation, bundle.manifest.action
        interface = Interface(
            cameras=tuple((camera.role, camera.height, camera.width) for camera in observation.cameras),
            state=tuple(channel.name for channel in observation.state),
            action=tuple(channel.name for channel in action.channels),
            dt_s=action.dt_s,
            horizon=action.horizon,
            width=bundle.manifest.action_width,
            n_action_steps=action.n_action_steps,
        )
        # The graphs take one observation at a time.
        return ChunkPlayer(EnginePlayer(bundle), interface, world, block=1)

    def fingerprint(self) -> str:
        """Hash of all files in the directory."""
        return _digest("bundle", _directory_digest(self.path))


@dataclass(frozen=True)
class ExpertSource:
    """The scripted expert."""

    def open(self, world: World = TABLETOP) -> Player:
        """Nothing to load: the world brings its expert."""
        del world
        return ExpertPlayer()

    def fingerprint(self) -> str:
        """The expert has no weights; the code's version is the simulation's."""
        return "expert"


def alpha_pairs(alpha: float | Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """One α or one per component in the form that `InterpolatedSource` keeps."""
    from retain.evaluate.interpolate import per_component

    return tuple(per_component(alpha).items())


def torch_player(policy: Policy, n_action_steps: int | None = None, world: World = TABLETOP) -> Player:
    """A loaded policy as a player.

    Raises:
        EvaluationError: It does not fit the world.
    """
    return ChunkPlayer(_OneThread(policy), _interface(policy.spec, n_action_steps), world)


@dataclass(frozen=True)
class _OneThread:
    """Runs a policy on one thread: more would round differently, and workers already use every core."""

    policy: Policy

    def predict_chunk(
        self,
        images: Mapping[str, NDArray[np.uint8]],
        state: Floats,
        instructions: Sequence[str],
        noise: Floats | None = None,
    ) -> Floats:
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return self.policy.predict_chunk(images, state, instructions, noise)
        finally:
            torch.set_num_threads(threads)


def _interface(spec: PolicySpec, n_action_steps: int | None) -> Interface:
    rows = spec.n_action_steps if n_action_steps is None else n_action_steps
    if not 1 <= rows <= spec.horizon:
        raise EvaluationError(f"n_action_steps is {rows}; expected 1 to the policy's horizon {spec.horizon}")
    return Interface(
        cameras=tuple((camera.role, camera.height, camera.width) for camera in spec.cameras),
        state=tuple(channel.name for channel in spec.state),
        action=tuple(channel.name for channel in spec.action),
        dt_s=spec.dt_s,
        horizon=spec.horizon,
        width=spec.action_width,
        n_action_steps=rows,
    )


def _directory_digest(path: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()):
        if file.is_file():
            digest.update(file.name.encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _digest(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
