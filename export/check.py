"""A bundle is checked as the robot will run it, before it gets its name."""

from pathlib import Path

import numpy as np
import onnx
from retain.bundle import Bundle, GoldenCase
from retain.bundle.units import Units
from retain.engine import GoldenReport, compare_golden, open_engine
from retain.errors import ExportError


def check_graphs(*files: Path) -> None:
    """Run ONNX's own checker over graphs in place, external data included.

    Raises:
        ExportError: With the checker's message.
    """
    for file in files:
        _check_graph(file)


def check_bundle(bundle: Bundle) -> GoldenReport:
    """Run a bundle in C++ and compare: prefix, step, chunk, and the way from words and units in to robot units out.

    Raises:
        ExportError: A number is further away than the manifest allows, or is not finite.
    """
    manifest, units = bundle.manifest, Units.of(bundle.manifest)
    case = GoldenCase.load(bundle.file(manifest.golden.file))
    engine = open_engine(bundle, golden=False)
    report = compare_golden(engine, case, manifest.flow_steps, manifest.golden.atol)
    if not report.passed:
        name, error = report.worst
        raise ExportError(
            f"the exported graphs do not compute the policy: {name} differs by {error:.2e} between"
            f" {engine.info.description} and {manifest.golden.recorded_by}, allowed is {report.atol:.0e};"
            " nothing was written"
        )
    tokens, mask = bundle.tokenize(case.instruction)
    if manifest.language is not None and not (
        np.array_equal(tokens[mask], case.prefix_inputs["tokens"][0][mask])
        and np.array_equal(mask, case.prefix_inputs["token_mask"][0])
    ):
        raise ExportError(f"the bundle reads {case.instruction!r} as other tokens than the policy; nothing was written")
    actions = units.decode_actions(case.chunk[..., : units.action_channels], case.state)
    scale, size = np.array(manifest.normalization.action.scale), max(1.0, float(np.abs(case.chunk).max()))
    errors = {
        "state": float(
            np.abs(units.normalize_state(case.state) - case.prefix_inputs["state"].astype(np.float32)).max()
        ),
        "actions": float((np.abs(actions - case.actions) / scale).max()) / size,
    }
    for name, error in errors.items():
        if not error <= report.atol:
            raise ExportError(
                f"the bundle has other units than the policy: {name} differ by {error:.2e} in normalized units, allowed"
                f" is {report.atol:.0e}; nothing was written"
            )
    return GoldenReport({**report.errors, **errors}, report.atol)


def _check_graph(file: Path) -> None:
    try:
        onnx.checker.check_model(str(file), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ExportError(f"{file.name} is not valid ONNX: {reason}; please report this policy") from error
