"""What a single checkpoint is made of, as a merge would see it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from retain.checkpoint import Checkpoint, TensorInfo, open_checkpoint, read_statistics, read_trained_delay
from retain.checkpoint.statistics import STATISTICS_BUFFER, feature_sizes
from retain.merge.depth import depths
from retain.merge.families import Family, detect_family
from retain.merge.partition import STATISTICS, WHOLE
from retain.merge.report import read_report
from retain.merge.stored_twice import StoredTwice, find_stored_twice


@dataclass(frozen=True)
class Part:
    """One component: how many tensors and elements it has, its bytes, the dtypes it is stored as, and its layers.

    A component can be made of several stacks of layers; `layers` counts each one's, the largest first.
    """

    tensors: int
    parameters: int
    nbytes: int
    dtypes: tuple[str, ...]
    layers: tuple[int, ...] = ()


@dataclass(frozen=True)
class AdapterPart:
    """What an adapter changes of one component: how many weights, by which modules, ranks and scales."""

    weights: int
    parameters: int
    modules: tuple[str, ...]
    ranks: tuple[int, ...]
    scales: tuple[float, ...]


@dataclass(frozen=True)
class Units:
    """The normalization statistics: how many there are, in which files, and how many numbers actions and states have.

    `sizes` are by feature as the files call it, after the robot or data set where they keep several.
    """

    count: int
    source: str
    sizes: Mapping[str, int]


@dataclass(frozen=True)
class Anatomy:
    """A checkpoint, seen from outside.

    Attributes:
        path: Where it is.
        kind: The layout of its directory.
        family: The policy family, or "unknown".
        nbytes: Bytes of its weight files.
        parameters: Elements of all tensors, an adapter's factors included.
        files: Weight files.
        components: By component; with an unknown family, everything is `all`.
        unassigned: Tensors that no pattern of the family matches, or several do.
        adapters: By component, what an adapter changes; empty for full weights.
        statistics: The normalization statistics, or None.
        tied: Names stored once under another name, name → stored name.
        stored_twice: Known ties whose tensor is stored under both names.
        sidecars: The files beside the weights.
        notes: What was decided while opening it.
        merged_from: The merge that made it in words, or None.
        max_trained_delay: Committed rows that it was trained to go on from; None where its files do not say.
    """

    path: str
    kind: str
    family: str
    nbytes: int
    parameters: int
    files: tuple[str, ...]
    components: Mapping[str, Part]
    unassigned: tuple[str, ...]
    adapters: Mapping[str, AdapterPart]
    statistics: Units | None
    tied: Mapping[str, str]
    stored_twice: tuple[StoredTwice, ...]
    sidecars: tuple[str, ...]
    notes: tuple[str, ...]
    merged_from: str | None
    max_trained_delay: int | None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; `kind` is "policy" and the layout is under `layout`."""
        return {**asdict(self), "kind": "policy", "layout": self.kind}


def dissect(path: Path, *, allow_pickle: bool = False) -> Anatomy:
    """Read the headers and sidecars of a checkpoint; of its weights, only tensors that are known to be tied.

    Args:
        path: A policy directory, a weight file, or an adapter's directory.
        allow_pickle: Read torch files too, through torch's restricted unpickler.

    Raises:
        CheckpointError: There is none, or its files are not what they say they are.
    """
    checkpoint = open_checkpoint(path, allow_pickle=allow_pickle)
    family = detect_family(checkpoint.config, [*checkpoint.tensors, *checkpoint.adapters])
    groups, unassigned = _group(checkpoint.tensors, family)
    adapted, strangers = _group(checkpoint.adapters, family)
    shapes = {name: info.shape for name, info in checkpoint.tensors.items()}
    layers = _layers(shapes, groups, family)
    statistics = read_statistics(checkpoint)
    factors = [info for change in checkpoint.adapters.values() for info in (change.a, change.b)]
    return Anatomy(
        path=str(path),
        kind=checkpoint.kind,
        family=family.name if family else "unknown",
        nbytes=checkpoint.nbytes,
        parameters=sum(info.elements for info in (*checkpoint.tensors.values(), *factors)),
        files=tuple(header.file.name for header in checkpoint.headers),
        components={
            name: _part([checkpoint.tensors[tensor] for tensor in tensors], layers.get(name, ()))
            for name, tensors in groups.items()
        },
        unassigned=(*unassigned, *strangers),
        adapters={name: _adapter_part(checkpoint, weights) for name, weights in adapted.items() if weights},
        statistics=None
        if statistics is None
        else Units(len(statistics.values), statistics.source, feature_sizes(statistics)),
        tied=checkpoint.aliases,
        stored_twice=find_stored_twice(checkpoint, family.aliases if family else ()),
        sidecars=tuple(str(file) for file in checkpoint.sidecars),
        notes=checkpoint.notes,
        merged_from=_merged_from(checkpoint),
        max_trained_delay=read_trained_delay(checkpoint),
    )


def _group(names: Mapping[str, Any], family: Family | None) -> tuple[dict[str, list[str]], list[str]]:
    """Names by component, and those that belong to none or to several."""
    groups: dict[str, list[str]] = {name: [] for name in (family.components if family else (WHOLE,))}
    unassigned = []
    for name in names:
        claims = family.claims(name) if family else [WHOLE]
        if STATISTICS_BUFFER.fullmatch(name):
            groups.setdefault(STATISTICS, []).append(name)
        elif len(claims) == 1:
            groups[claims[0]].append(name)
        else:
            unassigned.append(name)
    return groups, unassigned


def _part(infos: Sequence[TensorInfo], layers: tuple[int, ...]) -> Part:
    dtypes = tuple(dict.fromkeys(info.dtype for info in infos))
    return Part(len(infos), sum(info.elements for info in infos), sum(info.nbytes for info in infos), dtypes, layers)


def _layers(
    shapes: Mapping[str, Sequence[int]], groups: Mapping[str, Sequence[str]], family: Family | None
) -> dict[str, tuple[int, ...]]:
    found = depths(shapes, family)
    layers: dict[str, tuple[int, ...]] = {}
    for component, tensors in groups.items():
        counts = set()
        for tensor in tensors:
            depth = found[tensor]
            counts |= {each.layers for each in (depth if isinstance(depth, tuple) else (depth,)) if each is not None}
        layers[component] = tuple(sorted(counts, reverse=True))
    return layers


def _adapter_part(checkpoint: Checkpoint, weights: Sequence[str]) -> AdapterPart:
    changes = [checkpoint.adapters[weight] for weight in weights]
    return AdapterPart(
        weights=len(weights),
        parameters=sum(change.a.elements + change.b.elements for change in changes),
        modules=tuple(sorted({weight.removesuffix(".weight").rpartition(".")[2] for weight in weights})),
        ranks=tuple(sorted({change.rank for change in changes})),
        scales=tuple(sorted({change.scale for change in changes})),
    )


def _merged_from(checkpoint: Checkpoint) -> str | None:
    report = None if checkpoint.is_bare else read_report(checkpoint.directory)
    if report is None:
        return None
    try:
        alpha = " ".join(f"{name}={part['alpha']:g}" for name, part in report["components"].items())
        tuned = report["finetuned"]
        ends = [report["base"], *(tuned if isinstance(tuned, list) else [tuned])]
        return f"{' and '.join(str(end['path']) for end in ends)} at {alpha} (1 is the finetuned policy)"
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return "a merge whose report is of another version"
