"""The parent's end of a process that holds one engine: opened, told to play, and ended, whatever happens."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retain.bench.contenders import Contender
from retain.errors import EngineError

_CLOSE_S = 10.0
"""What a process gets to end by itself, s."""


@dataclass(frozen=True)
class Opened:
    """What opening an engine took and gave.

    Attributes:
        description: Who computes, with versions.
        precision: Of its products, as in "fp32".
        atol: How far it may be from the golden outputs and still drive.
        load_s: To open it, libraries loaded and files in the page cache.
        first_chunk_s: Of the first chunk; a compiler works here.
        errors: Distance to the golden outputs, by output.
        chunk: The normalized chunk, flat.
        gpu_mib: How much more of the GPU's memory is in use than before; None without a GPU.
    """

    description: str
    precision: str
    atol: float
    load_s: float
    first_chunk_s: float
    errors: Mapping[str, float]
    chunk: tuple[float, ...]
    gpu_mib: float | None


class EngineProcess:
    """One contender's process. A context manager: on leaving, the process and its children are gone."""

    def __init__(self, bundle: Path, contender: Contender, flow_steps: int) -> None:
        self._contender = contender
        self._asked = {
            "bundle": str(bundle), "engine": contender.engine, "threads": contender.threads, "flow_steps": flow_steps,
        }  # fmt: skip
        self._process: subprocess.Popen[str] | None = None
        self._complaints = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  (closed in __exit__)

    def __enter__(self) -> "EngineProcess":
        """Nothing runs yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End it: at once where something went wrong or Ctrl-C was pressed."""
        self.close(patience_s=_CLOSE_S if kind is None else 0.0)
        self._complaints.close()

    @property
    def running(self) -> bool:
        """Whether an engine is open."""
        return self._process is not None

    def open(self) -> Opened:
        """Start the process and wait until its engine has played once.

        Raises:
            EngineError: It could not be opened, in the engine's own words.
        """
        before = gpu_used_mib() if self._contender.device == "cuda" else None
        # A session of its own, so that a compiler's children are ended with it; Ctrl-C reaches the parent alone.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "retain.bench.engine_worker", json.dumps(self._asked)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, text=True, start_new_session=True,
            env=self._environment(),
        )  # fmt: skip
        told = self._answer()
        after = gpu_used_mib() if before is not None else None
        return Opened(
            description=told["description"],
            precision=told["precision"],
            atol=told["atol"],
            load_s=told["load_s"],
            first_chunk_s=told["first_chunk_s"],
            errors=told["errors"],
            chunk=tuple(told["chunk"]),
            gpu_mib=None if before is None or after is None else after - before,
        )

    def play(self, seconds: float) -> dict[str, Any]:
        """Let it play for so long; what `engine_worker` answers.

        Raises:
            EngineError: It died meanwhile.
        """
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # why it died is in what it left behind, which _answer reads
            self._process.stdin.write(json.dumps({"seconds": seconds}) + "\n")
            self._process.stdin.flush()
        return self._answer()

    def close(self, patience_s: float = _CLOSE_S) -> None:
        """End the process and what it started.

        Args:
            patience_s: What it gets to end by itself.
        """
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with suppress(BrokenPipeError, subprocess.TimeoutExpired):
                process.stdin.close()  # its loop ends with its input
                process.wait(patience_s)
        finally:
            _end_session(process.pid)
            process.wait()
            process.stdout.close()

    def _environment(self) -> dict[str, str]:
        threads = self._contender.threads
        return os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {})

    def _answer(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise EngineError(f"{self._contender.label} ended without an answer: {self._last_words()}")
        told: dict[str, Any] = json.loads(line)
        if "failed" in told:
            raise EngineError(str(told["failed"]))
        return told

    def _last_words(self) -> str:
        assert self._process is not None
        code = self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().strip().splitlines()
        if lines:
            return lines[-1]
        return f"killed by signal {-code} (no memory left?)" if code < 0 else f"exit code {code}"


def gpu_used_mib() -> float | None:
    """Memory in use on the first GPU, of all processes; None where nvidia-smi does not say."""
    command = ["nvidia-smi", "--id=0", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
        return float(done.stdout.split()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def _end_session(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
