"""What turns a directory with a policy in it into a bundle: graphs, golden case, engines, manifest, checks."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retain.bundle import WEIGHTS_FILE, Bundle, GoldenCase, Manifest
from retain.bundle.engine_plans import Precision
from retain.bundle.interface import ChannelLimits
from retain.engine import GoldenReport
from retain.engine.reference import record_reference
from retain.policy.configuration_file import read_configuration
from retain.policy.units import in_si

from .bundle_writer import write_manifest
from .check import check_bundle, check_graphs
from .graph_source import GraphSource

Stage = Callable[[str], None]
"""Called with the name of each stage when it begins, and while one tells how far it is."""

_BAR = 24


@dataclass
class Stages:
    """Tells the caller what happens and remembers how long it took."""

    announce: Stage | None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        if self.announce is not None:
            self.announce(name)
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)

    def progress(self, phase: str, share: float) -> None:
        """Tell how far a stage is that says so."""
        if self.announce is not None:
            done = round(_BAR * share)
            self.announce(f"tensorrt {'━' * done}{'╌' * (_BAR - done)} {share:4.0%} {phase}")


def assemble(
    partial: Path,
    source: GraphSource,
    donor: Bundle | None,
    *,
    merge: Mapping[str, Any] | None,
    weights_sha256: str | None,
    limits: Mapping[str, ChannelLimits] | None,
    trt: Precision | None,
    record_golden: bool,
    stages: Stages,
) -> tuple[Manifest, GoldenReport | None]:
    """Add graphs, golden case and manifest to a directory that holds a policy, and check the whole.

    Graphs that were taken over are checked by whoever opens the bundle first, unless `record_golden` asks for it here.
    """
    spec = in_si(read_configuration(partial)[0])
    graphs, golden = source(partial, spec, stages)
    with stages("check"):
        check_graphs(*(partial / graph.file for graph in graphs.all))
    if trt is not None:
        from .tensorrt import Target, make_engines

        with stages("tensorrt"):
            make_engines(partial, graphs, Target.here(), trt, golden.atol, donor=donor, progress=stages.progress)
    with stages("manifest"):
        manifest = write_manifest(
            partial, spec, merge=merge, limits=limits, graphs=graphs, golden=golden, weights_sha256=weights_sha256
        )
    if golden.recorded_by is None:
        if not record_golden:
            return manifest, None
        with stages("record"):
            case = record_reference(Bundle(partial, manifest), GoldenCase.load(partial / golden.file))
            case.save(partial / golden.file)
            manifest = write_manifest(
                partial,
                spec,
                merge=merge,
                limits=limits,
                graphs=graphs,
                golden=golden.model_copy(update={"recorded_by": "ONNX Runtime, no graph optimizations"}),
                weights_sha256=manifest.files[WEIGHTS_FILE].sha256,
            )
    with stages("golden check"):
        report = check_bundle(Bundle(partial, manifest))
    return manifest, report
