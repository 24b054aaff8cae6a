"""From what the core measured, tensor by tensor, to the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retain._core.merge import ItemResult
from retain.checkpoint import Checkpoint
from retain.merge.agreement import differing_settings
from retain.merge.partition import STATISTICS
from retain.merge.plan import MergePlan
from retain.merge.report import ComponentReport, EndReport, MergeReport, UpdateSums, update_warnings


@dataclass(frozen=True)
class Measured:
    """What one run of the stream left behind.

    Attributes:
        results: One per tensor of the plan.
        digests: SHA-256 by path for the inputs, by bare name for the output's files; empty without hashing.
        seconds: Duration of the stream.
        hashing_seconds: Duration of hashing.
        threads: Threads used.
    """

    results: Sequence[ItemResult]
    digests: Mapping[Path, str]
    seconds: float
    hashing_seconds: float
    threads: int


def account(plan: MergePlan, output: Path, measured: Measured) -> MergeReport:
    """The report of a plan that was carried out into `output`."""
    components = _components(plan, measured.results)
    stored = {tensor.component: tensor.dtype for tensor in plan.tensors if tensor.kind == "linear"}
    warnings = (*plan.warnings, *update_warnings(components, plan.recipe.alpha, stored))
    digests = measured.digests
    files = {file.name: {"bytes": file.nbytes, "sha256": digests.get(Path(file.name))} for file in plan.files}
    return MergeReport(
        recipe=plan.recipe.to_json(),
        family=plan.partition.family,
        base=_end(plan.base, digests),
        finetuned=_end(plan.finetuned, digests),
        output=EndReport(str(output), plan.sidecars.kind, files),
        components=components,
        normalization=plan.normalization.to_json(),
        tied={**(plan.base if plan.pairing.layout == "base" else plan.finetuned).aliases, **plan.pairing.aliases},
        kept=plan.pairing.kept,
        dropped=plan.pairing.dropped,
        sidecars={
            "from": "base" if plan.sidecars is plan.base else "finetuned",
            "files": [str(file) for file in plan.sidecars.sidecars],
        },
        differing_settings=tuple(differing_settings(plan.base, plan.finetuned)),
        warnings=warnings,
        seconds=measured.seconds,
        hashing_seconds=measured.hashing_seconds,
        output_gb_per_s=plan.output_bytes / max(measured.seconds, 1e-9) / 1e9,
        threads=measured.threads,
    )


def _components(plan: MergePlan, results: Sequence[ItemResult]) -> dict[str, ComponentReport]:
    sums = {component: UpdateSums() for component in plan.partition.components}
    tensors = dict.fromkeys(plan.partition.components, 0)
    parameters = dict.fromkeys(plan.partition.components, 0)
    for tensor, result in zip(plan.tensors, results, strict=True):
        if tensor.component == STATISTICS:
            continue
        tensors[tensor.component] += 1
        parameters[tensor.component] += tensor.source.elements
        if tensor.kind == "linear":
            sums[tensor.component].add(tensor.source.elements, result)
    return {
        name: ComponentReport.of(plan.alpha[name], tensors[name], parameters[name], sums[name])
        for name in plan.partition.components
    }


def _end(checkpoint: Checkpoint, digests: Mapping[Path, str]) -> EndReport:
    files = {
        header.file.name: {"bytes": header.stamp.bytes, "sha256": digests.get(header.file)}
        for header in checkpoint.headers
    }
    return EndReport(str(checkpoint.path), checkpoint.kind, files)
