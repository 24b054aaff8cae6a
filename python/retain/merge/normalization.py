"""Whether the two ends speak in the same units, and folding where they do not but could.

Weights live in normalized units. With other statistics at one end the same weights mean other actions: at
σ_ft = σ_base/2 and α = ½, reading the merged output with the base's statistics makes every action 1.5 times too large,
and averaging the statistics too still makes it 1.125 times too large. Where the layers next to the data are linear, the
finetuned end's are rewritten for the base's statistics, which is exact; else the merge is refused.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from retain.checkpoint import Checkpoint, Statistics, read_statistics
from retain.checkpoint.normalizer import STATISTICS_OF, Normalized, input_changes, output_changes, read_normalizer
from retain.checkpoint.statistics import Values, same_values
from retain.errors import MergeError
from retain.merge.families import Family, Heads
from retain.merge.folding import Replacement, fold_normalization
from retain.merge.statistics_groups import describe_groups, match_groups

Status = Literal["equal", "absent", "unknown", "folded"]

_MEND = "finetune again in the base's units: retain finetune … --stats base"
_MEND_BASE = (
    "a base of many robots, such as smolvla_base, has to be put into the units it was finetuned in: retain adopt BASE"
    " --like FINETUNED …"
)
_EQUAL = 1e-6  # of a normalized unit: what float32 statistics written as text and read again differ by
_GREAT = 1e3


@dataclass(frozen=True)
class NormalizationCheck:
    """What was found.

    Attributes:
        status: "equal"; "absent" if neither end has statistics; "unknown" if only one has, or both have those of
            different robots; "folded" if they differ and the finetuned end was rewritten for the base's.
        statistics: How many named statistics were compared.
        sources: The files they were read from, by end; empty where there were none.
        unused: Statistics that differ but that no mode of normalization uses.
        folded: What was folded: feature → mode of normalization and the tensors that were rewritten for it.
        notes: What the user should know, one sentence each.
        replacements: Rewritten tensors of the finetuned end, by the base's name.
    """

    status: Status
    statistics: int
    sources: dict[str, str]
    unused: tuple[str, ...] = ()
    folded: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    replacements: Mapping[str, Replacement] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        found: dict[str, Any] = {"status": self.status, "statistics": self.statistics, "sources": self.sources}
        if self.unused:
            found["unused_but_different"] = list(self.unused)
        if self.folded:
            found["folded"] = dict(self.folded)
        if self.notes:
            found["notes"] = list(self.notes)
        return found


def check_normalization(
    base: Checkpoint, finetuned: Checkpoint, family: Family | None = None, *, fold: bool = False
) -> NormalizationCheck:
    """Compare the normalization of the two ends, by what their modes of normalization use where the files say it.

    Args:
        base: One end.
        finetuned: The other.
        family: Of both; it knows the layers next to the data.
        fold: Rewrite those of the finetuned end where statistics differ and that is exact.

    Raises:
        CheckpointError: A statistics file is broken or missing.
        MergeError: They differ; the message shows the largest difference, why it cannot be folded, and how to mend it.
    """
    first, second = read_statistics(base), read_statistics(finetuned)
    sources = {end: found.source for end, found in (("base", first), ("finetuned", second)) if found is not None}
    if first is None or second is None:
        return NormalizationCheck("unknown" if sources else "absent", 0, sources)
    one, other = read_normalizer(base, first), read_normalizer(finetuned, second)
    if one is None or other is None:
        return _compare_all(base, first, finetuned, second, sources)
    used = {f"{feature}.{name}" for end in (one, other) for feature in end for name in STATISTICS_OF[end[feature].mode]}
    unused = tuple(sorted(_different(first.values, second.values) - used))
    pairs = _paired(one, other)
    different = {feature: pair for feature, pair in pairs.items() if not _same_units(*pair)}
    if not different:
        return NormalizationCheck("equal", len(used), sources, unused)
    heads = Heads() if family is None else family.heads(base.config or finetuned.config)
    reason = next(
        (found for feature in pairs if feature in different and (found := _why_not(feature, pairs, heads))), None
    )
    names = {f"{feature}.{name}" for feature in different for name in STATISTICS_OF[different[feature][0].mode]}
    found = _found(first, second, sorted(names & _different(first.values, second.values)), len(used))
    if family is None or reason:
        reason = reason or "of this policy it is not known which layers read and write them"
        raise MergeError(f"{found}, and the difference cannot be folded into the weights, because {reason}; {_MEND}")
    if not fold:
        raise MergeError(
            f"{found}; leave out --no-fold to have the finetuned end's first and last layers rewritten exactly, "
            f"or {_MEND}"
        )
    return _fold(base, finetuned, family, heads, different, NormalizationCheck("folded", len(used), sources, unused))


def _paired(
    base: Mapping[str, Normalized], finetuned: Mapping[str, Normalized]
) -> dict[str, tuple[Normalized, Normalized]]:
    pairs = {}
    for feature in dict.fromkeys((*base, *finetuned)):
        if feature not in base or feature not in finetuned:
            owner, mend = ("base", _MEND) if feature in base else ("finetuned policy", _MEND_BASE)
            raise MergeError(
                f"only the {owner} normalizes {feature}, so the other end's weights take it in other units; {mend}"
            )
        one, other = base[feature], finetuned[feature]
        if one.settings != other.settings:
            raise MergeError(
                f"the base normalizes {feature} by {_setting(one)} and the finetuned policy by {_setting(other)}, "
                f"so their weights are in different units; {_MEND}"
            )
        pairs[feature] = (one, other)
    return pairs


def _setting(normalized: Normalized) -> str:
    return f"{normalized.mode} over {len(normalized.low)} channels with epsilon {normalized.epsilon:g}"


def _same_units(base: Normalized, finetuned: Normalized) -> bool:
    if (base.low, base.high) == (finetuned.low, finetuned.high):
        return True
    changes = (*input_changes(base, finetuned), *output_changes(base, finetuned))
    return all(change is not None and abs(change[0] - 1.0) <= _EQUAL and abs(change[1]) <= _EQUAL for change in changes)


def _why_not(feature: str, pairs: Mapping[str, tuple[Normalized, Normalized]], heads: Heads) -> str | None:
    """Why a difference in a feature's units cannot be folded exactly, or None if it can."""
    base, finetuned = pairs[feature]
    if not all(map(math.isfinite, (*base.low, *base.high, *finetuned.low, *finetuned.high))):
        return f"{feature} has statistics that are not finite"
    if base.kind == "VISUAL":
        return f"convolutions pad {feature} with zeros, which are another colour in other units"
    if feature in heads.refusals:
        return heads.refusals[feature]
    if heads.inputs.get(feature) or heads.outputs.get(feature):
        return None
    return f"of this policy it is not known which layers read and write {feature}"


def _fold(
    base: Checkpoint,
    finetuned: Checkpoint,
    family: Family,
    heads: Heads,
    different: Mapping[str, tuple[Normalized, Normalized]],
    check: NormalizationCheck,
) -> NormalizationCheck:
    folded, notes = {}, []
    replacements: dict[str, Replacement] = {}
    for feature, (one, other) in different.items():
        rewritten = fold_normalization(base, finetuned, family, heads, {feature: (one, other)})
        scales = [scale for scale, _ in input_changes(one, other)]
        folded[feature] = {"mode": one.mode, "tensors": list(rewritten), "scales": [min(scales), max(scales)]}
        replacements.update(rewritten)
        widest = max(range(len(scales)), key=lambda channel: abs(scales[channel]))
        if abs(scales[widest]) > _GREAT:
            notes.append(
                f"{feature}[{widest}] hardly moves in the finetuned end's data: in the base's units that end's weights "
                f"for it are {scales[widest]:.3g} times larger"
            )
    return NormalizationCheck(
        "folded", check.statistics, check.sources, check.unused, folded, tuple(notes), replacements
    )


def _compare_all(
    base: Checkpoint, first: Statistics, finetuned: Checkpoint, second: Statistics, sources: dict[str, str]
) -> NormalizationCheck:
    """Compare every statistic: these files do not say which of them are used."""
    matched = match_groups(base, first, finetuned, second)
    if matched is None:
        groups = describe_groups(base, first, finetuned, second)
        note = f"the two ends have statistics of different robots or data sets ({groups}), which cannot be compared"
        return NormalizationCheck("unknown", 0, sources, notes=(note,))
    lonely = sorted(matched.base.keys() ^ matched.finetuned.keys())
    if lonely:
        owner = "base" if lonely[0] in matched.base else "finetuned policy"
        raise MergeError(
            f"only the {owner} has the normalization statistic {lonely[0]} ({len(lonely)} such in all), so it cannot "
            f"be known that both ends use the same units; {_MEND}"
        )
    names = sorted(_different(matched.base, matched.finetuned))
    if names:
        one, other = Statistics(first.source, matched.base), Statistics(second.source, matched.finetuned)
        raise MergeError(f"{_found(one, other, names, len(matched.base))}; {_MEND}")
    return NormalizationCheck("equal", len(matched.base), sources, notes=matched.notes)


def _different(base: Mapping[str, Values], finetuned: Mapping[str, Values]) -> set[str]:
    shared = base.keys() & finetuned.keys()
    return (base.keys() ^ finetuned.keys()) | {name for name in shared if not same_values(base[name], finetuned[name])}


def _found(base: Statistics, finetuned: Statistics, names: Iterable[str], compared: int) -> str:
    listed = list(names)
    worst = f" ({_worst(base, finetuned, listed)})" if listed else ""
    return (
        f"base and finetuned differ in {len(listed)} of {compared} normalization statistics{worst}, "
        "so their weights are in different units and cannot be averaged"
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
