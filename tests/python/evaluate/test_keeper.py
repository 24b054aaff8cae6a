from itertools import pairwise

import pytest
from retain.evaluate import EvaluationResult, Outcome
from retain.evaluate import keeper as module
from retain.evaluate.keeper import EVERY_S, Keeper
from retain.evaluate.result import PolicyOutcomes

PATH = "results.parquet"


class Disk:
    """Stands for the file: remembers when it was written and how many episodes were in it; writing takes time."""

    def __init__(self, s_per_episode=0.0):
        self.now_s, self.writes, self._s_per_episode = 0.0, [], s_per_episode

    def save(self, result, path):
        assert path == PATH
        episodes = len(result.policies["x"].suites["id"])
        self.writes.append((self.now_s, episodes))
        self.now_s += self._s_per_episode * episodes


@pytest.fixture
def disk(monkeypatch):
    made = Disk()
    monkeypatch.setattr(module, "save_result", made.save)
    return made


def grow(keeper, result, disk, episodes, s_each):
    cell = result.policies["x"].suites["id"]
    for index in range(episodes):
        disk.now_s += s_each
        cell[index] = Outcome(index, "", True, 1)
        keeper.changed()


def empty():
    return EvaluationResult("", 0, {"x": PolicyOutcomes("", {"id": {}})})


def test_the_first_outcomes_are_written_at_once_the_next_every_few_seconds_and_the_last_at_the_end(disk):
    result = empty()
    with Keeper(result, PATH, lambda: disk.now_s) as keeper:
        grow(keeper, result, disk, episodes=100, s_each=0.5)
    times = [time_s for time_s, _ in disk.writes]
    assert times[0] == 0.5
    assert all(after - before >= EVERY_S for before, after in pairwise(times[:-1]))
    assert len(times) <= 2 + 50 / EVERY_S
    assert disk.writes[-1] == (50.0, 100)


def test_keeping_costs_a_bounded_share_of_the_time_however_large_the_file_grows(disk):
    disk._s_per_episode = 0.01  # after 20 000 episodes a write takes 200 s
    result = empty()
    with Keeper(result, PATH, lambda: disk.now_s) as keeper:
        grow(keeper, result, disk, episodes=20_000, s_each=0.1)
    written_s = sum(0.01 * episodes for _, episodes in disk.writes[:-1])
    assert written_s < 0.06 * 20_000 * 0.1 + 0.01 * disk.writes[-2][1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_is_done_is_written_when_an_error_or_ctrl_c_ends_it(disk, error):
    result = empty()
    keeper = Keeper(result, PATH, lambda: disk.now_s)

    def run():
        with keeper:
            grow(keeper, result, disk, episodes=7, s_each=0.1)
            raise error

    with pytest.raises(error):
        run()
    assert disk.writes[-1][1] == 7


def test_nothing_new_is_not_written_and_no_file_keeps_nothing(disk):
    with Keeper(empty(), PATH, lambda: disk.now_s):
        pass
    result = empty()
    with Keeper(result, None, lambda: disk.now_s) as keeper:
        grow(keeper, result, disk, episodes=7, s_each=9.0)
    assert disk.writes == []
