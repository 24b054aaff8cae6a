"""Whatever stops a merge, the output is absent or whole, and the inputs are as they were."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from retain.errors import MergeError, RetainError
from retain.merge import merge

from .policies import Array, file_bytes, finetuned, write_policy

WEIGHTS = "model.safetensors"
COMMAND = [sys.executable, "-m", "retain.cli"]


@pytest.fixture
def large_pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two policies of 32 MB: long enough to be interrupted."""
    random = np.random.default_rng(0)
    made: dict[str, Array] = {
        f"{part}.w": random.standard_normal((2_700, 1000)) for part in ("vision", "language", "action")
    }
    return write_policy(tmp_path / "base", made), write_policy(tmp_path / "finetuned", finetuned(made))


def start(base: Path, tuned: Path, output: Path, *options: str) -> "subprocess.Popen[str]":
    arguments = ["merge", str(base), str(tuned), "--alpha", "0.5", "-o", str(output), "--threads", "1", *options]
    return subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def wait_for_partial(directory: Path, process: "subprocess.Popen[str]") -> None:
    """Until the output is under way."""
    while process.poll() is None and not list(directory.glob(".merged.*.partial/model.safetensors")):
        time.sleep(0.001)


def test_a_killed_merge_leaves_no_output_and_the_next_one_cleans_up(
    tmp_path: Path, large_pair: tuple[Path, Path]
) -> None:
    base, tuned = large_pair
    before = file_bytes(base), file_bytes(tuned)
    killed = 0
    for delay_s in (0.0, 0.002, 0.005, 0.01, 0.02, 0.05):
        process = start(base, tuned, tmp_path / "merged")
        wait_for_partial(tmp_path, process)
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if (tmp_path / "merged").exists():  # it was faster: then it is whole
            merge(base, tuned, tmp_path / "whole", 0.5, force=True)
            assert (tmp_path / "merged" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()
            merge(base, tuned, tmp_path / "merged", 0.5, force=True)
            for path in (tmp_path / "merged").iterdir():
                path.unlink()
            (tmp_path / "merged").rmdir()
        else:
            killed += 1
            assert len(list(tmp_path.glob(".merged.*.partial"))) == 1  # the previous run's was removed
    assert killed > 0
    assert (file_bytes(base), file_bytes(tuned)) == before
    merge(base, tuned, tmp_path / "merged", 0.5)
    assert not list(tmp_path.glob(".*.partial"))


def test_ctrl_c_stops_quickly_and_leaves_nothing(tmp_path: Path, large_pair: tuple[Path, Path]) -> None:
    base, tuned = large_pair
    process = start(base, tuned, tmp_path / "merged")
    wait_for_partial(tmp_path, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("the merge was faster than the signal")
    assert process.returncode == 130
    assert said.strip().endswith("interrupted")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "finetuned"]


def test_a_progress_function_that_raises_stops_the_merge(tmp_path: Path, large_pair: tuple[Path, Path]) -> None:
    base, tuned = large_pair

    def fail(_: int) -> None:
        raise KeyError("from the progress function")

    with pytest.raises(KeyError, match="from the progress function"):
        merge(base, tuned, tmp_path / "merged", 0.5, progress=fail)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "finetuned"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB, smaller than the merged policy."""
    mount = tmp_path / "small_disk"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(mount)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("mounting a small file system needs privileges")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_a_disk_that_is_too_small_is_known_before_the_start(small_disk: Path, large_pair: tuple[Path, Path]) -> None:
    with pytest.raises(RetainError, match=r"merged needs 0\.03\d GB and its file system has 0\.02\d GB left"):
        merge(*large_pair, small_disk / "merged", 0.5)
    assert not list(small_disk.iterdir())


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(
    small_disk: Path, large_pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another program's files may take the space between the check and the writing; here the check sees a larger disk.
    real = os.statvfs
    monkeypatch.setattr(os, "statvfs", lambda path: real("/"))
    with pytest.raises(MergeError, match=r"cannot write .*No space left on device"):
        merge(*large_pair, small_disk / "merged", 0.5)
    assert not list(small_disk.iterdir())


def test_a_file_size_limit_is_one_sentence(tmp_path: Path, large_pair: tuple[Path, Path]) -> None:
    base, tuned = large_pair

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    arguments = ["merge", str(base), str(tuned), "--alpha", "0.5", "-o", str(tmp_path / "merged")]
    done = subprocess.run([*COMMAND, *arguments], preexec_fn=limit, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "File too large" in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "finetuned"]


def test_an_input_that_changes_meanwhile_is_noticed(tmp_path: Path, large_pair: tuple[Path, Path]) -> None:
    base, tuned = large_pair

    def touch(_: int) -> None:
        os.utime(base / WEIGHTS)

    with pytest.raises(RetainError, match="was changed while it was being read"):
        merge(base, tuned, tmp_path / "merged", 0.5, progress=touch)
    assert not (tmp_path / "merged").exists()
