"""One merge after the other, as RETAIN does it."""

from dataclasses import dataclass
from pathlib import Path

from retain.continual.methods.method import MergeStep, Removal, State, newest
from retain.merge import Recipe, StoredDType


@dataclass(frozen=True)
class Sequential:
    """θ̃_n = (1−α)·θ̃_{n−1} + α·θ_ft,n, where θ_ft,n is finetuned from θ̃_{n−1} (arXiv 2512.08333, eq. 4).

    In other words θ̃_n = θ_0 + Σ α_k·(θ_ft,k − θ̃_{k−1}): what each finetuning changed comes in at its α, and the next
    one starts from a policy that has the skills so far only at that strength and, without replay, sees none of their
    demonstrations. As a mean of ends, θ_ft,k weighs α_k·∏_{j>k}(1−α_j); later ends carry the rest of it on.
    """

    name: str = "sequential"
    summary: str = "each skill is finetuned from the merged policy and merged into it; RETAIN, arXiv 2512.08333 eq. 4"
    default_alpha: float | None = 0.7
    default_replay: float = 0.0
    incremental: bool = True

    def start(self, state: State) -> Path:
        """θ̃_{n−1}."""
        return state.policy

    def merge(self, state: State, dtype: StoredDType | None = None) -> MergeStep:
        """Into θ̃_{n−1}."""
        end = newest(state.ends)
        alpha = self.default_alpha if end.alpha is None else end.alpha
        return MergeStep(state.policy, (end.path,), Recipe.of(alpha, dtype=dtype))

    def removal(self, index: int, skills: int) -> Removal:
        """θ̃_n is a sum of shares, α_k·(θ_ft,k − θ̃_{k−1}), and each can be taken out of it."""
        return "subtract"
