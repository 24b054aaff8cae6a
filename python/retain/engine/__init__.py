"""Run a bundle in C++: find ONNX Runtime, open the graphs, check them against the golden outputs, play whole chunks."""

from retain.engine.golden import GoldenReport, check_golden, compare_golden
from retain.engine.library import find_onnxruntime
from retain.engine.open import open_engine
from retain.engine.player import EnginePlayer
from retain.engine.policy_engine import PolicyEngine
from retain.engine.reference import golden_case

__all__ = [
    "EnginePlayer",
    "GoldenReport",
    "PolicyEngine",
    "check_golden",
    "compare_golden",
    "find_onnxruntime",
    "golden_case",
    "open_engine",
]
