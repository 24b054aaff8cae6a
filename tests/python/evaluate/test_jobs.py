from hypothesis import given
from hypothesis import strategies as st
from retain.evaluate.jobs import MOST_EPISODES, Job, cut
from retain.evaluate.source import ExpertSource

SIZES = st.lists(st.integers(0, 400), max_size=6)
WORKERS = st.integers(1, 64)


def jobs(sizes):
    return [Job(str(at), "id", ExpertSource(), tuple((n, n) for n in range(size))) for at, size in enumerate(sizes)]


@given(SIZES, WORKERS)
def test_the_pieces_are_the_jobs_in_their_order(sizes, workers):
    pieces = cut(jobs(sizes), workers)
    for job in jobs(sizes):
        together = [episode for piece in pieces if piece.policy == job.policy for episode in piece.episodes]
        assert tuple(together) == job.episodes
    assert [int(piece.policy) for piece in pieces] == sorted(int(piece.policy) for piece in pieces)


@given(SIZES, WORKERS)
def test_a_piece_is_neither_empty_nor_more_than_is_well_lost(sizes, workers):
    assert all(1 <= len(piece.episodes) <= MOST_EPISODES for piece in cut(jobs(sizes), workers))


@given(st.integers(1, 400), WORKERS)
def test_the_episodes_of_one_suite_are_spread_evenly_over_the_workers(size, workers):
    lengths = [len(piece.episodes) for piece in cut(jobs([size]), workers)]
    assert max(lengths) - min(lengths) <= 1
    busiest = sum(sorted(lengths, reverse=True)[: -(-len(lengths) // workers)])
    assert busiest < size / workers + MOST_EPISODES


def test_two_workers_share_a_suite_of_120_as_four_pieces_of_30():
    assert [len(piece.episodes) for piece in cut(jobs([120]), 2)] == [30, 30, 30, 30]
