import os
import subprocess
import sys


def _run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | environment,
    )


def test_skills_and_suites_need_no_simulator_and_the_rest_names_the_extra() -> None:
    result = _run(
        "import sys; sys.modules['mujoco'] = None\n"
        "from retain.sim import DEMO_SKILL, LIMITS, episodes, parse_instruction\n"
        "episodes('ood-combined', DEMO_SKILL, 3, 0)\n"
        "from retain.errors import MissingExtraError\n"
        "try:\n    from retain.sim import Tabletop\n"
        "except MissingExtraError as error:\n    print(error)"
    )
    assert result.stdout == "mujoco is not installed; run: pip install 'retain-vla[sim]'\n", result.stderr


def test_a_wrong_mujoco_gl_is_one_sentence() -> None:
    result = _run(
        "from retain.errors import SimulationError\n"
        "try:\n    from retain.sim import Tabletop\n"
        "except SimulationError as error:\n    print(error)",
        MUJOCO_GL="crayons",
    )
    assert result.stdout.startswith("MuJoCo cannot be imported with MUJOCO_GL='crayons'"), result.stderr
    assert "unset MUJOCO_GL" in result.stdout
