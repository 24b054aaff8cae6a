"""Linear interpolation, RETAIN's equations 2 and 3."""

from dataclasses import dataclass

from retain.merge.methods.method import Operation


@dataclass(frozen=True)
class Linear:
    """θ = θ_base + α·(θ_finetuned − θ_base), with α by component (arXiv 2512.08333, eq. 2 and 3).

    At α = 0 and 1 the tensors of that end are taken, bit for bit: fma(1, f − p, p) can miss f.
    """

    name: str = "linear"

    def operation(self, alpha: float) -> Operation:
        """Take an end's tensor at 0 and 1, interpolate (or extrapolate) everywhere else."""
        if alpha == 0.0:
            return Operation("take", "base")
        if alpha == 1.0:
            return Operation("take", "finetuned")
        return Operation("linear", alpha=alpha)
