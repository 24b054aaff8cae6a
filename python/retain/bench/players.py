"""One engine, fed with a bundle's golden observation again and again."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from retain.bundle import Bundle
from retain.engine import compare_golden, golden_case, open_engine
from retain.engine.flow import integrate
from retain.engine.golden import feed_prefix, golden_error
from retain.engine.tensorrt import NATIVE, choose_plans

if TYPE_CHECKING:
    from torch import Tensor

FloatArray = npt.NDArray[np.float32]


class Player(ABC):
    """Computes the golden case. Every method returns when the result is there, on a GPU too.

    Attributes:
        description: Who computes, with versions.
        precision: Of its products: "fp32" unless a TensorRT engine was built otherwise.
        atol: How far it may be from the golden outputs and still drive.
    """

    description: str
    precision: str = "fp32"
    atol: float

    @abstractmethod
    def prefix(self) -> None:
        """Read the observation."""

    @abstractmethod
    def step(self) -> None:
        """One flow step after the last prefix; not asked for where the chunk is regressed."""

    @abstractmethod
    def chunk(self) -> FloatArray:
        """Prefix and all flow steps; the normalized chunk, float32[1, H, W]."""

    @abstractmethod
    def errors(self) -> dict[str, float]:
        """Distance to every golden output, by name, as `GoldenReport.errors` has it."""


class CppPlayer(Player):
    """The engine that drives the robot, called through its Python binding."""

    def __init__(self, bundle: Bundle, provider: str, threads: int, options: dict[str, str]) -> None:
        self._case = golden_case(bundle)
        self._engine = open_engine(bundle, provider, threads, provider_options=options, golden=False)
        self._steps, self.atol = bundle.manifest.flow_steps, bundle.manifest.golden.atol
        if provider == NATIVE:
            sidecar = choose_plans(bundle, options).sidecar
            self.precision, self.atol = sidecar.precision, sidecar.atol
        self.description = self._engine.info.description

    def prefix(self) -> None:
        """As in `Player`."""
        feed_prefix(self._engine, self._case.prefix_inputs)

    def step(self) -> None:
        """As in `Player`."""
        self._engine.step(self._case.x, self._case.t)

    def chunk(self) -> FloatArray:
        """As in `Player`."""
        self.prefix()
        return integrate(self._engine, self._case.noise, self._steps)

    def errors(self) -> dict[str, float]:
        """As in `Player`."""
        return compare_golden(self._engine, self._case, self._steps, self.atol).errors


class TorchPlayer(Player):
    """The policy in PyTorch, loaded from the bundle, which is a policy directory too."""

    def __init__(self, bundle: Bundle, device: str, threads: int | None, *, compiled: bool) -> None:
        import torch

        from retain.policy import load_policy

        if threads:
            torch.set_num_threads(threads)
        policy = load_policy(bundle.path).to(device).eval()
        case, self.atol = golden_case(bundle), bundle.manifest.golden.atol
        self._case, self._steps, self._torch = case, bundle.manifest.flow_steps, torch
        inputs = {name: self._tensor(array).to(device) for name, array in case.prefix_inputs.items()}
        none = torch.zeros(1, 0, device=device)
        self._inputs = (
            [inputs[f"image.{camera.role}"] for camera in policy.spec.cameras],
            inputs.get("tokens", none.long()),
            inputs.get("token_mask", none.bool()),
            inputs["state"],
        )
        self._x, self._t, self._noise = (self._tensor(array).to(device) for array in (case.x, case.t, case.noise))
        self._run_prefix: Callable[..., dict[str, Tensor]] = policy.prefix
        self._run_step: Callable[..., Tensor] = policy.step
        if compiled:
            self._run_prefix, self._run_step = torch.compile(policy.prefix), torch.compile(policy.step)
        self._wait: Callable[[], None] = torch.cuda.synchronize if device == "cuda" else lambda: None
        self._context: dict[str, Tensor] = {}
        where = torch.cuda.get_device_name() if device == "cuda" else f"cpu, {threads} thread{'s' * (threads != 1)}"
        self.description = f"PyTorch {torch.__version__}, {'compiled' if compiled else 'eager'}, {where}"

    def prefix(self) -> None:
        """As in `Player`."""
        with self._torch.inference_mode():
            self._context = self._prefix()
        self._wait()

    def step(self) -> None:
        """As in `Player`."""
        with self._torch.inference_mode():
            self._run_step(self._x, self._t, self._context)
        self._wait()

    def chunk(self) -> FloatArray:
        """As in `Player`."""
        with self._torch.inference_mode():
            context = self._prefix()
            x = self._noise if self._steps else context["chunk"]
            for index in range(self._steps):
                t = self._torch.full(x.shape[:2], index / self._steps, device=x.device)
                x = x + self._run_step(x, t, context) / self._steps
            chunk: FloatArray = x.cpu().numpy()
        return chunk

    def errors(self) -> dict[str, float]:
        """As in `Player`."""
        with self._torch.inference_mode():
            context = self._prefix()
            found = {name: tensor.cpu().numpy() for name, tensor in context.items()}
            errors = {name: golden_error(found[name], array) for name, array in self._case.prefix_outputs.items()}
            if self._steps:
                velocity = self._run_step(self._x, self._t, context)
                errors["velocity"] = golden_error(velocity.cpu().numpy(), self._case.velocity)
        errors["chunk"] = golden_error(self.chunk(), self._case.chunk)
        return errors

    def _prefix(self) -> "dict[str, Tensor]":
        return self._run_prefix(*self._inputs)

    def _tensor(self, array: npt.NDArray[Any]) -> "Tensor":
        return self._torch.from_numpy(np.array(array))


def open_player(bundle: Bundle, engine: str, threads: int | None) -> Player:
    """Open one of `contenders.ENGINES`.

    Raises:
        RetainError: It cannot be opened.
    """
    name, _, device = engine.partition("-")
    if name in ("eager", "compiled"):
        return TorchPlayer(bundle, device or "cpu", threads, compiled=name == "compiled")
    # The golden tolerance is float32's; TF32, CUDA's default there, keeps 10 bits of the mantissa.
    options = {"use_tf32": "0"} if engine == "cuda" else {}
    return CppPlayer(bundle, engine, threads or 1, options)
