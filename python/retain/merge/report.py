"""What a merge did, measured while it did it: `merge_report.json` beside the weights."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from retain import __version__
from retain._core.merge import ItemResult
from retain.checkpoint.checkpoint import read_json_object
from retain.merge.recipe import ALPHA_IN_WORDS

REPORT_FILE = "merge_report.json"
SCHEMA_VERSION = 1

BENT_ALPHA = 0.02
"""By how much rounding may bend α before the report warns."""


@dataclass
class UpdateSums:
    """Sums over interpolated elements. p: base, f: finetuned, d = f − p, m: merged, as stored."""

    elements: int = 0
    base_base: float = 0.0
    base_update: float = 0.0
    update_update: float = 0.0
    merged_update: float = 0.0
    changed: int = 0
    lost: int = 0

    def add(self, elements: int, other: ItemResult) -> None:
        """Add the sums of one tensor, as the core returns them."""
        self.elements += elements
        self.base_base += other.base_base
        self.base_update += other.base_update
        self.update_update += other.update_update
        self.merged_update += other.merged_update
        self.changed += other.changed
        self.lost += other.lost


@dataclass(frozen=True)
class ComponentReport:
    """One component. Figures that need both ends are None where one end was copied without reading the other.

    Attributes:
        alpha: The α that was asked for.
        tensors: How many tensors it has.
        parameters: How many elements they have together.
        interpolated: How many of these were interpolated; the others were copied.
        relative_update: ‖τ‖ / ‖θ_base‖, with the task vector τ = θ_finetuned − θ_base.
        cosine: cos(θ_base, θ_finetuned).
        unchanged: Share of elements that finetuning left as they were.
        lost: Share of the changed elements that rounding put back to the base's value.
        effective_alpha: ⟨θ_merged − θ_base, τ⟩ / ⟨τ, τ⟩: the α that the stored weights realise.
    """

    alpha: float
    tensors: int
    parameters: int
    interpolated: int
    relative_update: float | None
    cosine: float | None
    unchanged: float | None
    lost: float | None
    effective_alpha: float | None

    @classmethod
    def of(cls, alpha: float, tensors: int, parameters: int, sums: UpdateSums) -> "ComponentReport":
        """Turn sums into figures."""
        finetuned_square = sums.base_base + 2.0 * sums.base_update + sums.update_update
        return cls(
            alpha=alpha,
            tensors=tensors,
            parameters=parameters,
            interpolated=sums.elements,
            relative_update=_ratio(math.sqrt(sums.update_update), math.sqrt(sums.base_base)),
            cosine=_cosine(sums.base_base + sums.base_update, sums.base_base, finetuned_square),
            unchanged=_ratio(sums.elements - sums.changed, sums.elements),
            lost=_ratio(sums.lost, sums.changed),
            effective_alpha=_ratio(sums.merged_update, sums.update_update),
        )


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
        family: The policy family, or "unknown".
        base: One input.
        finetuned: The other.
        output: The result.
        components: By component; those without a tensor included.
        normalization: What the comparison of the statistics gave.
        tied: Names that are stored once under another name, name → stored name.
        kept: Tensors taken from one end because the other lacks them or has them differently.
        dropped: Tensors of the other end that the output does not have.
        sidecars: Which end's configuration and processors were copied, and which files they are.
        differing_settings: Keys of config.json that differ between the ends.
        warnings: One sentence each.
        seconds: Duration of reading, arithmetic and writing.
        hashing_seconds: Duration of hashing inputs and output; 0 if it was turned off.
        output_gb_per_s: Bytes written per second / 1e9.
        threads: Threads used.
    """

    recipe: Mapping[str, Any]
    family: str
    base: EndReport
    finetuned: EndReport
    output: EndReport
    components: Mapping[str, ComponentReport]
    normalization: Mapping[str, Any]
    tied: Mapping[str, str]
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    sidecars: Mapping[str, Any]
    differing_settings: tuple[str, ...]
    warnings: tuple[str, ...]
    seconds: float
    hashing_seconds: float
    output_gb_per_s: float
    threads: int
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
        inputs = {
            end: {name: file["sha256"] for name, file in report.files.items()}
            for end, report in (("base", self.base), ("finetuned", self.finetuned))
        }
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


def update_warnings(
    components: Mapping[str, ComponentReport], asked: Iterable[str], stored: Mapping[str, str]
) -> list[str]:
    """What the measurements say that the user should know.

    Args:
        components: The measurements.
        asked: Components that were given an α of their own.
        stored: What each component is stored as, for the sentence.
    """
    own = set(asked)
    warnings = []
    for name, component in components.items():
        if component.unchanged == 1.0:
            if name in own:
                warnings.append(
                    f"{name} is the same at both ends (frozen while finetuning?); "
                    f"its alpha {component.alpha:g} has no effect"
                )
            continue
        effective = component.effective_alpha
        if effective is not None and abs(effective - component.alpha) > BENT_ALPHA:
            warnings.append(
                f"rounding to {stored[name]} bends alpha of {name}: {component.alpha:g} acts as {effective:.3f} and "
                f"{component.lost or 0.0:.0%} of its changed weights fell back to the base; store the result exactly "
                "with --dtype float32, or judge alpha by measured success rather than by its value"
            )
    return warnings


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 and math.isfinite(part) and math.isfinite(whole) else None


def _cosine(product: float, first_square: float, second_square: float) -> float | None:
    if not (first_square > 0.0 and second_square > 0.0):
        return None
    # Root by root: the product of two squares overflows before the squares do.
    value = product / (math.sqrt(first_square) * math.sqrt(second_square))
    return max(-1.0, min(1.0, value)) if math.isfinite(value) else None
