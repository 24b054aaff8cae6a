"""What a single checkpoint is made of, as a merge would see it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from retain.checkpoint import Checkpoint, open_checkpoint, read_statistics
from retain.checkpoint.statistics import STATISTICS_BUFFER
from retain.merge.families import detect_family
from retain.merge.partition import STATISTICS, WHOLE
from retain.merge.report import read_report


@dataclass(frozen=True)
class Part:
    """One component: how many tensors and elements it has, its bytes, and the dtypes it is stored as."""

    tensors: int
    parameters: int
    nbytes: int
    dtypes: tuple[str, ...]


@dataclass(frozen=True)
class Anatomy:
    """A checkpoint, seen from outside.

    Attributes:
        path: Where it is.
        kind: The layout of its directory.
        family: The policy family, or "unknown".
        nbytes: Bytes of its weight files.
        parameters: Elements of all tensors.
        files: Weight files.
        components: By component; with an unknown family, everything is `all`.
        unassigned: Tensors that no pattern of the family matches, or several do.
        statistics: The normalization statistics in words, or None.
        tied: Names stored once under another name, name → stored name.
        sidecars: The files beside the weights.
        merged_from: The merge that made it in words, or None.
    """

    path: str
    kind: str
    family: str
    nbytes: int
    parameters: int
    files: tuple[str, ...]
    components: Mapping[str, Part]
    unassigned: tuple[str, ...]
    statistics: str | None
    tied: Mapping[str, str]
    sidecars: tuple[str, ...]
    merged_from: str | None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; `kind` is "policy" and the layout is under `layout`."""
        return {**asdict(self), "kind": "policy", "layout": self.kind}


def dissect(path: Path) -> Anatomy:
    """Read the headers and sidecars of a checkpoint.

    Raises:
        CheckpointError: There is none, or its files are not what they say they are.
    """
    checkpoint = open_checkpoint(path)
    family = detect_family(checkpoint.config, checkpoint.tensors)
    groups: dict[str, list[str]] = {name: [] for name in (family.components if family else (WHOLE,))}
    unassigned = []
    for name in checkpoint.tensors:
        claims = family.claims(name) if family else [WHOLE]
        if STATISTICS_BUFFER.fullmatch(name):
            groups.setdefault(STATISTICS, []).append(name)
        elif len(claims) == 1:
            groups[claims[0]].append(name)
        else:
            unassigned.append(name)
    statistics = read_statistics(checkpoint)
    return Anatomy(
        path=str(path),
        kind=checkpoint.kind,
        family=family.name if family else "unknown",
        nbytes=checkpoint.nbytes,
        parameters=sum(info.elements for info in checkpoint.tensors.values()),
        files=tuple(header.file.name for header in checkpoint.headers),
        components={name: _part(checkpoint, names) for name, names in groups.items()},
        unassigned=tuple(unassigned),
        statistics=None if statistics is None else f"{len(statistics.values)} statistics in {statistics.source}",
        tied=checkpoint.aliases,
        sidecars=tuple(str(file) for file in checkpoint.sidecars),
        merged_from=_merged_from(checkpoint),
    )


def _part(checkpoint: Checkpoint, names: list[str]) -> Part:
    infos = [checkpoint.tensors[name] for name in names]
    dtypes = tuple(dict.fromkeys(info.dtype for info in infos))
    return Part(len(infos), sum(info.elements for info in infos), sum(info.nbytes for info in infos), dtypes)


def _merged_from(checkpoint: Checkpoint) -> str | None:
    report = None if checkpoint.kind == "file" else read_report(checkpoint.directory)
    if report is None:
        return None
    try:
        alpha = " ".join(f"{name}={part['alpha']:g}" for name, part in report["components"].items())
        return f"{report['base']['path']} and {report['finetuned']['path']} at {alpha} (1 is the finetuned policy)"
    except (KeyError, TypeError, ValueError):
        return "a merge whose report is of another version"
