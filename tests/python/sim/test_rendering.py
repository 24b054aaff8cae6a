import subprocess
import sys

import numpy as np
import pytest
from retain.errors import SimulationError
from retain.sim import COLORS, Skill, Tabletop, Variation, rendering


@pytest.mark.parametrize("color", COLORS)
def test_the_target_can_be_seen_in_the_policys_picture(sim: Tabletop, color: str) -> None:
    sim.reset(Skill("lift", color), Variation(), 2)
    with_block = sim.image().astype(int)
    sim.model.geom("block_0").rgba[3] = 0
    without = sim.image().astype(int)
    pixels = (np.abs(with_block - without).sum(-1) > 30).sum()
    assert with_block.shape == (64, 64, 3)
    assert pixels >= 25


def test_sizes_live_side_by_side(sim: Tabletop) -> None:
    sim.reset(Skill("lift", "red"), Variation(), 2)
    small = sim.image()
    assert sim.image(256).shape == (256, 256, 3)
    assert np.array_equal(sim.image(), small)


def test_without_any_backend_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(rendering, "_BACKENDS", {"egl": "libno-such.so", "osmesa": "libno-such.so"})
    with pytest.raises(SimulationError, match="apt-get install libegl1"):
        rendering.backend()


def test_a_program_that_forgets_to_close_ends_quietly() -> None:
    program = (
        "from retain.sim import *; sim = Tabletop();"
        "sim.reset(DEMO_SKILL, PRETRAINING_VARIATION, 0); print(sim.image().mean() > 0)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert result.stdout == "True\n"
    assert result.stderr == ""
