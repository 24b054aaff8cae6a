"""A process that holds one engine: it opens it, then plays for as long as it is told, and says what it took.

Commands come as lines of JSON on standard input, answers go as lines of JSON to standard output:

    (started with {"bundle", "engine", "threads"}) -> {"load_s", "first_chunk_s", "description", "errors", "chunk", …}
    {"seconds": s}  ->  {"chunk_s": […], "prefix_s": […], "step_s": […], "memory": {…}}
"""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from retain.errors import RetainError

_MAX_PLAYS = 2000
"""Per turn: more would say nothing new and take long to hand over."""


def main() -> int:
    """Serve until standard input ends. Ctrl-C is the parent's to hear: it closes the input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Libraries print to file descriptor 1 when they like; answers have a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    asked = json.loads(sys.argv[1])
    try:
        player, opened = _open(Path(asked["bundle"]), asked["engine"], asked["threads"], asked["flow_steps"])
    except RetainError as error:
        answer({"failed": str(error)})
        return 1
    except Exception as error:  # of whatever library: this engine is out, the others go on
        answer({"failed": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"})
        return 1
    answer(opened)
    for line in sys.stdin:
        answer(_play(player, asked["flow_steps"], json.loads(line)["seconds"]))
    return 0


def _open(bundle_path: Path, engine: str, threads: int | None, flow_steps: int) -> tuple[Any, dict[str, Any]]:
    from retain.bench.players import open_player
    from retain.bundle import Bundle
    from retain.engine import golden_case

    if engine.startswith(("eager", "compiled")):
        import retain.policy  # noqa: F401  (loading the library is not loading the policy)
    bundle = Bundle.open(bundle_path, verify=False)
    golden_case(bundle)  # where nobody has recorded the outputs yet, that is not the engine's time
    load_s, player = _timed(lambda: open_player(bundle, engine, threads))
    first_chunk_s, chunk = _timed(player.chunk)
    errors = player.errors()  # all of it once more: what is timed from now on is warm
    return player, {
        "description": player.description,
        "precision": player.precision,
        "atol": player.atol,
        "load_s": load_s,
        "first_chunk_s": first_chunk_s,
        "errors": errors,
        "chunk": [float(value) for value in chunk.ravel()],
    }


def _play(player: Any, flow_steps: int, seconds: float) -> dict[str, Any]:
    """Whole chunks and their parts in turn, at least one of each; on a GPU the parts wait for their ends."""
    times: dict[str, list[float]] = {"chunk_s": [], "prefix_s": [], "step_s": []}
    end = time.perf_counter() + seconds
    while len(times["chunk_s"]) < _MAX_PLAYS and (not times["chunk_s"] or time.perf_counter() < end):
        times["chunk_s"].append(_timed(player.chunk)[0])
        times["prefix_s"].append(_timed(player.prefix)[0])
        times["step_s"] += [_timed(player.step)[0] for _ in range(flow_steps)]
    return {**times, "memory": memory()}


def memory() -> dict[str, float]:
    """Of this process, MiB: resident now, of it read from files (weights that are mapped), and the peak."""
    text = Path("/proc/self/status").read_text()
    found = {name: int(kib) / 1024 for name, kib in re.findall(r"^(VmRSS|RssFile|VmHWM):\s+(\d+) kB$", text, re.M)}
    return {"rss_mib": found["VmRSS"], "file_mib": found["RssFile"], "peak_mib": found["VmHWM"]}


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = run()
    return time.perf_counter() - started, result


if __name__ == "__main__":
    sys.exit(main())
