"""Lines whose finetuned policies are brought: made with numpy, so that nothing has to be trained."""

from pathlib import Path

import numpy as np
from retain.continual import Change, Lesson, Workshop, add, create

from ..merge.policies import (  # noqa: TID252 (tests are no package that could be named)
    file_bytes,
    finetuned,
    read_weights,
    weights,
    write_policy,
)

WEIGHTS = "model.safetensors"
SKILLS = ("drawer", "cup", "lamp", "door")
ALPHAS = (0.5, 0.25, 0.75, 0.6)


def quiet() -> Workshop:
    """Work that says nothing."""
    return Workshop(threads=1, say=lambda _: None, warn=lambda _: None)


def begin(folder: Path, method: str) -> Path:
    """An empty line on an fp64 base."""
    write_policy(folder / "base", weights(), "F64")
    create(folder / "base", folder / "line", method)
    return folder / "line"


def end_from(start: Path, path: Path, seed: int) -> Path:
    """A policy finetuned from another."""
    return write_policy(path, finetuned(read_weights(start / WEIGHTS), seed=seed, size=0.1), "F64")


def bring(line: Path, number: int, **options) -> Change:
    """Add skill number so and so, finetuned from where the line says."""
    from retain.continual import read
    from retain.continual.store import state_of

    state = read(line)
    start = state.method.start(state_of(state, line))
    end = line.parent / f"end{number}"
    if not end.exists():
        end_from(start, end, number + 1)
    settings = {"alpha": ALPHAS[number]} | options.pop("lesson", {})
    return add(line, Lesson(SKILLS[number], SKILLS[number], None, end, **settings), workshop=quiet(), **options)


def bits(policy: Path) -> bytes:
    return (policy / WEIGHTS).read_bytes()


def floats(policy: Path) -> dict[str, np.ndarray]:
    return {name: values for name, values in read_weights(policy / WEIGHTS).items() if values.dtype.kind == "f"}


__all__ = [
    "ALPHAS",
    "SKILLS",
    "WEIGHTS",
    "begin",
    "bits",
    "bring",
    "end_from",
    "file_bytes",
    "finetuned",
    "floats",
    "quiet",
    "read_weights",
    "weights",
    "write_policy",
]
