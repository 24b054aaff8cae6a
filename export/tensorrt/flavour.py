"""Which TensorRT: NVIDIA's library for Jetsons and servers, or TensorRT-RTX, whose Python face is the same.

TensorRT-RTX is in PyPI, parses graphs and builds engines on machines without a GPU: with it every commit can prove that
NVIDIA's parser takes our graphs and knows every weight by its name.
"""

import re
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from retain.bundle.engine_plans import FlavourName
from retain.errors import ExportError, require


@dataclass(frozen=True)
class Flavour:
    """One of the two libraries.

    Attributes:
        name: As in a sidecar.
        module: Its Python package.
    """

    name: FlavourName
    module: ModuleType

    @property
    def version(self) -> str:
        """As in "10.3.0.30"."""
        return str(self.module.__version__)

    def __str__(self) -> str:
        """As in "TensorRT 10.3.0.30"."""
        return f"{'TensorRT' if self.name == 'tensorrt' else 'TensorRT-RTX'} {self.version}"


def tensorrt() -> Flavour:
    """TensorRT.

    Raises:
        MissingExtraError: Its Python package is not installed.
        ExportError: It is older than 10.0, which is the first that knows strongly typed networks in full.
    """
    flavour = Flavour("tensorrt", require("tensorrt", extra="trt"))
    if int(flavour.version.partition(".")[0]) < 10:
        raise ExportError(f"{flavour} is installed, 10.0 or newer is needed (JetPack 6); update it")
    return flavour


def tensorrt_rtx() -> Flavour:
    """TensorRT-RTX.

    Raises:
        MissingExtraError: Its Python package is not installed.
    """
    return Flavour("tensorrt-rtx", require("tensorrt_rtx_bindings", extra="rtx"))


class Messages:
    """The library's complaints, kept for our own sentence instead of being printed.

    Args:
        flavour: Whose logger it stands in for.
    """

    def __init__(self, flavour: Flavour) -> None:
        self._errors: list[str] = []
        self.logger = _logger(flavour.module, self._errors)

    def take(self) -> str:
        """What was complained about since the last call, in one line; what has no meaning without a GPU is left out."""
        told = [message for message in dict.fromkeys(self._errors) if "cudaError" not in message]
        self._errors.clear()
        return re.sub(r"\s+", " ", "; ".join(told[:3])) or "no reason was given"


def _logger(module: Any, errors: list[str]) -> Any:
    class Logger(module.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            module.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in {module.ILogger.Severity.ERROR, module.ILogger.Severity.INTERNAL_ERROR}:
                errors.append(message)

    return Logger()
