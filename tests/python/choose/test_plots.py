import struct

import pytest
from retain.choose import Candidate, choose
from retain.choose.plots import plot_alpha_curve, plot_pareto, plot_proxies
from retain.choose.sweep import Sweep
from retain.errors import EvaluationError
from retain.evaluate.plots import style

from .sweeps import made_up, proxies

pytest.importorskip("matplotlib")

CELLS = {0.0: (0, 95, 0), 0.5: (60, 95, 70), 1.0: (40, 60, 100)}


def size_px(path):
    """Width and height from a PNG's header."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(data) > 10_000
    return struct.unpack(">II", data[16:24])


@pytest.fixture
def said(monkeypatch):
    """Titles and subtitles, as they are drawn."""
    found = []
    titled = style.titled
    monkeypatch.setattr(style, "titled", lambda made, *words: (found.append(words), titled(made, *words)))
    return found


def test_the_curve_over_alpha_leaves_out_components_and_says_its_finding(tmp_path, said):
    swept = made_up(CELLS | {(("vision", 0.0), ("language", 1.0), ("action", 0.0)): (3, 90, 3)})
    path = plot_alpha_curve(swept, tmp_path / "curve.png", choose(swept).candidate)
    assert size_px(path) == (1350, 720)
    title, subtitle = said[0]
    assert title.startswith("α = 0.5 solves 60 % of the validation episodes")
    assert title.endswith("the finetuned policy 40 %, the base 0 %; on old tasks 95 %, 60 % and 95 %")
    assert "100 episodes per point" in subtitle


def test_a_curve_needs_two_points(tmp_path):
    swept = made_up(CELLS)
    with pytest.raises(EvaluationError, match="at least two"):
        plot_alpha_curve(Sweep(swept.candidates[2:], swept.result), tmp_path / "curve.png")
    assert not (tmp_path / "curve.png").exists()


def test_the_front_is_drawn_with_the_choice_and_what_it_gives_up(tmp_path, said):
    swept = made_up(CELLS)
    assert size_px(plot_pareto(swept, tmp_path / "pareto.png", choose(swept)))[0] == 1440
    new, old = said[0][0].split("), ")
    assert new == "α = 0.5: 60 % of the moved blocks (finetuned 40 %"
    assert old == "95 % of the old tasks (finetuned 60 %, base 95 %)"


@pytest.mark.parametrize("cells", [{0.0: (0, 95), 1.0: (0, 95)}, {0.0: (50, 95), 1.0: (0, 0)}])
def test_the_front_is_drawn_when_nothing_lies_between_the_ends(tmp_path, cells):
    swept = made_up(cells)
    assert size_px(plot_pareto(swept, tmp_path / "pareto.png", choose(swept)))


@pytest.mark.parametrize(
    ("alphas", "finding"),
    [
        ((0.0, 0.5, 1.0), "α = 0.5 keeps 90 % of what finetuning gained"),
        ((0.0, {"language": 1.0, "vision": 0.5}, 1.0), "vision=0.5 language=1 action=0 keeps 90 %"),
    ],
)
def test_proxies_are_curves_over_alpha_or_dots_by_component(tmp_path, said, alphas, finding):
    for chosen in (alphas[1], 1.0):
        path = plot_proxies(proxies(alphas), tmp_path / "proxies.png", Candidate.of(chosen))
        assert size_px(path)[0] == 1350
        title, _ = said[-1]
        assert title.startswith(finding)
        assert title.endswith("moves actions on old observations 50 % as far")
