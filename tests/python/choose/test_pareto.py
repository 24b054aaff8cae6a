from hypothesis import given
from hypothesis import strategies as st
from retain.choose.pareto import dominates, pareto_front

shares = st.integers(0, 6).map(lambda count: count / 6)  # few values, so that ties happen
points = st.integers(1, 3).flatmap(lambda respects: st.lists(st.tuples(*[shares] * respects), min_size=1, max_size=12))


def test_the_front_of_a_plain_case():
    assert pareto_front([(0.0, 0.9), (0.5, 0.9), (0.6, 0.5), (0.4, 0.4), (0.7, 0.1)]) == [1, 2, 4]


@given(points)
def test_no_point_of_the_front_is_dominated(cloud):
    front = pareto_front(cloud)
    assert front == sorted(front)
    assert not any(dominates(other, cloud[index]) for index in front for other in cloud)


@given(points)
def test_every_other_point_is_dominated_by_one_of_the_front(cloud):
    front = pareto_front(cloud)
    for index in set(range(len(cloud))) - set(front):
        assert any(dominates(cloud[better], cloud[index]) for better in front)


@given(points)
def test_the_best_in_each_respect_is_on_the_front(cloud):
    front = pareto_front(cloud)
    for respect in range(len(cloud[0])):
        assert max(point[respect] for point in cloud) in {cloud[index][respect] for index in front}


@given(points, st.randoms())
def test_the_front_does_not_depend_on_the_order(cloud, random):
    shuffled = random.sample(cloud, len(cloud))
    assert sorted(cloud[index] for index in pareto_front(cloud)) == sorted(
        shuffled[index] for index in pareto_front(shuffled)
    )
