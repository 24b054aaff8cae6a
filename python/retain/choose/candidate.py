"""One point between the base and the finetuned policy."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from retain.evaluate.interpolate import Alpha
from retain.evaluate.source import alpha_pairs


@dataclass(frozen=True)
class Candidate:
    """An α that might be taken.

    Attributes:
        alpha: α of each component, as `retain.evaluate.source.alpha_pairs` gives it.
    """

    alpha: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, alpha: Alpha) -> "Candidate":
        """From one α for all weights, or one per component; components left out stay the base's.

        Raises:
            EvaluationError: There is no such component, or α lies outside [0, 1].
        """
        return cls(alpha_pairs(alpha))

    @property
    def uniform(self) -> float | None:
        """The one α of all components, or None where they differ."""
        values = {value for _, value in self.alpha}
        return values.pop() if len(values) == 1 else None

    @property
    def name(self) -> str:
        """Such as "α = 0.5", or "vision=0 language=1 action=0.5"."""
        if self.uniform is not None:
            return f"α = {self.uniform:g}"
        return " ".join(f"{component}={value:g}" for component, value in self.alpha)

    @property
    def finetuned_share(self) -> float:
        """Mean α over the components: how near it is to the finetuned policy."""
        return sum(value for _, value in self.alpha) / len(self.alpha)

    def merge_command(self, base: str, finetuned: str, output: str = "merged") -> str:
        """What to type in order to write this candidate as a policy directory."""
        if self.uniform is not None:
            alpha = [f"{self.uniform:g}"]
        else:
            alpha = [f"{component}={value:g}" for component, value in self.alpha]
        return shlex.join(["retain", "merge", base, finetuned, "--alpha", *alpha, "-o", output])


BASE = Candidate.of(0.0)
FINETUNED = Candidate.of(1.0)


def distinct(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Each candidate once, where it first stands."""
    return tuple(dict.fromkeys(candidates))
