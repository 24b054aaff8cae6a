"""A new bundle's engines: those of the donor with new weights where it has fitting ones, built otherwise."""

import shutil
from pathlib import Path

from retain.bundle import Bundle
from retain.bundle.contents import Graphs
from retain.bundle.engine_plans import ENGINES, Precision, Sidecar, find_engines

from .build import Target, build_engines
from .progress import Progress
from .refit import refit_engines


def make_engines(
    directory: Path,
    graphs: Graphs,
    target: Target,
    precision: Precision,
    atol: float,
    *,
    donor: Bundle | None = None,
    progress: Progress | None = None,
) -> Sidecar:
    """Put engines for a target into a bundle.

    Args:
        directory: The bundle to be, with graphs and weights in place.
        graphs: From its manifest.
        target: What to build with, and for what.
        precision: In what the matrix products are computed.
        atol: The bundle's golden tolerance.
        donor: The bundle whose graphs were taken over; its engines are refitted where they fit the target.
        progress: Told what the builder does; refitting takes no time worth telling.

    Raises:
        ExportError: TensorRT refuses a graph or a weight.
        BundleError: The donor's engines were changed.
    """
    fitting = None if donor is None else _fitting(donor, target, precision)
    if donor is None or fitting is None:
        return build_engines(directory, graphs, target, precision, atol, progress=progress)
    donor.verify(*_files(donor, fitting))
    folder = directory / ENGINES / fitting.name
    shutil.copytree(fitting, folder)
    return refit_engines(folder, directory, graphs, target.flavour)


def _fitting(donor: Bundle, target: Target, precision: Precision) -> Path | None:
    """The donor's engines that run on the target, were built from the graphs that it has, and take other weights."""
    files = donor.manifest.files
    gpu = "any" if target.gpu is None else target.gpu.name
    for folder, sidecar in find_engines(donor.path).items():
        runs = sidecar.runs_on(gpu, target.compute_capability, target.flavour.name, target.flavour.version)
        of_these_graphs = all(
            name in files and files[name].sha256 == sha256 for name, sha256 in sidecar.graphs.items()
        )  # fmt: skip
        recorded = all(name in files for name in _files(donor, folder))
        if runs and recorded and of_these_graphs and sidecar.refittable and sidecar.precision == precision:
            return folder
    return None


def _files(donor: Bundle, folder: Path) -> list[str]:
    return [path.relative_to(donor.path).as_posix() for path in sorted(folder.iterdir())]
