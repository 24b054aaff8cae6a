"""Every skill is finetuned from the base by itself; their task vectors are joined."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from retain.continual.methods.method import End, MergeStep, Removal, State, newest
from retain.errors import MergeError
from retain.merge import Recipe, StoredDType
from retain.merge.merge import Alpha


@dataclass(frozen=True)
class Parallel:
    """θ̃_n = θ_0 + Σ λ_i·τ_i with τ_i = θ_ft,i − θ_0, or the τ_i joined by TIES (arXiv 2212.04089, 2306.01708).

    λ_i is the skill's α. Skills without one get λ = 1/n in the sum, which makes θ̃_n the mean of the ends if none has
    one, and λ = 1 in TIES, which takes a mean already.
    """

    name: str = "parallel"
    summary: str = "each skill is finetuned from the base; base + sum of alpha (finetuned - base); arXiv 2212.04089"
    join: Literal["task_arithmetic", "ties"] = "task_arithmetic"
    default_alpha: float | None = None
    default_replay: float = 0.0
    incremental: bool = False

    def start(self, state: State) -> Path:
        """θ_0, always: no skill knows of another."""
        return state.base

    def merge(self, state: State, dtype: StoredDType | None = None) -> MergeStep:
        """All ends at once."""
        newest(state.ends)
        alpha, weights = self._strengths(state.ends)
        recipe = Recipe.of(alpha, method=self.join, weights=weights, dtype=dtype)
        return MergeStep(state.base, tuple(end.path for end in state.ends), recipe)

    def removal(self, index: int, skills: int) -> Removal:
        """The sum without its term."""
        return "merge"

    def _strengths(self, ends: Sequence[End]) -> tuple[Alpha, tuple[float, ...]]:
        """α of the whole combination, and the weight of each τ_i in it."""
        ones = (1.0,) * len(ends)
        own = 1.0 if self.join == "ties" else 1.0 / len(ends)
        given = [own if end.alpha is None else end.alpha for end in ends]
        if all(strength == given[0] for strength in given):
            return given[0], ones
        numbers = [strength for strength in given if not isinstance(strength, Mapping)]
        if self.join == "ties":
            raise MergeError("TIES takes a mean, in which single skills have no alpha of their own; give all the same")
        if len(numbers) < len(given):
            raise MergeError(
                "the sum of task vectors has one alpha by component for all skills, or one number for each; "
                "give numbers, or give all skills the same"
            )
        return 1.0, tuple(numbers)


PARALLEL = Parallel()
PARALLEL_TIES = Parallel(
    "parallel-ties", "the same, the task vectors trimmed and joined where signs agree; TIES, arXiv 2306.01708", "ties"
)
