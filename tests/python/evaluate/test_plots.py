import struct
from types import SimpleNamespace

import numpy as np
import pytest
from retain.errors import EvaluationError
from retain.evaluate.plots import plot_commands, plot_film_strip, plot_main_table
from retain.evaluate.result import EvaluationResult, PolicyOutcomes
from retain.evaluate.rollout import Outcome

pytest.importorskip("matplotlib")

SUITES = ("id", "ood-val", "generalist")


def size_px(path):
    """Width and height from a PNG's header; a picture of one colour compresses to next to nothing."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(data) > 10_000
    return struct.unpack(">II", data[16:24])


def outcomes(counts):
    cells = {s: {i: Outcome(i, "", i < c, 9) for i in range(20)} for s, c in zip(SUITES, counts, strict=True)}
    return PolicyOutcomes("", cells)


def test_the_main_table_grows_with_policies_and_suites(tmp_path):
    policies = {"base": outcomes((0, 0, 19)), "merged": outcomes((14, 12, 19))}
    result = EvaluationResult("reach the red block", 0, policies)
    small = size_px(plot_main_table(result, tmp_path / "two.png"))
    policies["finetuned"] = outcomes((20, 8, 12))
    large = size_px(plot_main_table(result, tmp_path / "three.png"))
    assert large[0] == small[0]
    assert large[1] > small[1]


def test_a_film_strip_shows_the_first_and_the_last_frame(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (12, 32, 32, 3), dtype=np.uint8)
    wide = size_px(plot_film_strip(frames, np.arange(12) / 10, tmp_path / "a.png", title="lift", count=8))
    few = size_px(plot_film_strip(frames[:3], [0.0, 0.1, 0.2], tmp_path / "b.png", title="lift", count=8))
    assert wide[0] > 2 * few[0]
    with pytest.raises(EvaluationError, match="found float64"):
        plot_film_strip(frames / 255, np.arange(12), tmp_path / "c.png", title="lift")


@pytest.mark.parametrize("limits", [{}, {"elbow": 2.0}])
def test_commands_are_drawn_with_gaps_where_no_chunk_played(tmp_path, limits):
    time_s = np.arange(0, 1, 0.002)
    planned = np.stack([np.sin(3 * time_s), (time_s > 0.5).astype(float)], axis=1)
    planned[:50] = np.nan
    sent = np.nan_to_num(planned) * 0.9
    log = SimpleNamespace(
        channels=("elbow", "suction"),
        time_s=time_s,
        chunk=np.where(time_s < 0.1, 0, 1 + time_s // 0.4).astype(np.uint64),
        policy=planned,
        planned=planned,
        sent=sent,
    )
    path = plot_commands(log, tmp_path / "commands.png", velocity_limits=limits)
    width, height = size_px(path)
    assert width == 1440
    assert height == pytest.approx(150 * (1.1 + 1.05 * (2 + bool(limits))), abs=1)
