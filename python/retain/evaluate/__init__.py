"""How well policies do: rollouts, the ID / OOD / generalist protocol, statistics, choosing α, plots."""

from retain.evaluate.protocol import evaluate
from retain.evaluate.report import comparisons, summary
from retain.evaluate.result import EvaluationResult
from retain.evaluate.result_file import load_result, save_result
from retain.evaluate.rollout import Outcome
from retain.evaluate.statistics import compare, holm, mcnemar_exact, wilson

__all__ = [
    "EvaluationResult",
    "Outcome",
    "compare",
    "comparisons",
    "evaluate",
    "holm",
    "load_result",
    "mcnemar_exact",
    "save_result",
    "summary",
    "wilson",
]
