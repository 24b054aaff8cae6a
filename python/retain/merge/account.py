"""From what the core measured, unit by unit, to the report of every variant."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from retain.checkpoint import Checkpoint
from retain.merge.agreement import differing_settings
from retain.merge.figures import ComponentReport, LayerReport, UpdateSums, update_warnings
from retain.merge.partition import STATISTICS
from retain.merge.plan import MergePlan
from retain.merge.report import EndReport, MergeReport
from retain.merge.stream import Streamed


@dataclass(frozen=True)
class Figures:
    """The measurements of one variant, put together: components and their layers.

    `max_trained_delay` is no measurement: how many committed rows it may be given, see `retain.merge.committed_rows`.
    """

    components: Mapping[str, ComponentReport]
    layers: Mapping[str, tuple[LayerReport, ...]]
    max_trained_delay: int | None


def figures(plan: MergePlan, streamed: Streamed, variant: int) -> Figures:
    """Add up what was measured of one variant."""
    ends = len(plan.finetuned)
    sums = {component: UpdateSums(ends) for component in plan.partition.components}
    layers: dict[str, dict[int, tuple[int, UpdateSums]]] = {component: {} for component in sums}
    for work, result in zip(streamed.work, streamed.results, strict=True):
        unit = plan.units[work.unit]
        if unit.component == STATISTICS or not work.ends:
            continue
        if work.variants and variant not in work.variants:
            continue
        position = work.variants.index(variant) if work.variants else None
        if position is not None and work.scales[position] is None:
            continue  # taken from one end while another variant was computed
        target = None if position is None else result.targets[position]
        groups = [sums[unit.component]]
        if unit.depth is not None:
            _, of_layer = layers[unit.component].setdefault(unit.depth.layer, (unit.depth.layers, UpdateSums(ends)))
            groups.append(of_layer)
        for group in groups:
            group.add(unit.source.elements, work.ends, result, unit.alphas[variant], target)
    names: dict[str, set[str]] = {component: set() for component in sums}
    parameters = dict.fromkeys(sums, 0)
    for unit in plan.units:
        if unit.component != STATISTICS:
            names[unit.component].add(unit.tensor)
            parameters[unit.component] += unit.source.elements
    alpha = plan.alphas[variant]
    return Figures(
        {name: sums[name].component(alpha[name], len(names[name]), parameters[name]) for name in sums},
        {
            name: tuple(found[layer][1].layer(layer, found[layer][0]) for layer in sorted(found))
            for name, found in layers.items()
            if found
        },
        plan.committed[variant].output,
    )


def account(
    plan: MergePlan,
    outputs: list[Path],
    streamed: Streamed,
    *,
    seconds: float,
    threads: int,
) -> list[MergeReport]:
    """The reports of a plan that was carried out, one per variant.

    Args:
        plan: What was done.
        outputs: Where, by variant.
        streamed: What was measured.
        seconds: How long it took.
        threads: Of the stream.
    """
    return [_report(plan, output, streamed, variant, seconds, threads) for variant, output in enumerate(outputs)]


def _report(
    plan: MergePlan,
    output: Path,
    streamed: Streamed,
    variant: int,
    seconds: float,
    threads: int,
) -> MergeReport:
    found = figures(plan, streamed, variant)
    stored = {unit.component: unit.dtype for unit in plan.units if unit.finetuned}
    recipe = plan.recipes[variant]
    count = len(plan.files)
    digests = streamed.output_sha256[variant * count : (variant + 1) * count]
    files = {
        file.name: {"bytes": file.nbytes, "sha256": digest} for file, digest in zip(plan.files, digests, strict=True)
    }
    hashes = streamed.input_sha256
    layout = plan.finetuned[0] if plan.pairing.layout else plan.base
    kind = plan.sidecars.kind if plan.sidecars.kind not in ("peft", "pickle") else "directory"
    end = plan.ends.index(plan.sidecars)
    return MergeReport(
        recipe=recipe.to_json(),
        user_components=dict(plan.user_components),
        family=plan.partition.family,
        base=_end(plan.base, hashes),
        finetuned=tuple(_end(each, hashes) for each in plan.finetuned),
        output=EndReport(str(output), kind, files),
        components=found.components,
        layers=found.layers,
        normalization=tuple(check.to_json() for check in plan.normalization),
        tied={**layout.aliases, **plan.pairing.aliases},
        kept=plan.pairing.kept,
        dropped=plan.pairing.dropped,
        sidecars={
            "from": "base" if end == 0 else "finetuned",
            "files": [str(file) for file in plan.sidecars.sidecars],
        },
        max_trained_delay=plan.committed[variant].to_json(),
        differing_settings=tuple(
            dict.fromkeys(key for each in plan.finetuned for key in differing_settings(plan.base, each))
        ),
        notes=tuple(f"{each.path}: {note}" for each in plan.ends for note in each.notes),
        warnings=(*plan.warnings, *update_warnings(found.components, recipe.alpha, stored)),
        seconds=seconds,
        output_gb_per_s=len(plan.recipes) * plan.output_bytes / max(seconds, 1e-9) / 1e9,
        variants=len(plan.recipes),
        threads=threads,
        hashed=bool(hashes),
    )


def _end(checkpoint: Checkpoint, digests: Mapping[Path, str]) -> EndReport:
    files = {
        header.file.name: {"bytes": header.stamp.bytes, "sha256": digests.get(header.file)}
        for header in checkpoint.headers
    }
    return EndReport(str(checkpoint.path), checkpoint.kind, files)
