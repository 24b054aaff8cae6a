import re
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.checkpoint import build_header, read_header
from retain.errors import CheckpointError
from safetensors.numpy import load, save

from .files import entry, image

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

GOOD = image({"a": entry(0, 8, [2]), "b": entry(8, 12, [])}, bytes(12))

HOSTILE = {
    "empty": (b"", "0 bytes long"),
    "no header": (b"\x01\x00\x00\x00\x00\x00\x00", "7 bytes long"),
    "length past the end": (image(b"{}", length=3), "announces a header of 3 bytes but is 10 bytes long"),
    "length of 2^63": (image(b"{}", length=1 << 63), "announces a header of 9223372036854775808 bytes"),
    "length of 2^64-1": (image(b"{}", length=(1 << 64) - 1), "announces a header of 18446744073709551615 bytes"),
    "length zero": (image(b""), "starts with b''"),
    "not JSON": (image(b"{]"), "not JSON"),
    "not an object": (image(b"[]"), "starts with b'['"),
    "space first": (image(b" {}"), "starts with b' '"),
    "two objects": (image(b"{}{}"), "not JSON"),
    "not UTF-8": (image(b'{"\xff": 1}'), "not UTF-8 (byte 2)"),
    "too deep": (image(b'{"a tensor":' * 100_000 + b"1" + b"}" * 100_000), "too deeply"),
    "lists in lists": (image(b'{"a":[' + b"[]," * 100_000 + b"[]]}"), "100003 brackets in 300010 bytes"),
    "half of a surrogate pair": (image(b'{"a\\ud800b":[]}'), r"half of a surrogate pair in"),
    "a name of two lines": (image({"a\nb": entry(0, 4, [])}, bytes(4)), r"control characters in the name 'a\nb'"),
    "a name with a zero byte": (image({"a\0b": entry(0, 4, [])}, bytes(4)), r"in the name 'a\x00b'"),
    "a name of 5000 letters": (image({"a" * 5000: entry(0, 4, [])}, bytes(4)), "a name of 5000 letters"),
    "a million dimensions": (image({"a": entry(0, 4, [1] * 1_000_000)}, bytes(4)), "'a' 1000000 dimensions"),
    "a long list that is no shape": (image({"a": entry(0, 4, [-1] * 1_000)}, bytes(4)), "[-1, -1, "),
    "a product of 2^4096": (image({"a": entry(0, 4, [1 << 64] * 64)}, bytes(4)), "F32 [18446744073709551616, "),
    "a product too long to print": (image({"a": entry(0, 4, [1 << 8192] * 64)}, bytes(4)), "thousands of digits"),
    "a number of a million digits": (image(b'{"a":' + b"9" * 1_000_000 + b"}"), "not JSON"),
    "the same tensor twice": (
        image(b'{"a":%s,"a":%s}' % ((b'{"dtype":"F32","shape":[],"data_offsets":[0,4]}',) * 2), bytes(4)),
        "key 'a' twice",
    ),
    "a key of a tensor twice": (
        image(b'{"a":{"dtype":"F32","dtype":"F16","shape":[],"data_offsets":[0,4]}}', bytes(4)), "key 'dtype' twice",
    ),
    "metadata that is not strings": (image({"__metadata__": {"a": 1}}), "not a map of strings"),
    "metadata that is a list": (image({"__metadata__": []}), "not a map of strings"),
    "tensor that is a number": (image({"a": 4}), "something other than dtype, shape and data_offsets"),
    "missing shape": (image({"a": {"dtype": "F32", "data_offsets": [0, 4]}}, bytes(4)), "something other than"),
    "unexpected key": (image({"a": {**entry(0, 4, []), "stride": [1]}}, bytes(4)), "something other than"),
    "unknown dtype": (image({"a": entry(0, 4, [], "F31")}, bytes(4)), "has the dtype 'F31'"),
    "dtype that is a list": (image({"a": {**entry(0, 4, []), "dtype": ["F32"]}}, bytes(4)), "has the dtype ['F32']"),
    "negative dimension": (image({"a": entry(0, 4, [-1, -1])}, bytes(4)), "the shape [-1, -1]"),
    "fractional dimension": (image({"a": {**entry(0, 4, []), "shape": [1.0]}}, bytes(4)), "the shape [1.0]"),
    "true as a dimension": (image({"a": {**entry(0, 4, []), "shape": [True]}}, bytes(4)), "the shape [True]"),
    "span of three": (image({"a": {**entry(0, 4, []), "data_offsets": [0, 4, 8]}}, bytes(8)), "not [begin, end]"),
    "negative span": (image({"a": entry(-4, 0, [])}, bytes(4)), "not [begin, end]"),
    "reversed span": (image({"a": entry(4, 0, [0])}, bytes(4)), "at bytes 4 to 0 of its 4 bytes"),
    "span past the end": (image({"a": entry(0, 8, [2])}, bytes(4)), "at bytes 0 to 8 of its 4 bytes"),
    "span of 2^63": (image({"a": entry(0, 1 << 63, [1 << 61])}, bytes(4)), "of its 4 bytes"),
    "size that wraps around": (image({"a": entry(0, 4, [1 << 32, 1 << 32])}, bytes(4)), "takes 73786976294838206464"),
    "size that disagrees": (image({"a": entry(0, 4, [2])}, bytes(4)), "4 bytes, but F32 [2] takes 8"),
    "overlap": (image({"a": entry(0, 8, [2]), "b": entry(4, 12, [2])}, bytes(12)), "'b' overlap 'a' by 4 bytes"),
    "same span twice": (image({"a": entry(0, 4, []), "b": entry(0, 4, [])}, bytes(4)), "overlap"),
    "gap": (image({"a": entry(0, 4, []), "b": entry(8, 12, [])}, bytes(12)), "gap of 4 bytes between 'a' and 'b'"),
    "gap at the start": (image({"a": entry(4, 8, [])}, bytes(8)), "gap of 4 bytes between the header and 'a'"),
    "bytes left over": (GOOD + b"more", "4 bytes after its last tensor"),
    "truncated": (GOOD[:-1], "of its 11 bytes"),
    "truncated in the header": (GOOD[:40], "announces a header of"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_clear_sentence(tmp_path: Path, name: str) -> None:
    content, expected = HOSTILE[name]
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)
    with pytest.raises(CheckpointError) as error:
        read_header(file)
    assert expected in str(error.value)
    assert str(error.value).startswith(str(file))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


def test_a_missing_file_and_a_directory_are_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(CheckpointError, match="cannot read"):
            read_header(path)


def mutate(content: bytes, changes: list[tuple[int, int]], cut: int) -> bytes:
    changed = bytearray(content)
    for position, value in changes:
        changed[position % len(changed)] = value
    return bytes(changed[: max(len(changed) - cut, 0)])


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4), st.integers(0, 3))
@settings(deadline=None, max_examples=300)
def test_whatever_we_accept_the_reference_reader_accepts_too(changes: list[tuple[int, int]], cut: int) -> None:
    content = mutate(GOOD, changes, cut)
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "model.safetensors"
        file.write_bytes(content)
        try:
            header = read_header(file)
        except CheckpointError:
            return
    try:
        found = load(content)
    except KeyError:  # numpy lacks some dtypes that the format has
        return
    assert {name: array.shape for name, array in found.items()} == {
        name: info.shape for name, info in header.tensors.items()
    }


@given(st.binary(max_size=64))
@settings(deadline=None)
def test_noise_is_never_a_crash(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "model.safetensors"
        file.write_bytes(content)
        try:
            read_header(file)
        except CheckpointError:
            return
        assert struct.unpack("<Q", content[:8])[0] <= len(content)


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=12).filter(lambda name: name != "__metadata__" and not CONTROL.search(name)),
        st.tuples(st.sampled_from(["f2", "f4", "f8", "i8", "u1"]), st.lists(st.integers(0, 4), max_size=3)),
        max_size=5,
    )
)
@settings(deadline=None)
def test_what_the_reference_writer_writes_is_read_alike(description: dict[str, Any]) -> None:
    arrays = {name: np.ones(shape, dtype) for name, (dtype, shape) in description.items()}
    content = save(arrays, metadata={"format": "pt"})
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "model.safetensors"
        file.write_bytes(content)
        header = read_header(file)
    assert header.metadata == {"format": "pt"}
    assert header.tensors.keys() == arrays.keys()
    for name, info in header.tensors.items():
        assert info.shape == arrays[name].shape
        assert content[info.offset : info.offset + info.nbytes] == arrays[name].tobytes()


def test_a_built_header_is_read_by_the_reference_reader() -> None:
    header = build_header([("b", "F32", (2, 3)), ("ä", "I64", ()), ("empty", "F16", (0, 4))], {"format": "pt"})
    assert len(header) % 8 == 0
    found = load(header + bytes(24 + 8))
    assert {name: (array.dtype.str, array.shape) for name, array in found.items()} == {
        "b": ("<f4", (2, 3)), "ä": ("<i8", ()), "empty": ("<f2", (0, 4)),
    }  # fmt: skip
