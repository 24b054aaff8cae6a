"""Whether the two ends speak in the same units.

Weights live in normalized units. With other statistics at one end the same weights mean other actions: at
σ_ft = σ_base/2 and α = ½, reading the merged output with the base's statistics makes every action 1.5 times too large.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

from retain.checkpoint import Checkpoint, Statistics, read_statistics
from retain.checkpoint.statistics import Values, same_values
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
    different = [name for name in first.values if not same_values(first.values[name], second.values[name])]
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


def _worst(base: Statistics, finetuned: Statistics, names: list[str]) -> str:
    for name in names:
        a, b = base.values[name], finetuned.values[name]
        if len(a) != len(b):
            return f"{name} has {len(a)} values against {len(b)}"
    name = max(names, key=lambda name: max(_distances(base.values[name], finetuned.values[name])))
    a, b = base.values[name], finetuned.values[name]
    distances = _distances(a, b)
    index = distances.index(max(distances))
    where = name if len(a) == 1 else f"{name}[{index}]"
    return f"most in {where}: {a[index]:.6g} against {b[index]:.6g}"


def _distances(a: Values, b: Values) -> list[float]:
    """Differences relative to the size of the values, 0 to 2; what is not finite is as far away as can be."""
    distances = []
    for x, y in zip(a, b, strict=True):
        size = max(abs(x), abs(y))
        distance = abs(x - y) / size if size > 0 else 0.0
        distances.append(distance if math.isfinite(distance) else 0.0 if x == y else 2.0)
    return distances
