"""What a bundle's golden case must give: read, or, where nobody has recorded it yet, computed here from the graphs.

A bundle whose graphs were taken over from another one (`--graph-from`) costs a merge and no inference. Its graphs were
compared with PyTorch where they were made; every name, dtype, shape and offset of their weights was compared with the
new checkpoint. What is left to be checked is an engine, on the machine where it runs: it is compared with the graphs
run node by node by ONNX Runtime on the CPU, exactly as they were exported. That is done once per machine and bundle.
"""

import os
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from retain.bundle import WEIGHTS_FILE, Bundle, GoldenCase
from retain.bundle.units import Units
from retain.engine.flow import integrate
from retain.engine.golden import feed_prefix
from retain.engine.graphs import open_graphs
from retain.errors import BundleError


def golden_case(bundle: Bundle) -> GoldenCase:
    """A bundle's golden inputs with their expected outputs.

    Raises:
        BundleError: The golden file is broken.
        EngineError: The outputs must be computed and ONNX Runtime cannot open the graphs.
        MissingExtraError: Likewise, and ONNX Runtime is not installed.
    """
    case = GoldenCase.load(bundle.file(bundle.manifest.golden.file))
    if case.is_recorded:
        return case
    kept = _kept_under(bundle)
    try:
        return GoldenCase.load(kept)
    except BundleError:  # not there, or not whole
        recorded = record_reference(bundle, case)
    _keep(recorded, kept)
    return recorded


def record_reference(bundle: Bundle, inputs: GoldenCase) -> GoldenCase:
    """Golden inputs, and what the graphs say to them when they are run node by node, without optimizations.

    Args:
        bundle: An opened bundle.
        inputs: Its outputs are not used.

    Raises:
        EngineError: ONNX Runtime cannot open the graphs.
        MissingExtraError: It is not installed.
    """
    manifest, units = bundle.manifest, Units.of(bundle.manifest)
    # Nothing drives yet: all cores are free.
    engine = open_graphs(bundle.path, manifest.graphs, threads=len(os.sched_getaffinity(0)), optimize=False)
    feed_prefix(engine, inputs.prefix_inputs)
    outputs = {tensor.name: engine.prefix_output(tensor.name) for tensor in manifest.graphs.prefix.outputs}
    velocity = np.zeros(0, np.float32) if engine.info.regresses else engine.step(inputs.x, inputs.t)
    chunk = integrate(engine, inputs.noise, manifest.flow_steps)
    state = units.physical_state(inputs.prefix_inputs["state"].astype(np.float32))
    return replace(
        inputs,
        prefix_outputs=outputs,
        velocity=velocity,
        chunk=chunk,
        state=state,
        actions=units.decode_actions(chunk[..., : units.action_channels], state),
    )


def _kept_under(bundle: Bundle) -> Path:
    """A name that changes with anything that the outputs depend on."""
    manifest = bundle.manifest
    parts = [WEIGHTS_FILE, manifest.golden.file, *(graph.file for graph in manifest.graphs.all)]
    described = "\n".join([*(manifest.files[part].sha256 for part in parts), manifest.normalization.model_dump_json()])
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "retain" / "golden" / f"{sha256(described.encode()).hexdigest()}.safetensors"


def _keep(case: GoldenCase, path: Path) -> None:
    """For the next time; where nothing can be kept, the next time computes it again."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        case.save(partial)
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink()
