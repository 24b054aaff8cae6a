"""An engine must reproduce a bundle's golden outputs on this machine before it may drive."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retain.bundle import Bundle, GoldenCase
from retain.engine.flow import integrate
from retain.engine.policy_engine import PolicyEngine
from retain.errors import BundleError


@dataclass(frozen=True)
class GoldenReport:
    """How far an engine is from the golden outputs: max|got − expected| / max(1, max|expected|) of each.

    Attributes:
        errors: By what was compared: each prefix output, "velocity" (one step of a flow), "chunk" (all steps).
        atol: What is allowed.
    """

    errors: dict[str, float]
    atol: float

    @property
    def worst(self) -> tuple[str, float]:
        """The largest error with its name. NaN counts as larger than any number."""
        return max(self.errors.items(), key=lambda item: np.inf if np.isnan(item[1]) else item[1])

    @property
    def passed(self) -> bool:
        """Whether every error is within the tolerance."""
        return all(error <= self.atol for error in self.errors.values())


def compare_golden(engine: PolicyEngine, case: GoldenCase, flow_steps: int, atol: float) -> GoldenReport:
    """Run a golden case: the prefix, one step with a different flow time in every row, and the whole chunk."""
    feed_prefix(engine, case.prefix_inputs)
    errors = {
        name: golden_error(engine.prefix_output(name), expected) for name, expected in case.prefix_outputs.items()
    }
    if not engine.info.regresses:
        errors["velocity"] = golden_error(engine.step(case.x, case.t), case.velocity)
    errors["chunk"] = golden_error(integrate(engine, case.noise, flow_steps), case.chunk)
    return GoldenReport(errors, atol)


def check_golden(engine: PolicyEngine, bundle: Bundle, case: GoldenCase, atol: float | None = None) -> GoldenReport:
    """Compare an engine with the bundle's golden outputs.

    Args:
        engine: Opened on the bundle.
        bundle: For what it allows.
        case: From `retain.engine.reference.golden_case`.
        atol: What is allowed; None takes the manifest's, which holds for float32.

    Raises:
        BundleError: An output is further away than that.
    """
    golden = bundle.manifest.golden
    allowed = golden.atol if atol is None else atol
    report = compare_golden(engine, case, bundle.manifest.flow_steps, allowed)
    if not report.passed:
        name, error = report.worst
        recorder = golden.recorded_by or "the graphs run node by node"
        raise BundleError(
            f"{bundle.path} computes something else than at its export: {name} is off by {error:.2e} in"
            f" {engine.info.description}, allowed is {allowed:.0e}"
            f" ({golden.file}, recorded by {recorder}); copy the bundle again, or export it again"
        )
    return report


def feed_prefix(engine: PolicyEngine, inputs: dict[str, npt.NDArray[np.generic]]) -> None:
    """Run the prefix on arrays by graph input name, each with its batch axis of 1."""
    images = [inputs[f"image.{image.role}"] for image in engine.info.images]
    none = np.zeros(0)
    tokens, mask = inputs.get("tokens", none.astype(np.int64)), inputs.get("token_mask", none.astype(np.bool_))
    engine.prefix(images, tokens, mask, inputs["state"])


def golden_error(got: npt.NDArray[np.generic], expected: npt.NDArray[np.generic]) -> float:
    """max|got − expected| / max(1, max|expected|); infinite where the shapes differ."""
    if got.shape != expected.shape:
        return float("inf")
    scale = max(1.0, float(np.abs(expected).max()))
    return float(np.abs(got.astype(np.float64) - expected.astype(np.float64)).max()) / scale
