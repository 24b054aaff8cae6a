"""What can be said of LIBERO without its simulator: tasks, suites, starts, and the file of initial states."""

import pickle

import numpy as np
import pytest
from retain.errors import SimulationError
from retain.worlds.libero.tasks import MAX_STEPS, LiberoTask, episodes, load, parse_task, suite_tasks

TASKS = tuple(
    LiberoTask(suite, index, f"{suite}_{index}", f"do number {index}")
    for suite in ("libero_goal", "libero_spatial")
    for index in range(3)
)


def test_a_name_finds_its_task_and_a_sentence_only_if_it_is_said_of_one():
    assert parse_task(" libero_goal_1 ", TASKS) == TASKS[1]
    assert parse_task("Do  Number 2", TASKS[:3]) == TASKS[2]
    with pytest.raises(SimulationError, match="is said of 2 tasks; give the name of one"):
        parse_task("do number 1", TASKS)
    with pytest.raises(SimulationError, match="LIBERO has no task 'fly'"):
        parse_task("fly", TASKS)


def test_the_generalist_suite_is_the_other_tasks_of_the_targets_own_suite():
    assert suite_tasks("id", TASKS[0], TASKS) == [TASKS[0]]
    assert suite_tasks("generalist", TASKS[0], TASKS) == list(TASKS[1:3])
    assert suite_tasks("libero_spatial", TASKS[0], TASKS) == list(TASKS[3:])
    with pytest.raises(SimulationError, match="no suite 'ood-val'; expected one of id, generalist"):
        suite_tasks("ood-val", TASKS[0], TASKS)


def test_every_task_is_played_from_its_first_start_before_any_from_its_second():
    plan = episodes("libero_goal", TASKS[0], TASKS, 7, seed=3)
    assert [(one.of.index, one.start) for one in plan] == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (0, 2)]
    assert len({one.seed for one in plan}) == 7
    assert plan[:4] == episodes("libero_goal", TASKS[0], TASKS, 4, seed=3)


def test_the_caps_are_those_of_the_five_official_suites():
    assert set(MAX_STEPS) == {"libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90"}
    assert max(MAX_STEPS.values()) == MAX_STEPS["libero_10"]


def test_initial_states_are_arrays_and_nothing_else(tmp_path):
    torch = pytest.importorskip("torch")
    from retain.worlds.libero.simulation import read_states

    states = np.arange(12.0).reshape(3, 4)
    torch.save(states, tmp_path / "task.pruned_init")
    np.testing.assert_array_equal(read_states(tmp_path / "task.pruned_init"), states)
    with pytest.raises(SimulationError, match="is not an array of initial states"):
        read_states(tmp_path / "missing")

    class Harm:
        def __reduce__(self):
            return print, ("run",)

    with (tmp_path / "harm").open("wb") as file:
        pickle.dump(Harm(), file, protocol=2)
    with pytest.raises(SimulationError, match="is not an array of initial states"):
        read_states(tmp_path / "harm")


def test_without_libero_one_sentence_says_how_to_get_it():
    try:
        import libero  # noqa: F401
    except ImportError:
        with pytest.raises(SimulationError, match=r"LIBERO is not installed.*pip install 'retain-vla\[train,libero\]'"):
            load()
    else:
        pytest.skip("LIBERO is installed here")
