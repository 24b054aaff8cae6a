"""One α out of proxies: the least change of the base that keeps most of what finetuning has taught."""

from collections.abc import Sequence
from dataclasses import dataclass

from retain.choose.proxies import Proxies, ProxyTable
from retain.errors import EvaluationError

BLIND_SPOTS = (
    "Losses are measured where demonstrations were given, not with objects elsewhere, in other light, among others.",
    "Loss is not success: a small error can end an episode, and a large one can be made good by the next chunk.",
    "Old data cover the tasks and scenes that are in them; what is not in them can be lost unseen.",
)
"""What no proxy sees."""


@dataclass(frozen=True)
class Rule:
    """How much of what was taught must be kept.

    Attributes:
        learnt: The least share of the finetuned policy's gain in loss on held-out demonstrations, in (0, 1].
    """

    learnt: float = 0.9

    def __post_init__(self) -> None:
        if not 0 < self.learnt <= 1:
            raise EvaluationError(
                f"the share to be kept of what was learnt is {self.learnt}; expected 0 to 1, as in 0.9"
            )


@dataclass(frozen=True)
class Recommendation:
    """What to merge with, and what that is expected to cost.

    Attributes:
        alpha: Component and α.
        learnt: Share of the finetuned policy's gain that this α has.
        drift: Its drift from the base as a share of the finetuned policy's.
        reason: One sentence.
        cost: Sentences about what is given up at either end.
        blind_spots: What the proxies cannot see.
    """

    alpha: tuple[tuple[str, float], ...]
    learnt: float
    drift: float
    reason: str
    cost: tuple[str, ...]
    blind_spots: tuple[str, ...] = BLIND_SPOTS


def recommend(table: ProxyTable, rule: Rule = Rule()) -> Recommendation:
    """Among the α that have learnt enough, the one that changes the base's actions on old observations least.

    Learnt is the share (L(0) − L(α)) / (L(0) − L(1)) of the loss L on held-out demonstrations. A tie goes to the
    smaller sum of α. Works for one α for all weights and for one per component alike.

    Args:
        table: What was measured.
        rule: How much is enough.

    Raises:
        EvaluationError: Finetuning has not lowered the loss on the held-out demonstrations: there is nothing to keep.
    """
    base, finetuned = table.at(0.0), table.at(1.0)
    gain = base.target_loss - finetuned.target_loss
    if gain <= 0:
        raise EvaluationError(
            f"the loss on the held-out demonstrations is {base.target_loss:.4f} for the base and"
            f" {finetuned.target_loss:.4f} for the finetuned policy; expected finetuning to lower it: finetune again,"
            " or check that the demonstrations are of the skill that was finetuned"
        )

    def learnt(row: Proxies) -> float:
        return (base.target_loss - row.target_loss) / gain

    enough = [row for row in table.rows if learnt(row) >= rule.learnt - 1e-9]
    taken = min(enough, key=lambda row: (row.drift, sum(value for _, value in row.alpha)))
    share = taken.drift / finetuned.drift if finetuned.drift else 0.0
    reason = (
        f"{told(taken.alpha)} has {100 * learnt(taken):.0f} % of what finetuning gained on held-out demonstrations and"
        f" moves the base's actions on old observations least of the {len(enough)} (of {len(table.rows)}) settings that"
        f" have at least {100 * rule.learnt:.0f} %"
    )
    return Recommendation(taken.alpha, learnt(taken), share, reason, _costs(taken, base, finetuned, share))


def told(alpha: Sequence[tuple[str, float]]) -> str:
    """Such as "α = 0.7", or "vision=0.5 language=1 action=0.75"."""
    if len({value for _, value in alpha}) == 1:
        return f"α = {alpha[0][1]:g}"
    return " ".join(f"{component}={value:g}" for component, value in alpha)


def _costs(taken: Proxies, base: Proxies, finetuned: Proxies, share: float) -> tuple[str, ...]:
    shown = (
        f"In distribution: the chunk's error on held-out demonstrations is {taken.target_error:.3f} standard deviations"
        f" (base {base.target_error:.3f}, finetuned {finetuned.target_error:.3f})."
    )
    old = (
        f"On old tasks: actions move {100 * share:.0f} % as far from the base's as the finetuned policy's do; the loss"
        f" there is {taken.generalist_loss:.3f} (base {base.generalist_loss:.3f}, finetuned"
        f" {finetuned.generalist_loss:.3f})."
    )
    return shown, old
