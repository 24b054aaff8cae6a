import fcntl
import os
from pathlib import Path

import pytest
from retain.checkpoint import atomic_directory
from retain.errors import CheckpointError


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def give_up_half_way(output: Path, *, force: bool) -> None:
    with atomic_directory(output, force=force) as partial:
        (partial / "file").write_text("content")
        raise ValueError("half way")


def test_it_appears_when_the_block_ends(tmp_path: Path) -> None:
    with atomic_directory(tmp_path / "deep" / "out") as partial:
        (partial / "file").write_text("content")
        assert not (tmp_path / "deep" / "out").exists()
    assert names(tmp_path / "deep") == ["out"]
    assert (tmp_path / "deep" / "out" / "file").read_text() == "content"


def test_it_never_appears_when_the_block_raises(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="half way"):
        give_up_half_way(tmp_path / "out", force=False)
    assert names(tmp_path) == []


def test_force_swaps_the_old_for_the_new(tmp_path: Path) -> None:
    for content in ("old", "new"):
        with atomic_directory(tmp_path / "out", force=True) as partial:
            (partial / "config.json").write_text(content)
    assert (tmp_path / "out" / "config.json").read_text() == "new"
    assert names(tmp_path) == ["out"]


def test_the_old_one_survives_a_failed_replacement(tmp_path: Path) -> None:
    with atomic_directory(tmp_path / "out") as partial:
        (partial / "config.json").write_text("old")
    with pytest.raises(ValueError, match="half way"):
        give_up_half_way(tmp_path / "out", force=True)
    assert (tmp_path / "out" / "config.json").read_text() == "old"


def test_what_is_there_is_kept_without_force(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(CheckpointError, match="exists; give another name"), atomic_directory(tmp_path / "out"):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="is not a directory"), atomic_directory(tmp_path / "file", force=True):
        pass


def test_an_output_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    def write_while_another_finishes() -> None:
        with atomic_directory(tmp_path / "out"):
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / "theirs").write_text("")

    with pytest.raises(CheckpointError, match=r"cannot put .* in place"):
        write_while_another_finishes()
    assert names(tmp_path / "out") == ["theirs"]


def test_leftovers_of_killed_runs_are_removed_and_running_ones_kept(tmp_path: Path) -> None:
    (tmp_path / ".out.dead.partial").mkdir()
    (tmp_path / ".other.dead.partial").mkdir()
    (tmp_path / ".out.alive.partial").mkdir()
    lock = os.open(tmp_path / ".out.alive.partial", os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with atomic_directory(tmp_path / "out"):
            pass
    finally:
        os.close(lock)
    assert names(tmp_path) == [".other.dead.partial", ".out.alive.partial", "out"]


def test_too_little_space_is_known_at_once(tmp_path: Path) -> None:
    with (
        pytest.raises(CheckpointError, match="free some space"),
        atomic_directory(tmp_path / "out", needed_bytes=1 << 60),
    ):
        pass
    assert names(tmp_path) == []
