"""JSON from elsewhere, read with distrust: one object, every key once, of bounded size, in letters that can be written.

Python's reader takes more than the format allows (a key twice, halves of surrogate pairs) and lets a small file of
brackets grow to twenty times its size in memory.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from retain.errors import CheckpointError

MAX_BYTES = 25_000_000
"""A quarter of what safetensors' reference implementation takes: Python needs twenty times what it parses, and the
headers of the largest policies have 0.2 MB."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # would break lines, or move the cursor, wherever the name is shown
_BRACKETS_FREE = 4096
_BYTES_PER_BRACKET = 12  # a tensor has three in at least fifty bytes


def read_json_object(file: Path) -> dict[str, Any]:
    """Read a JSON file that must hold an object.

    Raises:
        CheckpointError: It cannot be read, or holds something else.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise CheckpointError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error
    return parse_object(content, lambda found: CheckpointError(f"{file} {found}; copy it again"))


def parse_object(content: bytes, broken: Callable[[str], CheckpointError]) -> dict[str, Any]:
    """Parse one JSON object.

    Args:
        content: UTF-8.
        broken: Makes the error from what was found, as "is not JSON (…)".

    Raises:
        CheckpointError: Made by `broken`.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
            raise broken(f"has the key {shorten(twice)} twice")
        for name in found:
            if _CONTROL.search(name):
                raise broken(f"has control characters in the name {shorten(name)}")
        return found

    if len(content) > MAX_BYTES:
        raise broken(f"holds more than {MAX_BYTES} bytes of JSON")
    brackets = content.count(b"[") + content.count(b"{")
    if brackets > len(content) // _BYTES_PER_BRACKET + _BRACKETS_FREE:
        raise broken(f"has {brackets} brackets in {len(content)} bytes, which is more nesting than content")
    try:
        value = json.loads(content.decode(), object_pairs_hook=unique)
    except UnicodeDecodeError as error:
        raise broken(f"is not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise broken("is nested too deeply") from error
    except ValueError as error:
        raise broken(f"is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise broken(f"holds a {type(value).__name__}, not an object")
    if b"\\u" in content:
        _check_letters(value, broken)
    return value


def shorten(value: Any, longest: int = 80) -> str:
    """A value as it goes into a message: quoted, on one line, and not longer than a line."""
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python prints
        return "a number of thousands of digits"
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _check_letters(value: dict[str, Any], broken: Callable[[str], CheckpointError]) -> None:
    r"""Half of a surrogate pair ("\ud800") is no letter: such a name could be neither printed nor written again."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        around = error.object[max(error.start - 8, 0) :]
        raise broken(f"has half of a surrogate pair in {shorten(around, 24)}") from None
