"""Statistics that are kept by robot or by data set: which of two policies' can be compared at all.

GR00T and OpenVLA normalize every robot, or data set, by its own statistics, and openpi keeps a set per asset. A
finetuned policy often has only its own. What both have must be the same; what one has alone says nothing of the other.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retain.checkpoint import Checkpoint, Statistics
from retain.checkpoint.statistics import Values

_BY_ASSET = re.compile(r"assets/(?P<group>.+)/norm_stats\.json\.(?:norm_stats\.)?(?P<statistic>.+)")
_ONE_FILE = re.compile(r"norm_stats\.json\.(?:norm_stats\.)?(?P<statistic>.+)")
_BY_KEY = re.compile(r"(?:(?:dataset_)?statistics|experiment_cfg/metadata)\.json\.(?P<group>[^.]+)\.(?P<statistic>.+)")
_UNITS = frozenset({"mean", "std", "min", "max", "q01", "q10", "q90", "q99", "mask"})
"""What units can be made of; how many frames were counted, or what the median is, changes none."""

Group = Mapping[str, Values]


@dataclass(frozen=True)
class Comparable:
    """What of two policies' statistics belongs together.

    Attributes:
        base: The base's, by a name that the finetuned policy's have too.
        finetuned: The finetuned policy's.
        notes: What was left out, one sentence each.
    """

    base: Group
    finetuned: Group
    notes: tuple[str, ...]


def match_groups(base: Checkpoint, first: Statistics, finetuned: Checkpoint, second: Statistics) -> Comparable | None:
    """Find what can be compared.

    A single group at each end is one robot's, whatever it is called.

    Returns:
        None where the two have no robot or data set in common.
    """
    ends = (_grouped(base, first), _grouped(finetuned, second))
    shared = [group for group in ends[0] if group in ends[1]]
    if not shared and len(ends[0]) == len(ends[1]) == 1:
        first_group, second_group = (next(iter(end.values())) for end in ends)
        return Comparable(first_group, second_group, ())
    if not shared:
        return None
    alone = [group for group in ends[1] if group not in ends[0]]
    note = f"the statistics of {_listed(alone)} are the finetuned policy's alone and were not compared"
    return Comparable(_joined(ends[0], shared), _joined(ends[1], shared), (note,) if alone else ())


def describe_groups(base: Checkpoint, first: Statistics, finetuned: Checkpoint, second: Statistics) -> str:
    """Which groups two policies have, for a message."""
    return (
        f"{_listed(list(_grouped(base, first)))} in the base, {_listed(list(_grouped(finetuned, second)))} in the other"
    )


def _grouped(checkpoint: Checkpoint, statistics: Statistics) -> dict[str, dict[str, Values]]:
    groups: dict[str, dict[str, Values]] = {}
    for name, values in statistics.values.items():
        match = _BY_ASSET.fullmatch(name) or _BY_KEY.fullmatch(name) or _ONE_FILE.fullmatch(name)
        group = (match.groupdict().get("group") or "") if match else ""
        statistic = match["statistic"] if match else name
        if statistic.rpartition(".")[2] in _UNITS:
            groups.setdefault(group, {})[statistic] = values
    return groups


def _joined(groups: Mapping[str, Group], chosen: Sequence[str]) -> Group:
    return {
        f"{group}.{statistic}" if group else statistic: values
        for group in chosen
        for statistic, values in groups[group].items()
    }


def _listed(groups: Sequence[str]) -> str:
    return ", ".join(groups[:4]) + (f" and {len(groups) - 4} more" if len(groups) > 4 else "")
