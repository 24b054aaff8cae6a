"""A line's directory. What counts is `line.json`, which is replaced as a whole; everything else it names by hash.

LINE/line.json                    the ledger
LINE/changes/003-add-cup/         one folder per change, never touched again once line.json names it:
    request.json                  what was asked, so that an interrupted change goes on and another is not mixed up
    finetuned/  policy/           the finetuned policy and the merged one
    verdict.json                  what the gate measured
LINE/measurements/                every episode's outcome, so that no policy is measured twice

A change that was refused or interrupted is a folder that line.json does not name.
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from retain.checkpoint import atomic_directory, read_json_object
from retain.continual.line import Line
from retain.continual.methods import METHODS, End, State
from retain.continual.provenance import place_of, record_policy
from retain.errors import ContinualError
from retain.merge import StoredDType

LINE_FILE = "line.json"
REQUEST_FILE = "request.json"
VERDICT_FILE = "verdict.json"
CHANGES = "changes"
MEASUREMENTS = "measurements"
FINETUNED = "finetuned"
POLICY = "policy"


def create(base: str | Path, root: Path, method: str, dtype: StoredDType | None = None) -> Line:
    """Begin a line.

    Args:
        base: θ_0: a policy directory or `compact-base`.
        root: The directory to make.
        method: A key of `METHODS`.
        dtype: What merged weights are stored as; None keeps the base's dtypes.

    Raises:
        CheckpointError: The base cannot be read, or the directory cannot be made.
        ContinualError: There is no such method, or the directory would lie inside the base.
    """
    if method not in METHODS:
        raise ContinualError(f"there is no continual method {method!r}; expected one of {', '.join(METHODS)}")
    record = record_policy(base, root)
    if root.resolve().is_relative_to(place_of(record.path, root).resolve()):
        raise ContinualError(f"{root} lies inside the base, which is never changed; give another directory")
    line = Line(method, dtype, record, record)
    with atomic_directory(root) as partial:
        write_json(partial / LINE_FILE, line.to_json())
    return line


def read(root: Path) -> Line:
    """The line in a directory.

    Raises:
        ContinualError: There is none, or it is of another version.
        CheckpointError: `line.json` is not JSON.
    """
    file = root / LINE_FILE
    if not file.is_file():
        raise ContinualError(f"{root} holds no line of skills; begin one with: retain continual init BASE -o {root}")
    return Line.from_json(read_json_object(file), str(file))


def commit(line: Line, root: Path) -> None:
    """Make a line the one that counts: from here on, and not a moment before."""
    write_json(root / LINE_FILE, line.to_json())


@contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Let nobody else change the line meanwhile. The lock goes away with the process.

    Raises:
        ContinualError: Somebody is changing it.
    """
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ContinualError(f"{root} holds no line of skills: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ContinualError(f"another process is changing {root}; wait for it") from error
        yield
    finally:
        os.close(descriptor)


def state_of(line: Line, root: Path) -> State:
    """What the line's method needs to know."""
    ends = tuple(End(place_of(skill.finetuned.path, root), skill.alpha) for skill in line.present)
    return State(place_of(line.base.path, root), place_of(line.policy.path, root), ends)


def change_folder(line: Line, root: Path, kind: str, name: str) -> Path:
    """Where the next change is prepared, such as changes/003-add-place-the-cup."""
    return root.resolve() / CHANGES / f"{len(line.changes) + 1:03d}-{kind}-{slug(name)}"


def begin_change(folder: Path, request: Mapping[str, Any], *, restart: bool) -> None:
    """Make a change's folder, or go on in one that was left by the same request.

    Another α needs no other finetuned policy: that one is kept, and merged anew.

    Args:
        folder: From `change_folder`.
        request: Everything that decides the result.
        restart: Throw away what an earlier request left.

    Raises:
        ContinualError: It was left by another request.
    """
    asked = json.loads(json.dumps(request))
    before: Mapping[str, Any] = asked
    if restart:
        _throw_away(folder)
    elif (folder / REQUEST_FILE).exists():
        before = read_json_object(folder / REQUEST_FILE)
    changed = sorted(name for name in before.keys() | asked.keys() if before.get(name) != asked.get(name))
    if changed == ["alpha"]:
        _throw_away(folder / POLICY)
        (folder / VERDICT_FILE).unlink(missing_ok=True)
    elif changed:
        raise ContinualError(
            f"{folder} was begun with other options ({', '.join(changed)}); "
            "give the same ones to go on, or --restart to throw it away"
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / REQUEST_FILE, asked)


def _throw_away(folder: Path) -> None:
    """Remove a folder under another name, so that a run that is killed meanwhile leaves no half of it."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
        shutil.rmtree(old)


def aside(line: Line, root: Path) -> list[Path]:
    """Folders of changes that were refused or interrupted."""
    return [folder for folder in sorted((root / CHANGES).glob("[0-9]*")) if folder.name not in line.changes]


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a JSON file as a whole; not even a power cut leaves it half written."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def slug(words: str) -> str:
    """Words as part of a file name: "place the cup" → "place-the-cup"."""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-") or "skill"
