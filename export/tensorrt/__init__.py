"""TensorRT engines beside a bundle's graphs: built for one GPU and one release, refitted with another α."""

from .build import Target, build_engines
from .make import make_engines
from .precision import check_precision
from .refit import refit_engines

__all__ = ["Target", "build_engines", "check_precision", "make_engines", "refit_engines"]
