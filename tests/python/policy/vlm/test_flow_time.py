import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.policy.vlm.flow_time import embed_flow_time


def openpi(time, width, min_period, max_period):
    """create_sinusoidal_pos_embedding of openpi and LeRobot, in float64, of one time per sample."""
    fraction = torch.linspace(0.0, 1.0, width // 2, dtype=torch.float64)
    period = min_period * (max_period / min_period) ** fraction
    angle = (1.0 / period * 2 * math.pi)[None, :] * time[:, None].double()
    return torch.cat([angle.sin(), angle.cos()], dim=1).float()


@settings(deadline=None)
@given(st.floats(0, 1, width=32), st.sampled_from([4, 8, 24, 64, 720, 1024, 2048]))
def test_every_row_is_embedded_as_in_float64(time, width):
    t = torch.tensor([time, 1 - time, 0.5])
    ours = embed_flow_time(t[None], width, 4e-3, 4.0)[0]
    # float32's own rounding of a sine's argument; the fastest make 250 turns, which plain float32 knows to 1e-4 only.
    assert (ours - openpi(t, width, 4e-3, 4.0)).abs().max() <= 1e-6


def test_rows_of_one_chunk_have_times_of_their_own():
    t = torch.rand(2, 5, generator=torch.Generator().manual_seed(0))
    together = embed_flow_time(t, 16, 4e-3, 4.0)
    assert together.shape == (2, 5, 16)
    for sample in range(2):
        for row in range(5):
            assert torch.equal(together[sample, row], embed_flow_time(t[sample, row].view(1, 1), 16, 4e-3, 4.0)[0, 0])


def test_a_graph_of_it_holds_no_table():
    exported = torch.export.export(_Embedding(), (torch.rand(1, 5),))
    constants = list(exported.constants.values())
    assert sum(constant.nbytes for constant in constants) <= 1024


class _Embedding(torch.nn.Module):
    def forward(self, time):
        return embed_flow_time(time, 1024, 4e-3, 4.0)
