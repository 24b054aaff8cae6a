"""Greedy soups: of several finetuned policies, the mean of those that make it better (arXiv 2203.05482, recipe 1)."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from retain.checkpoint.atomic_directory import check_replaceable
from retain.errors import MergeError
from retain.merge.merge import execute, prepare
from retain.merge.recipe import Recipe
from retain.merge.report import MergeReport

Score = Callable[[Path], float]
"""Held-out success of the policy in a directory: higher is better. It must not depend on the path."""


@dataclass(frozen=True)
class Trial:
    """One candidate's turn: its score alone, the soup's with it, and whether it stayed in."""

    candidate: str
    alone: float
    with_it: float
    kept: bool


@dataclass(frozen=True)
class SoupReport:
    """A greedy soup.

    Attributes:
        ingredients: The candidates that are in it, best first.
        score: Of the soup.
        trials: Every candidate's turn, in order.
        merge: The report of the merge that made the output.
    """

    ingredients: tuple[str, ...]
    score: float
    trials: tuple[Trial, ...]
    merge: MergeReport


def greedy_soup(
    candidates: Sequence[str | Path],
    output: str | Path,
    score: Score,
    *,
    threads: int | None = None,
    force: bool = False,
    say: Callable[[str], None] | None = None,
) -> SoupReport:
    """Go through candidates from the best to the worst, and keep each whose addition does not lower the mean's score.

    Args:
        candidates: Policies finetuned from one base, at least two.
        output: The directory to make.
        score: Judges a policy on held-out data.
        threads: How many threads; None takes as many as there are cores for this process.
        force: Replace an existing policy directory.
        say: Told what is tried.

    Raises:
        CheckpointError: A file is missing or broken.
        MergeError: The candidates cannot be merged, or are fewer than two.
    """
    paths = [Path(candidate) for candidate in candidates]
    if len(set(paths)) < 2 or len(set(paths)) < len(paths):
        raise MergeError(f"a soup needs two or more different policies; got {len(set(paths))}")
    check_replaceable(Path(output), force=force)
    Path(output).absolute().parent.mkdir(parents=True, exist_ok=True)
    tell = say or (lambda _: None)
    alone = {}
    for path in paths:
        alone[path] = score(path)
        tell(f"{path}: {alone[path]:g}")
    order = sorted(paths, key=lambda path: -alone[path])
    taken, best = [order[0]], alone[order[0]]
    trials = [Trial(str(order[0]), best, best, True)]
    for path in order[1:]:
        # A trial lies beside the output, where there is room for one policy anyway.
        with tempfile.TemporaryDirectory(dir=Path(output).absolute().parent, prefix=".soup.") as name:
            trial = Path(name) / "soup"
            _mean([*taken, path], trial, threads=threads, force=False, sync=False)
            found = score(trial)
        tell(f"{' + '.join(each.name for each in [*taken, path])}: {found:g}")
        trials.append(Trial(str(path), alone[path], found, found >= best))
        if found >= best:
            taken, best = [*taken, path], found
    report = _mean(taken, Path(output), threads=threads, force=force, sync=True)
    return SoupReport(tuple(map(str, taken)), best, tuple(trials), report)


def _mean(policies: Sequence[Path], output: Path, *, threads: int | None, force: bool, sync: bool) -> MergeReport:
    """The mean of policies; the first one's layout, and a copy of it if it is alone."""
    if len(policies) == 1:
        plan = prepare(policies[0], policies[0], Recipe.of(0.0))
    else:
        plan = prepare(policies[0], policies, Recipe.of(1.0, method="soup"))
    return execute(plan, output, threads=threads, force=force, sync=sync)
