"""kill −9 at 200 moments of `retain merge`: what stands at the output's name is nothing, or whole."""

import hashlib
import json
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from . import oracle
from .policies import Array, encode, file_bytes, finetuned, read_weights, write_policy

KILLS = 200
WEIGHTS = "model.safetensors"
REPORT = "merge_report.json"
ALPHAS = ("0.25", "0.75")


@dataclass
class Merges:
    """A base, a finetuned policy, and one place for the result.

    whole: by α, every file of an undisturbed result but the report. seconds: durations of undisturbed runs.
    """

    directory: Path
    whole: dict[str, dict[str, bytes]]
    seconds: list[float]

    @property
    def output(self) -> Path:
        return self.directory / "merged"

    def start(self, alpha: str, output: Path) -> "subprocess.Popen[bytes]":
        """A merge over whatever is there, in a process of its own."""
        ends = [str(self.directory / "base"), str(self.directory / "finetuned")]
        options = ["--alpha", alpha, "-o", str(output), "--threads", "1", "--force"]
        return subprocess.Popen(
            [sys.executable, "-m", "retain.cli", "merge", *ends, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def run_undisturbed(self, alpha: str, output: Path) -> None:
        started = time.perf_counter()
        process = self.start(alpha, output)
        said = process.communicate()[1]
        assert process.returncode == 0, said
        self.seconds.append(time.perf_counter() - started)

    def alpha_of(self, output: Path) -> str | None:
        """α of the result that stands there, or None for nothing; fails if it is not whole."""
        if not output.exists():
            return None
        found = file_bytes(output)
        report = json.loads(found.pop(REPORT))
        alphas = [alpha for alpha, whole in self.whole.items() if found == whole]
        assert len(alphas) == 1, f"{output} is a mixture"
        assert report["output"]["files"][WEIGHTS]["sha256"] == hashlib.sha256(found[WEIGHTS]).hexdigest()
        assert {part["alpha"] for part in report["components"].values()} == {float(alphas[0])}
        return alphas[0]

    def partials(self) -> list[Path]:
        return list(self.directory.glob(".merged.*.partial"))


@pytest.fixture
def merges(tmp_path: Path) -> Merges:
    """Two policies of 18 MB and their results, which a recomputation in fp64 confirms to the last bit."""
    generator = np.random.default_rng(0)
    made: dict[str, Array] = {
        f"{part}.w{i}": generator.standard_normal((1000, 500), np.float32).astype(np.float64)
        for part in ("vision", "language", "action")
        for i in range(3)
    }
    base = write_policy(tmp_path / "base", made)
    tuned = write_policy(tmp_path / "finetuned", finetuned(made))
    merges = Merges(tmp_path, {}, [])
    p, f = read_weights(base / WEIGHTS), read_weights(tuned / WEIGHTS)
    for alpha in ALPHAS:
        output = tmp_path / f"whole-{alpha}"
        merges.run_undisturbed(alpha, output)
        found = file_bytes(output)
        found.pop(REPORT)
        merges.whole[alpha] = found
        merged = read_weights(output / WEIGHTS)
        for name, values in merged.items():
            exact = oracle.linear(p[name], f[name], float(alpha))
            assert values.astype(np.float32).tobytes() == encode(exact, "F32")
    return merges


def moments(merges: Merges) -> Iterator[float]:
    """Seeded moments [s] over the whole duration of a run and a little beyond, as runs last now."""
    chosen = random.Random(0)
    for _ in range(KILLS):
        yield chosen.uniform(0.0, 1.2) * statistics.median(merges.seconds[-5:])


@pytest.mark.slow
def test_a_merge_killed_at_any_moment_leaves_nothing_or_a_whole_result(merges: Merges) -> None:
    inputs = {end: file_bytes(merges.directory / end) for end in ("base", "finetuned")}
    phases: Counter[str] = Counter()
    for number, moment_s in enumerate(moments(merges)):
        old, new = ALPHAS if number % 4 < 2 else ALPHAS[::-1]
        shutil.rmtree(merges.output, ignore_errors=True)
        if number % 2:  # over an old result
            shutil.copytree(merges.directory / f"whole-{old}", merges.output)
        standing = merges.alpha_of(merges.output)
        left = set(merges.partials())
        process = merges.start(new, merges.output)
        time.sleep(moment_s)
        process.kill()
        said = process.communicate()[1]
        assert process.returncode in (-9, 0), said
        found = merges.alpha_of(merges.output)
        assert found in (standing, new)
        assert process.returncode == -9 or found == new
        assert len(merges.partials()) <= 1  # what the killed run before had left is gone
        own = [partial for partial in merges.partials() if partial not in left]
        phases[phase(process.returncode, found == new, own, merges.whole[new][WEIGHTS])] += 1
        if number % 10 == 9:
            merges.run_undisturbed(new, merges.output)
            assert merges.alpha_of(merges.output) == new
            assert merges.partials() == []
    assert {end: file_bytes(merges.directory / end) for end in ("base", "finetuned")} == inputs
    print(f"kills by phase: {dict(phases)}; a run takes {statistics.median(merges.seconds):.2f} s")
    assert phases["before its directory"] >= 10
    assert phases["while streaming"] >= 5
    assert phases["written, not in place"] >= 1
    assert phases["in place"] + phases["finished"] >= 5


def phase(code: int, in_place: bool, own: list[Path], weights: bytes) -> str:
    """How far a run had come, by what it left."""
    if code == 0:
        return "finished"
    if in_place:
        return "in place"
    if not own:
        return "before its directory"
    file = own[0] / WEIGHTS
    return "written, not in place" if file.exists() and file.read_bytes() == weights else "while streaming"
