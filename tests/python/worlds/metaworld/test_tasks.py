import re

import pytest
from retain.errors import SimulationError
from retain.worlds.metaworld.tasks import MT10, TASKS, parse_task


def words(text):
    return set(re.findall(r"[\w-]+", text.lower()))


def test_there_are_fifty_tasks_and_ten_of_them_are_mt10():
    assert len(TASKS) == 50
    assert set(MT10) < set(TASKS)
    assert len(set(MT10)) == 10


def test_a_paraphrase_says_it_differently_with_words_that_descriptions_use():
    known = set().union(*(words(described) for described, _ in TASKS.values()))
    for described, paraphrased in TASKS.values():
        assert paraphrased.lower() != described.lower()
        assert words(paraphrased) <= known


@pytest.mark.parametrize("task", TASKS)
def test_a_task_is_known_by_its_name_with_and_without_version(task):
    assert parse_task(task) == task
    assert parse_task(task.removesuffix("-v3").replace("-", " ").upper()) == task


def test_a_task_is_known_by_a_description_unless_two_share_it():
    assert parse_task("Open a drawer") == "drawer-open-v3"
    with pytest.raises(SimulationError, match="is said of push-back-v3 and of push-v3; give the task's name"):
        parse_task("Push the puck to a goal")


def test_an_unknown_task_is_answered_with_the_nearest():
    with pytest.raises(SimulationError, match="no task 'drawer-opn'; did you mean drawer-open-v3"):
        parse_task("drawer-opn")
    with pytest.raises(SimulationError, match="did you mean"):
        parse_task("")
