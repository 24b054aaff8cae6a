"""A bundle is checked as the robot will run it, before it gets its name."""

from pathlib import Path

import numpy as np
import onnx
from retain.bundle import Bundle, GoldenCase
from retain.engine import EnginePlayer, GoldenReport, compare_golden, open_engine
from retain.errors import ExportError


def check_graphs(*files: Path) -> None:
    """Run ONNX's own checker over graphs in place, external data included.

    Raises:
        ExportError: With the checker's message.
    """
    for file in files:
        _check_graph(file)


def check_bundle(bundle: Bundle) -> GoldenReport:
    """Run a bundle in C++ and compare: prefix, step, chunk, and the whole way from camera and words to robot units.

    Raises:
        ExportError: A number is further away than the manifest allows, or is not finite.
    """
    manifest = bundle.manifest
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
    images = {image.role: case.prefix_inputs[f"image.{image.role}"].astype(np.uint8) for image in engine.info.images}
    actions = EnginePlayer(bundle, engine).predict_chunk(images, case.state, [case.instruction], case.noise)
    scale = np.array(manifest.normalization.action.scale)
    error = float((np.abs(actions - case.actions) / scale).max()) / max(1.0, float(np.abs(case.chunk).max()))
    if not error <= report.atol:
        raise ExportError(
            f"the bundle decodes actions otherwise than the policy: {error:.2e} in normalized units, allowed is"
            f" {report.atol:.0e}; nothing was written"
        )
    return GoldenReport({**report.errors, "actions": error}, report.atol)


def _check_graph(file: Path) -> None:
    try:
        onnx.checker.check_model(str(file), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ExportError(f"{file.name} is not valid ONNX: {reason}; please report this policy") from error
