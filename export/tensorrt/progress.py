"""A builder's progress as one number, from its IProgressMonitor: phases within phases, each with a number of steps."""

from collections.abc import Callable
from typing import Any

from .flavour import Flavour

Progress = Callable[[str, float], None]
"""Called with (innermost phase, share of the whole that is done, 0 to 1), from the builder's own threads."""


class Phases:
    """The share that is done of a tree of phases. A phase counts as one step of the phase around it."""

    def __init__(self) -> None:
        self._steps: dict[str, tuple[int, int, str | None]] = {}  # name → (done, total, parent)

    def start(self, name: str, parent: str | None, total: int) -> None:
        """A phase begins."""
        self._steps[name] = (0, max(total, 1), parent)

    def step(self, name: str, done: int) -> None:
        """Of a phase, this many steps are done."""
        if name in self._steps:
            _, total, parent = self._steps[name]
            self._steps[name] = (min(done, total), total, parent)

    def finish(self, name: str) -> None:
        """A phase has ended; the outermost stays, done in full."""
        if name not in self._steps:
            return
        _, total, parent = self._steps[name]
        if parent is None:
            self._steps[name] = (total, total, None)
        else:
            del self._steps[name]

    def share(self) -> float:
        """How much of all outermost phases is done, 0 to 1."""
        outermost = [name for name, (_, _, parent) in self._steps.items() if parent is None]
        return sum(self._share(name) for name in outermost) / len(outermost) if outermost else 0.0

    def _share(self, name: str) -> float:
        done, total, _ = self._steps[name]
        within = [self._share(child) for child, (_, _, parent) in self._steps.items() if parent == name]
        return min((done + sum(within)) / total, 1.0)


def progress_monitor(flavour: Flavour, report: Progress) -> Any:
    """An IProgressMonitor that reports; a Ctrl-C in the report ends the build.

    Keep the monitor alive as long as the builder's configuration.
    """
    base: Any = flavour.module.IProgressMonitor

    class Monitor(base):  # type: ignore[misc]
        def __init__(self) -> None:
            base.__init__(self)
            self._phases = Phases()
            self.interrupted = False

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._phases.start(phase_name, parent_phase, num_steps)
            self._tell(phase_name)

        def step_complete(self, phase_name: str, step: int) -> bool:
            self._phases.step(phase_name, step + 1)
            self._tell(phase_name)
            return not self.interrupted

        def phase_finish(self, phase_name: str) -> None:
            self._phases.finish(phase_name)
            self._tell(phase_name)

        def _tell(self, phase_name: str) -> None:
            try:
                report(phase_name, self._phases.share())
            except KeyboardInterrupt:
                self.interrupted = True

    return Monitor()
