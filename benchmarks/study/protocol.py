"""What was fixed before anything was run: targets, seeds, recipes, suites, sizes, and the rules that choose.

Changing a value here changes the names of the pieces that depend on it, so nothing stale is ever used.
"""

from collections.abc import Mapping
from typing import Final

TARGETS: Final = (
    "place the red block near right",
    "place the yellow block near right",
    "push the blue block far left",
)
"""Skills that pretraining never shows, made of words that it does. No colour of either relation is in it. The base does
the two place skills in about a quarter of the episodes, the push in three quarters: a weak and a strong base."""

SEEDS: Final = (0, 1, 2)
"""Each seed has its own demonstrations, its own batches and noise, and its own episodes of every suite; all methods of
a seed share all three."""

RULE_SEEDS: Final = (0, 1, 2, 3, 4)
"""For the test of one rule by component against tuned co-finetuning."""

DEMONSTRATIONS: Final = 20
"""Episodes a target, from an 8 × 8 cm patch."""

OLD_EPISODES: Final = 1500
"""Episodes of the pretraining mix that co-finetuning draws from."""

REPLAY_EPISODES: Final = 100
"""Episodes of the pretraining mix that a small replay buffer holds."""

BASE: Final = "compact-base"

STEPS: Final = 160
BATCH: Final = 16
LR: Final = 3e-4
COPIES: Final = 20
"""Steps between the copies of a policy that early stopping and the overfitting curve look at."""

ALPHAS: Final = tuple(step / 10 for step in range(11))
"""0 is the base, 1 the finetuned policy."""

VALIDATION: Final = "ood-val"
OOD_TEST: Final = ("ood-position", "ood-distractor", "ood-appearance", "ood-combined")

VALIDATION_N: Final = 30
"""Episodes on which any setting of any method is chosen: α, steps, learning rate."""

TEST_N: Final[Mapping[str, int]] = {
    "id": 30,
    "ood-position": 34,
    "ood-distractor": 17,
    "ood-appearance": 17,
    "ood-combined": 34,
    "wording": 15,
    "generalist": 50,
}
"""Episodes per policy, target and seed: 102 of OOD-test, so 306 for a method on one target over three seeds, and 450 of
the generalist for a method over targets and seeds."""

EPISODE_SEED: Final = 5000
"""Evaluation seed of training seed 0; the next ones follow."""


def better(rate: float, change: float) -> tuple[float, float]:
    """The one rule by which every method's settings are chosen, to be maximized.

    The highest success on the validation suite; of equals, the one that changes the base least.

    Args:
        rate: Success on `VALIDATION`.
        change: How much of the finetuning is in it: α, or steps × learning rate.
    """
    return rate, -change


def episode_seed(seed: int) -> int:
    """Which episodes a training seed is evaluated on."""
    return EPISODE_SEED + seed
