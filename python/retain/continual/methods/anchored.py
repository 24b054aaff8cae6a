"""One chain of finetuned policies, and one merge with the base."""

from dataclasses import dataclass
from pathlib import Path

from retain.continual.methods.method import MergeStep, Removal, State, newest
from retain.merge import Recipe, StoredDType


@dataclass(frozen=True)
class Anchored:
    """θ̃_n = (1−α)·θ_0 + α·θ_ft,n, where θ_ft,n is finetuned from θ_ft,n−1 on all demonstrations so far.

    In other words θ̃_n = θ_0 + α·Σ (θ_ft,k − θ_ft,k−1). The weights of the changes are those of eq. 4; what differs is
    how the changes come about. The chain never leaves full strength and earlier demonstrations are replayed (they are
    few), so each finetuning mends what it would make the last one forget. And α is one number for all skills, which can
    be chosen again at any time between two policies, without training.
    """

    name: str = "anchored"
    summary: str = "the chain goes on from the finetuned policy with replay; its end is merged with the base once"
    default_alpha: float | None = 0.7
    default_replay: float = 0.3
    incremental: bool = False

    def start(self, state: State) -> Path:
        """θ_ft,n−1, which no merge has touched."""
        return state.ends[-1].path if state.ends else state.base

    def merge(self, state: State, dtype: StoredDType | None = None) -> MergeStep:
        """The end of the chain with the base."""
        end = newest(state.ends)
        alpha = self.default_alpha if end.alpha is None else end.alpha
        return MergeStep(state.base, (end.path,), Recipe.of(alpha, dtype=dtype))

    def removal(self, index: int, skills: int) -> Removal:
        """The newest leaves with its link of the chain; the later ends have learnt on top of any other."""
        return "merge" if index == skills - 1 else "retrain"
