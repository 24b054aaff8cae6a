"""The errors that a user can cause or meet.

Each message is one sentence: what was found, what was expected, the command that mends it.
"""

import importlib
from types import ModuleType


class RetainError(Exception):
    """Base of everything retain raises on purpose. Commands print it as one line and exit with 2."""


class CheckpointError(RetainError):
    """A checkpoint or policy directory is missing, truncated, or lies about its contents."""


class MergeError(RetainError):
    """Two checkpoints cannot be merged as asked."""


class PolicyError(RetainError):
    """A policy cannot be built, loaded or used on this input."""


class DatasetError(RetainError):
    """A dataset is missing, broken, or does not fit the policy."""


class SimulationError(RetainError):
    """The simulator cannot be set up or a skill does not exist in it."""


class TrainingError(RetainError):
    """A training run cannot be started, resumed or continued."""


class ContinualError(RetainError):
    """A line of skills is broken, was changed, or does not allow what was asked."""


class EvaluationError(RetainError):
    """An evaluation cannot be carried out as asked."""


class ExportError(RetainError):
    """A policy cannot be exported."""


class BundleError(RetainError):
    """A bundle is incomplete, was altered, or does not fit the robot."""


class EngineError(RetainError):
    """An inference engine cannot be loaded, or failed while running."""


class DeviceError(RetainError):
    """A robot or camera cannot be opened, or stopped answering."""


class FlightError(RetainError):
    """A flight's file is not one, holds too little for what was asked, or was written by another policy."""


class ConfigError(RetainError):
    """A configuration is impossible; the message holds the numbers."""


class MissingExtraError(RetainError):
    """An optional dependency is not installed.

    Args:
        package: The import name that failed.
        extra: The extra of retain-vla that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; run: pip install 'retain-vla[{extra}]'")
        self.package = package
        self.extra = extra

    def __reduce__(self) -> tuple[type["MissingExtraError"], tuple[str, str]]:
        """Travels between processes, although its message is not its argument."""
        return type(self), (self.package, self.extra)


def require(package: str, extra: str) -> ModuleType:
    """Import an optional package.

    Raises:
        MissingExtraError: It is not installed; the message names the extra to install.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        missing = package.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] == missing:
            raise MissingExtraError(missing, extra) from error
        raise
