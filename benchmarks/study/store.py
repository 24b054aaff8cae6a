"""Every outcome of every episode, in one SQLite file: appended as episodes end, never lost, never run twice."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from retain.evaluate import Outcome


@dataclass(frozen=True)
class Place:
    """Where outcomes belong.

    Attributes:
        policy: The policy's key.
        target: The skill that the suites are about.
        suite: The suite.
        seed: The evaluation's seed, which decides the episodes.
    """

    policy: str
    target: str
    suite: str
    seed: int


class Store:
    """Outcomes by place and number of the episode.

    Args:
        path: The SQLite file; made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, timeout=60)
        self._database.execute(
            "create table if not exists outcomes (policy text, target text, suite text, seed int, number int,"
            " episode_seed int, skill text, success int, steps int,"
            " primary key (policy, target, suite, seed, number)) without rowid"
        )

    def add(self, rows: Iterable[tuple[Place, int, Outcome]]) -> None:
        """Keep outcomes; (place, number of the episode in its suite, outcome)."""
        values = [
            (*vars(place).values(), number, outcome.seed, outcome.skill, int(outcome.success), outcome.steps)
            for place, number, outcome in rows
        ]
        with self._database:
            self._database.executemany("insert or replace into outcomes values (?,?,?,?,?,?,?,?,?)", values)

    def numbers(self, place: Place) -> set[int]:
        """Episodes that are there."""
        return {number for number, _ in self._rows(place)}

    def successes(self, place: Place, n: int) -> NDArray[np.bool_]:
        """Bool [n], in the order of the episodes.

        Raises:
            KeyError: Some are missing.
        """
        rows = dict(self._rows(place))
        return np.array([rows[number] for number in range(n)], dtype=bool)

    def _rows(self, place: Place) -> Sequence[tuple[int, int]]:
        found: list[tuple[int, int]] = self._database.execute(
            "select number, success from outcomes where policy = ? and target = ? and suite = ? and seed = ?",
            (place.policy, place.target, place.suite, place.seed),
        ).fetchall()
        return found
