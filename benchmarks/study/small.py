"""A main table small enough for every run of the tests: one target, one seed, what its size can support and no more."""

from collections.abc import Callable

from study.e2 import MainTable
from study.protocol import TARGETS
from study.store import Store

TABLE = MainTable(
    name="small",
    methods=("base", "task-FT", "RETAIN-task-FT"),
    targets=TARGETS[:1],
    seeds=(0,),
    test={
        "id": 24,
        "ood-position": 12,
        "ood-distractor": 6,
        "ood-appearance": 6,
        "ood-combined": 12,
        "generalist": 34,
    },
    validation_n=12,
)


def run(workers: int, say: Callable[[str], None]) -> Store:
    """Train, choose, test; a few minutes."""
    return TABLE.run(workers, say)
