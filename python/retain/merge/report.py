"""What a merge did, measured while it did it: `merge_report.json` beside the weights."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from retain import __version__
from retain.checkpoint.checkpoint import read_json_object
from retain.merge.figures import ComponentReport, LayerReport
from retain.merge.recipe import ALPHA_IN_WORDS

REPORT_FILE = "merge_report.json"
SCHEMA_VERSION = 2


@dataclass(frozen=True)
class EndReport:
    """One end: its path as given, its layout, and its weight files with sizes and hashes (None without hashing)."""

    path: str
    kind: str
    files: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class MergeReport:
    """What a merge did.

    Attributes:
        recipe: What was asked, as JSON.
        user_components: Components that the user defined, name → regular expression.
        family: The policy family, or "unknown".
        base: The base.
        finetuned: The finetuned policies.
        output: The result.
        components: By component; those without a tensor included.
        layers: By component, from the first layer to the last.
        normalization: What the comparison of the statistics gave, by finetuned policy.
        tied: Names that are stored once under another name, name → stored name.
        kept: Tensors taken from one end because another lacks them or has them differently.
        dropped: Tensors of the other ends that the output does not have.
        sidecars: Which end's configuration and processors were copied, and which files they are.
        max_trained_delay: Committed rows that the result may be given (`output`) and that the ends were trained for
            (`ends`, the base first); None where no file says anything.
        differing_settings: Keys of config.json that differ between the ends.
        notes: What was noticed while opening the ends.
        warnings: One sentence each.
        seconds: Duration of reading, arithmetic, hashing and writing; several variants share it.
        output_gb_per_s: Bytes written per second / 1e9, all variants together.
        variants: How many α were made in this pass.
        threads: Threads used.
        hashed: Whether SHA-256 of inputs and output was computed.
    """

    recipe: Mapping[str, Any]
    user_components: Mapping[str, str]
    family: str
    base: EndReport
    finetuned: tuple[EndReport, ...]
    output: EndReport
    components: Mapping[str, ComponentReport]
    layers: Mapping[str, tuple[LayerReport, ...]]
    normalization: tuple[Mapping[str, Any], ...]
    tied: Mapping[str, str]
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    sidecars: Mapping[str, Any]
    max_trained_delay: Mapping[str, Any]
    differing_settings: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    seconds: float
    output_gb_per_s: float
    variants: int
    threads: int
    hashed: bool
    schema_version: int = field(default=SCHEMA_VERSION)
    retain_version: str = field(default=__version__)
    alpha_in_words: str = field(default=ALPHA_IN_WORDS)

    @property
    def alpha(self) -> dict[str, float]:
        """α of every component."""
        return {name: component.alpha for name, component in self.components.items()}

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    def provenance(self) -> dict[str, Any]:
        """The recipe with the hashes of its inputs: what a bundle's manifest keeps of a merge."""
        ends = [("base", self.base)]
        if len(self.finetuned) == 1:
            ends.append(("finetuned", self.finetuned[0]))
        else:
            ends += [(f"finetuned {number}", end) for number, end in enumerate(self.finetuned, 1)]
        inputs = {name: {file: about["sha256"] for file, about in end.files.items()} for name, end in ends}
        return {**self.recipe, "alpha": self.alpha, "family": self.family, "inputs": inputs}

    def write(self, directory: Path) -> None:
        """Write `merge_report.json` into a directory."""
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
        (directory / REPORT_FILE).write_text(text + "\n", encoding="utf-8")


def read_report(directory: Path) -> dict[str, Any] | None:
    """The report beside the weights, as JSON, or None if the policy is not a merged one.

    Raises:
        CheckpointError: There is one and it cannot be read.
    """
    file = directory / REPORT_FILE
    return read_json_object(file) if file.exists() else None
