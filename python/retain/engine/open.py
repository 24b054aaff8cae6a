"""From a bundle to an engine that has proved itself on this machine."""

from collections.abc import Mapping
from pathlib import Path

from retain.bundle import Bundle
from retain.engine.golden import check_golden
from retain.engine.graphs import open_graphs
from retain.engine.policy_engine import PolicyEngine
from retain.engine.reference import golden_case
from retain.engine.tensorrt import NATIVE, choose_plans, open_plans
from retain.errors import EngineError


def open_engine(
    bundle: Bundle,
    provider: str = "cpu",
    threads: int = 1,
    *,
    provider_options: Mapping[str, str] | None = None,
    library: Path | None = None,
    optimize: bool = True,
    golden: bool = True,
) -> PolicyEngine:
    """Open a bundle in C++: its graphs in ONNX Runtime, or its TensorRT engines.

    Args:
        bundle: An opened bundle.
        provider: "cpu", "cuda", "tensorrt", or another of ONNX Runtime's providers by its own name;
            "tensorrt-native" for the engines that `--trt` made, without ONNX Runtime.
        threads: Threads inside an operator; the control loop's threads want the other cores.
        provider_options: The provider's documented options; of "tensorrt-native" `precision`, where the bundle has
            engines in several.
        library: Path of libonnxruntime.so; None takes the installed wheel's.
        optimize: False runs the graphs node by node as exported, to check the optimized ones against.
        golden: Compare with the bundle's golden outputs before anything may use the engine.

    Raises:
        EngineError: The library, the provider or a graph cannot be opened.
        BundleError: The golden outputs are not reproduced; the message has the numbers.
        MissingExtraError: ONNX Runtime is not installed.
    """
    if provider == NATIVE and (threads != 1 or library is not None or not optimize):
        raise EngineError(f"threads, library and optimize are ONNX Runtime's; leave them out with {NATIVE}")
    chosen = choose_plans(bundle, provider_options or {}) if provider == NATIVE else None
    # First, and gone before the engine is opened: both hold the weights.
    case = golden_case(bundle) if golden else None
    if chosen is not None:
        plans = open_plans(bundle, chosen)
        if case is not None:
            check_golden(plans, bundle, case, chosen.sidecar.atol)
        return plans
    engine = open_graphs(
        bundle.path,
        bundle.manifest.graphs,
        provider,
        threads,
        provider_options=provider_options,
        library=library,
        optimize=optimize,
    )
    if case is not None:
        check_golden(engine, bundle, case)
    return engine
