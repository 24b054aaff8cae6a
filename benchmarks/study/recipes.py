"""How each method finetunes. All see the same demonstrations and take as many steps, from the base (but `scratch`).

Equal tuning: RETAIN chooses among nine α between the ends; task- and co-finetuning among two learning rates × the
copies at four steps; every other method among the copies at four steps. All of it on the validation suite alone.
"""

from dataclasses import dataclass
from typing import Final

from retain.finetune.configuration import TrainingConfig

from study.protocol import BATCH, COPIES, LR, STEPS

OLD, REPLAY = "old", "replay"
"""Names of the two mixes of pretraining episodes."""


@dataclass(frozen=True)
class Recipe:
    """A way to finetune.

    Attributes:
        name: In file names and tables.
        words: What it is, for people.
        config: Everything but the seed.
        co_data: (mix, share of every batch).
        scratch: Start from random weights, with the base's units and words.
    """

    name: str
    words: str
    config: TrainingConfig
    co_data: tuple[tuple[str, float], ...] = ()
    scratch: bool = False


def _config(**changes: object) -> TrainingConfig:
    settings: dict[str, object] = {"steps": STEPS, "batch_size": BATCH, "lr": LR, "keep_every": COPIES}
    return TrainingConfig(**settings | {"save_every": STEPS} | changes)  # type: ignore[arg-type]


TASK_FT: Final = Recipe("task-ft", "finetuned on the demonstrations alone", _config())
TASK_FT_LOW: Final = Recipe("task-ft-lr1e-4", "the same at a third of the learning rate", _config(lr=1e-4))
CO_FT: Final = Recipe("co-ft", "half of every batch from pretraining's data", _config(), ((OLD, 0.5),))
CO_FT_HIGH: Final = Recipe("co-ft-lr1e-3", "the same at three times the rate", _config(lr=1e-3), ((OLD, 0.5),))
LORA: Final = Recipe("lora", "adapters of rank 16", _config(lr=1e-3, lora_rank=16, lora_alpha=32.0))
FROZEN: Final = Recipe("frozen", "language part frozen", _config(freeze=("language",)))
L2_SP: Final = Recipe("l2-sp", "pulled towards the base", _config(l2_sp=0.1))
REPLAYED: Final = Recipe("replay", "a fifth of every batch from 100 old episodes", _config(), ((REPLAY, 0.2),))
SCRATCH: Final = Recipe("scratch", "no base", _config(lr=1e-3), scratch=True)

E2_RECIPES: Final = (TASK_FT, CO_FT, CO_FT_HIGH, TASK_FT_LOW, LORA, FROZEN, L2_SP, REPLAYED, SCRATCH)
