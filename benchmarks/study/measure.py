"""Policies on suites: what is missing is run, many suites of one policy together, and kept in the store."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retain.evaluate import Outcome
from retain.evaluate.jobs import Job
from retain.evaluate.player import Player
from retain.evaluate.source import torch_player
from retain.evaluate.workers import run_jobs
from retain.policy import load_policy, resolve
from retain.sim import episodes, parse_instruction
from retain.worlds import TABLETOP, World

from study.pieces import WORK
from study.protocol import BASE, episode_seed
from study.store import Place, Store

SIMS = 16
_JOB_EPISODES = 128


@dataclass(frozen=True)
class Candidate:
    """A policy between a base and what was finetuned from it, never written to disk. Picklable; opens in a worker.

    Attributes:
        key: Names it in the store.
        base: A policy directory or name.
        finetuned: Policies finetuned from the base; none for the base itself.
        alpha: Component and α.
        recipe: Further fields of a merge's recipe, such as method and density.
    """

    key: str
    base: str = BASE
    finetuned: tuple[Path, ...] = ()
    alpha: tuple[tuple[str, float], ...] = ()
    recipe: tuple[tuple[str, Any], ...] = ()

    def open(self, world: World = TABLETOP) -> Player:
        """Load the base and merge into it."""
        import torch
        from retain.merge.into import into

        torch.set_num_threads(1)  # every core has a worker of its own
        policy = load_policy(self.base)
        if self.finetuned:
            ends = list(self.finetuned) if len(self.finetuned) > 1 else self.finetuned[0]
            into(policy, resolve(self.base), ends, dict(self.alpha), threads=1, **dict(self.recipe))
        return torch_player(policy, world=world)

    def fingerprint(self) -> str:
        """The key: it names everything that decides the policy."""
        return self.key


COMPONENTS = ("vision", "language", "action")


def base(name: str = BASE) -> Candidate:
    """The base itself."""
    return Candidate(f"base:{name}", name)


def merged(key: str, path: Path, alpha: float | Mapping[str, float] = 1.0, *, start: str = BASE) -> Candidate:
    """A linear merge at α, all weights together or by component.

    Args:
        key: The finetuned policy's.
        path: Its directory.
        alpha: 1 is the finetuned policy itself.
        start: What it was finetuned from.
    """
    values = dict(alpha) if isinstance(alpha, Mapping) else dict.fromkeys(COMPONENTS, alpha)
    told = ",".join(f"{part[0]}{value:g}" for part, value in values.items())
    if len(set(values.values())) == 1:
        told = f"{values[COMPONENTS[0]]:g}"
    return Candidate(f"{key}@{told}", start, (path,), tuple(values.items()))


@dataclass(frozen=True)
class Cell:
    """A policy on a suite.

    Attributes:
        policy: Which.
        target: The skill that the suite is about.
        seed: The training seed, whose episodes are run.
        suite: Which suite.
        n: Episodes.
    """

    policy: Candidate
    target: str
    seed: int
    suite: str
    n: int

    @property
    def place(self) -> Place:
        """Where its outcomes are kept."""
        return Place(self.policy.key, self.target, self.suite, episode_seed(self.seed))


def store() -> Store:
    """The study's outcomes."""
    return Store(WORK / "outcomes.sqlite")


def measure(cells: Iterable[Cell], workers: int, say: Callable[[str], None]) -> Store:
    """Run the episodes that are missing.

    Args:
        cells: What must be there afterwards.
        workers: Processes.
        say: Takes a line about progress.
    """
    kept = store()
    wanted: dict[Candidate, list[tuple[Place, int, Any]]] = {}
    for cell in dict.fromkeys(cells):
        there = kept.numbers(cell.place)
        if len(there.intersection(range(cell.n))) == cell.n:
            continue
        plan = episodes(cell.suite, parse_instruction(cell.target), cell.n, episode_seed(cell.seed))
        rows = [(cell.place, number, episode) for number, episode in enumerate(plan) if number not in there]
        wanted.setdefault(cell.policy, []).extend(rows)
    jobs: list[Job] = []
    places: dict[str, list[tuple[Place, int, Any]]] = {}
    for policy, rows in wanted.items():
        parts = -(-len(rows) // _JOB_EPISODES)
        for part in range(parts):
            share = rows[part::parts]
            name = str(len(jobs))
            places[name] = share
            jobs.append(Job(name, "", policy, tuple((number, episode) for _, number, episode in share)))
    total, done = sum(map(len, wanted.values())), 0
    if not total:
        return kept
    say(f"running {total} episodes of {len(wanted)} policies")

    def keep(job: Job, outcomes: list[Outcome]) -> None:
        nonlocal done
        rows = places[job.policy]
        kept.add((place, number, outcome) for (place, number, _), outcome in zip(rows, outcomes, strict=True))
        if (done + len(rows)) * 20 // total > done * 20 // total:
            say(f"  {done + len(rows)}/{total} episodes")
        done += len(rows)

    run_jobs(jobs, workers=workers, sims=SIMS, done=keep, finished=lambda _: None)
    return kept
