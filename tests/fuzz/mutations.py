"""Hostile changes of JSON documents and of the bytes around them."""

import io
import json
import random
import warnings
import zipfile
from collections.abc import Sequence
from typing import Any

from .hostile_directory import SEPARATOR

HOSTILE_NAMES = (
    '"\\ud800"', '"a\\u0000b"', '"a\\nb"', '"../../etc/passwd"', '"a/../b"', '""', '"' + "x" * 5000 + '"', '"(a+)+$"',
    '"__metadata__"', '"w"', '"F32"', '"F16"', '"I64"', '"F8_E4M3"', '"LORA"', '"gaussian"', '"("', '"(.*)"', '"."',
    '"base_model.model.q.lora_A.weight"', '"base_model.model.q.lora_A.other.weight"', '"base_model.model.q.weight"',
    '"base_model.model.q.lora_embedding_A"', '"base_model.model.q.lora_B.bias"', '"base_model.model.lm_head.weight"',
    '"model-00001-of-00002.safetensors"', '"model.safetensors"', '"normalizer_processor"', '"action.mean"',
    '"use_dora"',
)  # fmt: skip
"""JSON strings that readers trip over, or look for."""

HOSTILE_VALUES = (
    *HOSTILE_NAMES, "NaN", "Infinity", "-Infinity", "1e999", "true", "null", "1.0", "-1", "0", "9223372036854775808",
    "18446744073709551616", "1" + "0" * 400, "9" * 5000, "[]", "{}", "[[[]]]", "[4294967296, 4294967296]", "[1, 1, 1]",
    '["q"]', '{"a": 1, "a": 2}', "[" * 2000 + "]" * 2000, "[" + "1," * 70 + "1]",
)  # fmt: skip
"""As texts, because Python could not write all of them."""

_MARK = "\u2603hostile"
_NUDGES = (-8, -4, -1, 1, 4, 8, 1 << 31, 1 << 63)


def mutate_input(data: bytes, others: Sequence[bytes], choose: random.Random) -> bytes:
    """Change one file of an input, or add one of another input."""
    chunks = data.split(SEPARATOR)
    if choose.random() < 0.1:
        chunks.append(choose.choice(choose.choice(others).split(SEPARATOR)))
    else:
        index = choose.randrange(len(chunks))
        name, content = chunks[index][:1], chunks[index][1:]
        change = (
            mutate_json if content[:1] in (b"{", b"[") else mutate_archive if content[:2] == b"PK" else mutate_bytes
        )
        chunks[index] = name + change(content, choose)
    return SEPARATOR.join(chunks)


def mutate_json(text: bytes, choose: random.Random) -> bytes:
    """Change a document in one to three places."""
    for _ in range(choose.randint(1, 3)):
        text = _mutate_once(text, choose)
    return text


def _mutate_once(text: bytes, choose: random.Random) -> bytes:
    """A hostile value or name, a key twice, a key gone, a value from elsewhere, numbers nudged one or all of a list."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return mutate_bytes(text, choose)
    places = _places(document)
    if not places:
        return mutate_bytes(text, choose)
    parent, key = choose.choice(places)
    action, hostile = choose.randrange(7), HOSTILE_VALUES
    if action == 0:
        del parent[key]
    elif action == 1 and type(parent[key]) is int:
        parent[key] += choose.choice(_NUDGES)
    elif action == 2 and isinstance(parent, list) and all(type(value) is int for value in parent):
        nudge = choose.choice(_NUDGES)
        parent[:] = [value + nudge for value in parent]
    elif action == 3:
        other, other_key = choose.choice(places)
        parent[key] = json.loads(json.dumps(other[other_key]))
    elif action == 4 and isinstance(parent, dict):
        parent[_MARK], hostile = parent.pop(key), HOSTILE_NAMES
    elif action == 5 and isinstance(parent, dict):
        entry = f"{json.dumps(key)}: {json.dumps(parent[key])}"
        return json.dumps(document).replace(entry, f"{entry}, {entry}", 1).encode()
    else:
        parent[key] = _MARK
    return json.dumps(document).replace(json.dumps(_MARK), choose.choice(hostile)).encode()


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document, up to a thousand."""
    places: list[tuple[Any, Any]] = []
    left = [document]
    while left and len(places) < 1000:
        found = left.pop()
        inner = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
        for key, value in inner:
            places.append((found, key))
            left.append(value)
    return places


def mutate_archive(content: bytes, choose: random.Random) -> bytes:
    """Change one record of a torch file, mostly the pickle, and write the archive anew so that its checksums hold."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            records = [(entry, archive.read(entry)) for entry in archive.infolist()]
    except Exception:  # what a damaged archive raises depends on where the damage is
        return mutate_bytes(content, choose)
    if not records or choose.random() < 0.1:
        return mutate_bytes(content, choose)
    pickles = [index for index, (entry, _) in enumerate(records) if entry.filename.endswith(".pkl")]
    index = choose.choice(pickles) if pickles and choose.random() < 0.7 else choose.randrange(len(records))
    records[index] = (records[index][0], mutate_bytes(records[index][1], choose))
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w") as archive:
        warnings.simplefilter("ignore")  # the same name twice
        for entry, data in records:
            archive.writestr(zipfile.ZipInfo(entry.filename), data)
    return made.getvalue()


def mutate_bytes(content: bytes, choose: random.Random) -> bytes:
    """Change, insert, cut or repeat bytes."""
    changed = bytearray(content)
    for _ in range(choose.randint(1, 4)):
        place = choose.randrange(len(changed) + 1)
        action = choose.randrange(5)
        if action == 0 and place < len(changed):
            changed[place] = choose.randrange(256)
        elif action == 1:
            changed[place:place] = choose.choice(HOSTILE_VALUES).encode()
        elif action == 2:
            del changed[place : place + choose.randint(1, 16)]
        elif action == 3:
            changed[place:place] = changed[place : place + choose.randint(1, 64)]
        else:
            changed[:8] = choose.choice((1 << 63, (1 << 64) - 1, len(changed), 0)).to_bytes(8, "little")
    return bytes(changed)
