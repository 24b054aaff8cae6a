"""Settings for few demonstrations: where to begin, before one's own data says better. No torch here.

What they rest on. With 10 to 100 demonstrations the published defaults (LeRobot: 20 000 steps of 64 for SmolVLA, 3 000
of 32 for π0; openpi: 30 000 of 32) see every frame dozens of times, and the policy forgets what it is not shown (openpi
#844). Here a recorded frame is seen about five to ten times, if a demonstration has about 300. Peak rates are LeRobot's
for each family, adapters' its documentation's 1e-3; warm-up is a twentieth of the steps; the mean of the weights spans
about a tenth of them. They are starting points, not results of a search on real robots.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retain.errors import TrainingError

PEAK_LR: Mapping[str, float] = {"smolvla": 1e-4, "pi0": 2.5e-5, "pi05": 2.5e-5, "act": 1e-5, "compact": 3e-4}
"""Family → peak learning rate of all weights; compact's is what its own study uses."""
ADAPTERS_LR = 1e-3
"""Peak learning rate of low-rank adapters in any family."""


@dataclass(frozen=True)
class Preset:
    """Settings that depend on how much there is to learn from.

    Attributes:
        demonstrations: How many episodes it is meant for.
        steps: Optimizer steps.
        batch_size: Observations per step.
        warmup: Steps of linear warm-up.
        ema: Decay of the mean of the weights.
    """

    demonstrations: int
    steps: int
    batch_size: int
    warmup: int
    ema: float

    def settings(self, family: str, *, adapters: bool) -> dict[str, Any]:
        """The fields of `TrainingConfig` that it decides."""
        lr = ADAPTERS_LR if adapters else PEAK_LR.get(family, 1e-4)
        return {
            "steps": self.steps, "batch_size": self.batch_size, "warmup": self.warmup, "ema": self.ema, "lr": lr,
        }  # fmt: skip


PRESETS: Mapping[str, Preset] = {
    "few-shot-10": Preset(10, steps=800, batch_size=32, warmup=40, ema=0.99),
    "few-shot-25": Preset(25, steps=1500, batch_size=32, warmup=75, ema=0.993),
    "few-shot-50": Preset(50, steps=2500, batch_size=32, warmup=125, ema=0.996),
    "few-shot-100": Preset(100, steps=5000, batch_size=32, warmup=250, ema=0.998),
}


def preset(name: str) -> Preset:
    """The preset of a name.

    Raises:
        TrainingError: There is none.
    """
    if name not in PRESETS:
        raise TrainingError(f"--preset {name} is not known; expected {', '.join(PRESETS)}")
    return PRESETS[name]


def table() -> str:
    """All of them in lines of text, for --help."""
    lines = [
        f"  {name:13} {one.steps:5} steps of {one.batch_size}, warm-up {one.warmup:3}, EMA {one.ema:g}"
        for name, one in PRESETS.items()
    ]
    rates = ", ".join(f"{family} {lr:g}" for family, lr in PEAK_LR.items())
    return "\n".join([*lines, f"  peak lr: {rates}; with --lora-rank {ADAPTERS_LR:g}"])
