"""Whether the two ends speak in the same units.

Weights live in normalized units. With other statistics at one end the same weights mean other actions: at
σ_ft = σ_base/2 and α = ½, reading the merged output with the base's statistics makes every action 1.5 times too large.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from retain.checkpoint import Checkpoint, Statistics, read_statistics
from retain.errors import MergeError

Status = Literal["equal", "absent", "unknown"]

_MEND = "finetune again in the base's units: retain finetune … --stats base"


@dataclass(frozen=True)
class NormalizationCheck:
    """What was found.

    Attributes:
        status: "equal"; "absent" if neither end has statistics; "unknown" if only one has.
        statistics: How many named statistics were compared.
        sources: The files they were read from, by end; empty where there were none.
    """

    status: Status
    statistics: int
    sources: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {"status": self.status, "statistics": self.statistics, "sources": self.sources}


def check_normalization(base: Checkpoint, finetuned: Checkpoint) -> NormalizationCheck:
    """Compare the normalization statistics of the two ends.

    Raises:
        MergeError: They differ; the message shows the largest difference and how to mend it.
    """
    ends = {"base": read_statistics(base), "finetuned": read_statistics(finetuned)}
    sources = {end: statistics.source for end, statistics in ends.items() if statistics is not None}
    first, second = ends["base"], ends["finetuned"]
    if first is None or second is None:
        return NormalizationCheck("unknown" if sources else "absent", 0, sources)
    _check_names(first, second)
    different = [name for name in first.values if not _equal(first, second, name)]
    if different:
        raise MergeError(
            f"base and finetuned differ in {len(different)} of {len(first.values)} normalization statistics "
            f"({_worst(first, second, different)}), so their weights are in different units and cannot be averaged; "
            f"{_MEND}"
        )
    return NormalizationCheck("equal", len(first.values), sources)


def _check_names(base: Statistics, finetuned: Statistics) -> None:
    lonely = sorted(base.values.keys() ^ finetuned.values.keys())
    if lonely:
        owner = "base" if lonely[0] in base.values else "finetuned policy"
        raise MergeError(
            f"only the {owner} has the normalization statistic {lonely[0]} ({len(lonely)} such in all), so it cannot "
            f"be known that both ends use the same units; {_MEND}"
        )


def _equal(base: Statistics, finetuned: Statistics, name: str) -> bool:
    a, b = base.values[name], finetuned.values[name]
    # Statistics are float32 in one format and decimal text in another: equal means equal as float32.
    return a.shape == b.shape and np.array_equal(a.astype(np.float32), b.astype(np.float32), equal_nan=True)


def _worst(base: Statistics, finetuned: Statistics, names: list[str]) -> str:
    for name in names:
        a, b = base.values[name], finetuned.values[name]
        if a.shape != b.shape:
            return f"{name} has {a.size} values against {b.size}"
    name = max(names, key=lambda name: float(np.nanmax(_distance(base, finetuned, name), initial=0.0)))
    index = int(np.nanargmax(_distance(base, finetuned, name)))
    a, b = base.values[name].reshape(-1), finetuned.values[name].reshape(-1)
    where = name if a.size == 1 else f"{name}[{index}]"
    return f"most in {where}: {a[index]:.6g} against {b[index]:.6g}"


def _distance(base: Statistics, finetuned: Statistics, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Relative to the size of the statistic, 0 to 2 and NaN-free."""
    a, b = base.values[name].reshape(-1), finetuned.values[name].reshape(-1)
    with np.errstate(all="ignore"):
        distance = np.abs(a - b) / np.maximum(np.maximum(np.abs(a), np.abs(b)), np.finfo(np.float64).tiny)
    return np.nan_to_num(distance, nan=2.0, posinf=2.0)
