import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.policy.vlm.flow_matching import draw_flow, flow_loss

chunks = st.tuples(st.integers(1, 4), st.integers(2, 9), st.integers(1, 5), st.integers(0, 3), st.integers(0, 99))


def draw(chunk, **options):
    count, horizon, channels, padding, seed = chunk
    generator = torch.Generator().manual_seed(seed)
    actions = torch.randn(count, horizon, channels, generator=generator)
    return actions, draw_flow(actions, channels + padding, generator=generator, **options)


@settings(deadline=None)
@given(chunks)
def test_going_along_the_velocity_ends_at_the_action_and_zeros(chunk):
    actions, sample = draw(chunk)
    end = sample.x + (1 - sample.t)[..., None] * sample.velocity
    torch.testing.assert_close(end[..., : actions.shape[-1]], actions, atol=1e-5, rtol=0)
    assert end[..., actions.shape[-1] :].abs().sum() < 1e-4


@settings(deadline=None)
@given(chunks)
def test_without_delays_all_rows_count_and_share_one_time(chunk):
    _, sample = draw(chunk)
    assert torch.equal(sample.weight, torch.ones_like(sample.t))
    assert torch.equal(sample.t, sample.t[:, :1].expand_as(sample.t))


@settings(deadline=None)
@given(chunks)
def test_committed_rows_are_clean_first_and_carry_no_loss(chunk):
    actions, sample = draw(chunk, max_delay=chunk[1] - 1, delay_probability=1.0)
    committed = sample.weight == 0
    assert torch.equal(committed, sample.t == 1)
    assert torch.equal(committed, committed.cummin(1).values)
    width = actions.shape[-1]
    assert torch.equal(sample.x[..., :width][committed], actions[committed])
    wrong = torch.where(committed[..., None], 1e6, 0.0)
    assert flow_loss(sample.velocity + wrong, sample) == 0


@settings(deadline=None)
@given(chunks)
def test_the_loss_is_the_mean_squared_error_of_all_columns(chunk):
    _, sample = draw(chunk)
    guess = torch.zeros_like(sample.velocity)
    expected = torch.nn.functional.mse_loss(guess, sample.velocity)
    torch.testing.assert_close(flow_loss(guess, sample), expected)


def test_rows_beyond_the_episode_carry_no_loss():
    is_pad = torch.tensor([[False, False, True], [False, True, True]])
    sample = draw_flow(torch.zeros(2, 3, 2), 4, is_pad=is_pad, generator=torch.Generator().manual_seed(0))
    wrong = torch.where(is_pad[..., None], 1e6, 1.0)
    torch.testing.assert_close(flow_loss(sample.velocity + wrong, sample), torch.tensor(1.0))


def test_a_batch_without_a_row_that_counts_has_no_loss():
    sample = draw_flow(torch.zeros(1, 2, 2), 2, is_pad=torch.ones(1, 2, dtype=torch.bool))
    assert flow_loss(sample.velocity + 1, sample) == 0


def test_times_follow_the_law_of_pi0():
    """In the sources' time 0.001 + 0.999 Beta(1.5, 1), whose distribution function is u^1.5."""
    sample = draw_flow(torch.zeros(20_000, 1, 1), 1, generator=torch.Generator().manual_seed(0))
    theirs = (1 - sample.t.flatten()).sort().values
    law = ((theirs - 0.001) / 0.999).clamp(min=0) ** 1.5
    empirical = (torch.arange(len(law)) + 0.5) / len(law)
    assert (law - empirical).abs().max() < 0.01
    assert theirs.min() >= 0.001 - 1e-6


def test_delays_are_uniform():
    sample = draw_flow(
        torch.zeros(20_000, 6, 1), 1, max_delay=3, delay_probability=0.5, generator=torch.Generator().manual_seed(0)
    )
    shares = torch.bincount((sample.weight == 0).sum(1).long(), minlength=6) / 20_000
    expected = torch.tensor([0.5 + 0.125, 0.125, 0.125, 0.125, 0, 0])
    torch.testing.assert_close(shares, expected, atol=0.015, rtol=0)
