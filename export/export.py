"""From weights to a bundle: merge or copy, trace or reuse, link, record, check, and only then a name.

A bundle is a policy directory with graphs in it: `load_policy`, `retain inspect` and `retain merge` read it as one.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from retain.bundle import MANIFEST_FILE, WEIGHTS_FILE, Bundle, Manifest
from retain.bundle.engine_plans import Precision
from retain.bundle.interface import ChannelLimits
from retain.checkpoint import Checkpoint, atomic_directory, copy_file, copy_sidecars, open_checkpoint
from retain.checkpoint.atomic_directory import check_replaceable
from retain.engine import GoldenReport, find_onnxruntime
from retain.errors import BundleError, ExportError, RetainError, require
from retain.merge import MergeReport, Recipe, execute, prepare
from retain.merge.merge import Alpha, Policies
from retain.policy import resolve
from retain.policy.configuration_file import read_configuration

from .assemble import Stage, Stages, assemble
from .graph_source import GraphSource, fresh_graphs, reused_graphs


@dataclass
class ExportReport:
    """What an export did.

    Attributes:
        output: The bundle.
        manifest: Its manifest.
        golden: Errors against the golden outputs, normalized; None where they are computed at the first opening.
        seconds: Duration by stage.
        merge: The merge's report, where there was one.
    """

    output: Path
    manifest: Manifest
    golden: GoldenReport | None
    seconds: dict[str, float]
    merge: MergeReport | None = None

    @property
    def graph_bytes(self) -> int:
        """All graphs together."""
        return sum(self.manifest.files[graph.file].bytes for graph in self.manifest.graphs.all)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        weights = self.manifest.files[WEIGHTS_FILE]
        return {
            "output": str(self.output),
            "family": self.manifest.family,
            "merge": self.manifest.merge,
            "weights": {"bytes": weights.bytes, "sha256": weights.sha256},
            "graph_bytes": self.graph_bytes,
            "golden": {
                **self.manifest.golden.model_dump(mode="json"),
                "errors": None if self.golden is None else self.golden.errors,
            },
            "seconds": self.seconds,
        }


def export_policy(
    policy: str | Path,
    output: str | Path,
    *,
    graph_from: str | Path | None = None,
    trt: Precision | None = None,
    record_golden: bool = False,
    limits: Mapping[str, ChannelLimits] | None = None,
    force: bool = False,
    stage: Stage | None = None,
) -> ExportReport:
    """Export a policy as it is.

    Args:
        policy: `compact-base` or a policy directory.
        output: The bundle to make.
        graph_from: A bundle of the same architecture, whose graphs are taken over instead of traced.
        trt: Also make TensorRT engines for this machine's GPU, with matrix products in this type. Those of `graph_from`
            get the new weights where they fit this machine; otherwise they are built.
        record_golden: With `graph_from`, compute the golden outputs here and check the bundle against them; otherwise
            whoever opens it first does, on its own machine. Traced graphs are always checked here.
        limits: Default limits by action channel.
        force: Replace an existing bundle or policy directory.
        stage: Told what happens.

    Raises:
        RetainError: Of the kind that fits; nothing is left behind.
    """
    output, stages = Path(output), Stages(stage)
    check_replaceable(output, force=force)
    donor = None if graph_from is None else Bundle.open(graph_from, verify=False)
    source = _graph_source(donor, trt, resolve(policy))
    checkpoint = open_checkpoint(resolve(policy))
    with (
        atomic_directory(output, force=force, needed_bytes=checkpoint.nbytes) as partial,
        _speaking_of(checkpoint.directory, partial),
    ):
        with stages("copy"):
            copy_sidecars(checkpoint.directory, _policy_files(checkpoint), partial)
            copy_file(_single_file(checkpoint), partial / WEIGHTS_FILE)
            checkpoint.check_unchanged()
        manifest, golden = assemble(
            partial,
            source,
            donor,
            merge=None,
            weights_sha256=None,
            limits=limits,
            trt=trt,
            record_golden=record_golden,
            stages=stages,
        )
    return ExportReport(output, manifest, golden, stages.seconds)


def merge_export(
    base: str | Path,
    finetuned: Policies,
    alpha: Alpha | Recipe,
    output: str | Path,
    *,
    graph_from: str | Path | None = None,
    trt: Precision | None = None,
    record_golden: bool = False,
    limits: Mapping[str, ChannelLimits] | None = None,
    components: Mapping[str, str] | None = None,
    threads: int | None = None,
    force: bool = False,
    allow_pickle: bool = False,
    stage: Stage | None = None,
) -> ExportReport:
    """Merge policies straight into a bundle, whose `model.safetensors` is byte for byte what `retain merge` writes.

    Args:
        base: `compact-base` or a policy directory.
        finetuned: A policy finetuned from it, or several.
        alpha: Weight of the finetuned policy, for all tensors or by component; or a whole recipe.
        output: The bundle to make.
        graph_from: A bundle of the same architecture, whose graphs are taken over: another α then costs the merge
            and the checks, and PyTorch is not needed.
        trt: Also make TensorRT engines for this machine's GPU, with matrix products in this type. Those of `graph_from`
            get the new weights where they fit this machine; otherwise they are built.
        record_golden: With `graph_from`, compute the golden outputs here and check the bundle against them; otherwise
            whoever opens it first does, on its own machine. Traced graphs are always checked here.
        limits: Default limits by action channel.
        components: User-defined components, name → regular expression of the full tensor name.
        threads: Of the merge; None takes all cores of this process.
        force: Replace an existing bundle or policy directory.
        allow_pickle: Read torch pickles, through torch's restricted unpickler.
        stage: Told what happens.

    Raises:
        RetainError: Of the kind that fits; nothing is left behind.
    """
    output, stages = Path(output), Stages(stage)
    check_replaceable(output, force=force)
    donor = None if graph_from is None else Bundle.open(graph_from, verify=False)
    source = _graph_source(donor, trt, resolve(base))
    paths = [finetuned] if isinstance(finetuned, str | Path) else list(finetuned)
    asked = alpha if isinstance(alpha, Recipe) else Recipe.of(alpha)
    plan = prepare(resolve(base), [resolve(path) for path in paths], asked, components, allow_pickle=allow_pickle)
    with (
        atomic_directory(output, force=force, needed_bytes=plan.output_bytes) as partial,
        _speaking_of(output, partial),
    ):
        with stages("merge"):
            merged = partial / "merged"
            report = execute(plan, merged, threads=threads, sync=False)
            # The report names the place that the user asked for, not the one where the bundle grew.
            report = replace(report, output=replace(report.output, path=str(output)))
            report.write(merged)
            _single_file(open_checkpoint(merged))
            for file in merged.iterdir():
                file.rename(partial / file.name)
            merged.rmdir()
        sha256 = report.output.files[WEIGHTS_FILE]["sha256"]
        manifest, golden = assemble(
            partial,
            source,
            donor,
            merge=report.provenance(),
            weights_sha256=sha256,
            limits=limits,
            trt=trt,
            record_golden=record_golden,
            stages=stages,
        )
    return ExportReport(output, manifest, golden, stages.seconds, report)


@contextmanager
def _speaking_of(place: Path, partial: Path) -> Iterator[None]:
    """Errors name the place that the user knows, not the hidden directory that is gone when they are read."""
    try:
        yield
    except RetainError as error:
        if str(partial) not in str(error):
            raise
        raise type(error)(str(error).replace(str(partial), str(place))) from error


def _graph_source(donor: Bundle | None, trt: Precision | None, policy: Path) -> GraphSource:
    """Settle everything that can fail for want of a package, a GPU or a donor before a byte is written."""
    require("onnx", extra="export")
    if trt is not None:
        from .tensorrt import Target, check_precision

        Target.here()
        check_precision(read_configuration(policy)[0].family, trt)
    find_onnxruntime()
    if donor is not None:
        return reused_graphs(donor)
    require("torch", extra="export")
    require("onnxscript", extra="export")
    return fresh_graphs


def _policy_files(checkpoint: Checkpoint) -> list[Path]:
    """The sidecars, without what makes a bundle a bundle where the policy is one already."""
    try:
        manifest = Bundle.open(checkpoint.directory, verify=False).manifest
    except BundleError:
        return list(checkpoint.sidecars)
    own = {MANIFEST_FILE, manifest.golden.file, *(graph.file for graph in manifest.graphs.all)}
    return [file for file in checkpoint.sidecars if str(file) not in own and file.parts[0] != "engines"]


def _single_file(checkpoint: Checkpoint) -> Path:
    files = [header.file for header in checkpoint.headers]
    if [file.name for file in files] != [WEIGHTS_FILE]:
        names = ", ".join(file.name for file in files[:3])
        raise ExportError(
            f"{checkpoint.path} keeps its weights in {names}; graphs point into one {WEIGHTS_FILE}: save the policy so"
        )
    return files[0]
