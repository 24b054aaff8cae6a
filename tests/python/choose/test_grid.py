from itertools import product

from retain.choose import Candidate, by_component, component_grid, line, planned


def test_components_are_varied_one_at_a_time_and_tried_alone():
    names = [Candidate.of(alpha).name for alpha in by_component((0.0, 0.5))]
    assert names[0] == "vision=0 language=1 action=1"
    assert "vision=1 language=1 action=0.5" in names
    assert "vision=0 language=1 action=0" in names


def test_a_component_grid_holds_every_combination_once():
    levels = (0.0, 0.5, 1.0)
    found = [Candidate.of(alpha) for alpha in component_grid(levels)]
    assert {tuple(value for _, value in one.alpha) for one in found} == set(product(levels, repeat=3))
    assert len(set(found)) == len(found) == 27


def test_both_ends_are_always_tried_and_nothing_is_tried_twice():
    assert [one.name for one in planned([0.5, {"language": 1.0}, 0.5])] == [
        "α = 0",
        "α = 0.5",
        "vision=0 language=1 action=0",
        "α = 1",
    ]
    assert len(planned(line())) == 11


def test_a_candidate_says_how_to_write_it():
    assert Candidate.of(0.5).merge_command("base", "my policy") == "retain merge base 'my policy' --alpha 0.5 -o merged"
    mixed = Candidate.of({"vision": 1.0, "action": 0.25})
    assert mixed.merge_command("a", "b", "c") == "retain merge a b --alpha vision=1 language=0 action=0.25 -o c"
