"""The fuzzer's entry point in CI: mutations of good directories, what fuzzing found, inputs made to take forever."""

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from retain.checkpoint import open_checkpoint

from tests.fuzz.hostile_directory import SEPARATOR, pack, read_everything, try_input, write_directory
from tests.fuzz.mutations import HOSTILE_NAMES, HOSTILE_VALUES, mutate_input
from tests.fuzz.seeds import SEEDS

FOUND = Path(__file__).parents[2] / "fuzz" / "found"


@pytest.mark.parametrize("name", SEEDS)
def test_the_seeds_are_good_directories(name: str, tmp_path: Path) -> None:
    write_directory(SEEDS[name], tmp_path)
    assert open_checkpoint(tmp_path).headers
    read_everything(tmp_path)


@seed(0)
@given(st.sampled_from(sorted(SEEDS)), st.integers(0, 1 << 32), st.integers(1, 3))
@settings(deadline=None, max_examples=1500, database=None)
def test_a_mutated_directory_is_read_or_refused_in_one_sentence(name: str, number: int, times: int) -> None:
    choose, data = random.Random(number), SEEDS[name]
    for _ in range(times):
        data = mutate_input(data, list(SEEDS.values()), choose)
    try_input(data)


@seed(0)
@given(st.binary(max_size=300), st.integers(0, 19))
@settings(deadline=None, max_examples=300, database=None)
def test_noise_is_read_or_refused_in_one_sentence(noise: bytes, name: int) -> None:
    try_input(bytes([name]) + noise)


@pytest.mark.parametrize("value", HOSTILE_VALUES, ids=lambda value: value[:20])
def test_a_hostile_value_anywhere_is_read_or_refused_in_one_sentence(value: str) -> None:
    for data in SEEDS.values():
        chunks = data.split(SEPARATOR)
        for index, chunk in enumerate(chunks):
            name = next(
                (name for name in (b"F32", b"action", b"q", b"shape") if b'"' + name + b'"' in chunk), b"format"
            )
            key = value.encode() if value in HOSTILE_NAMES else b'"other"'
            for old, new in ((b'"%s"' % name, key), (b'"%s": ' % name, b'"%s": %s, "z": ' % (name, value.encode()))):
                changed = [*chunks[:index], chunk.replace(old, new, 1), *chunks[index + 1 :]]
                try_input(SEPARATOR.join(changed))


@pytest.mark.parametrize("file", sorted(FOUND.glob("*")), ids=lambda file: file.name)
def test_what_fuzzing_found_stays_mended(file: Path) -> None:
    allow_pickle = file.name.startswith("torch_")
    if allow_pickle:
        pytest.importorskip("torch")
    try_input(file.read_bytes(), allow_pickle=allow_pickle)


HUGE: dict[str, Callable[[], bytes]] = {
    "lists in lists": lambda: b'{"a":[' + b"[]," * 8_000_000 + b"[]]}",
    "a long list": lambda: b'{"a":{"dtype":"F32","shape":[' + b"1," * 12_000_000 + b'1],"data_offsets":[0,4]}}',
    "empty objects": lambda: b"{" + b",".join(b'"%d":{}' % number for number in range(1_900_000)) + b"}",
    "one name": lambda: b'{"' + b"a" * 24_000_000 + b'":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}',
}
_READ = """
import re, sys
from pathlib import Path
from retain.checkpoint import read_header
from retain.errors import CheckpointError
try:
    read_header(Path(sys.argv[1]))
except CheckpointError as error:
    print(error)
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.parametrize("name", HUGE)
def test_the_longest_header_takes_neither_minutes_nor_all_memory(name: str, tmp_path: Path) -> None:
    header = HUGE[name]()
    assert 2e7 < len(header) <= 2.5e7
    file = tmp_path / "model.safetensors"
    with file.open("wb") as stream:
        stream.writelines((len(header).to_bytes(8, "little"), header, bytes(4)))
    made = subprocess.run(
        [sys.executable, "-c", _READ, str(file)], capture_output=True, text=True, timeout=120, check=True
    )
    message, peak_kib = made.stdout.splitlines()
    assert "is not a valid safetensors file" in message
    assert len(message) < 600
    assert int(peak_kib) * 1024 < 30 * len(header)


def test_many_patterns_and_many_modules_take_no_more_than_their_product(tmp_path: Path) -> None:
    """Every pattern is compiled once; Python's own cache holds 512 of these 1,000."""
    patterns = ",".join(f'"layers.{number}.x": 4' for number in range(1000))
    config = b'{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "rank_pattern": {%s}}' % patterns.encode()
    entries, offset = [], 0
    for number in range(2000):
        for factor, shape, nbytes in (("A", "[2, 1]", 8), ("B", "[1, 2]", 8)):
            span = f'"dtype": "F32", "shape": {shape}, "data_offsets": [{offset}, {offset + nbytes}]'
            entries.append(f'"base_model.model.m{number}.lora_{factor}.weight": {{{span}}}')
            offset += nbytes
    header = "{" + ",".join(entries) + "}"
    data = pack([("adapter_model.safetensors", header.encode()), ("adapter_config.json", config)])
    write_directory(data, tmp_path)
    (tmp_path / "adapter_model.safetensors").write_bytes(
        len(header).to_bytes(8, "little") + header.encode() + bytes(offset)
    )
    assert len(open_checkpoint(tmp_path).adapters) == 2000


def test_a_directory_within_itself_is_no_end(tmp_path: Path) -> None:
    write_directory(SEEDS["lerobot"], tmp_path)
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "again").symlink_to(tmp_path / "assets")
    before = open_checkpoint(tmp_path).sidecars
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    assert open_checkpoint(tmp_path).sidecars == before
