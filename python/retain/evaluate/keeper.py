"""Results that are kept while they grow: written every few seconds and at the end, whatever ends it."""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from retain.evaluate.result import EvaluationResult
from retain.evaluate.result_file import save_result

EVERY_S = 5.0
"""What a killed run may lose, in seconds."""

_SHARE = 0.05
"""Of the time that may go into writing. The file is written whole, so a large one is written less often, and the cost
of keeping n episodes stays proportional to n."""


class Keeper:
    """Writes results to their file. A context: left by an error or Ctrl-C, it writes what is not yet written.

    Args:
        result: Changed by others, who say so.
        path: The file; None keeps nothing.
        clock: Seconds.
    """

    def __init__(
        self, result: EvaluationResult, path: Path | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._result, self._path, self._clock = result, path, clock
        self._unwritten = False
        self._next_s = float("-inf")

    def changed(self) -> None:
        """Say that there are new outcomes; they are written now or soon."""
        self._unwritten = True
        if self._clock() >= self._next_s:
            self._write()

    def _write(self) -> None:
        if self._path is None or not self._unwritten:
            return
        started_s = self._clock()
        save_result(self._result, self._path)
        ended_s = self._clock()
        self._unwritten = False
        self._next_s = ended_s + max(EVERY_S, (ended_s - started_s) / _SHARE)

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write()
