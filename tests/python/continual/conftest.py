"""A tiny base that sees the tabletop, and two episodes of demonstrations for each of some skills."""

import pytest

SKILLS = ("reach the red block", "reach the green block", "reach the blue block")


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    pytest.importorskip("torch")
    from retain.policy import save_policy

    from ..evaluate.conftest import tiny_policy  # noqa: TID252 (tests are no package that could be named)

    path = tmp_path_factory.mktemp("policies") / "base"
    save_policy(tiny_policy(), path)
    return path


@pytest.fixture(scope="session")
def demonstrations(tmp_path_factory):
    """Skill → dataset."""
    pytest.importorskip("mujoco")
    from retain.cli.main import main

    folder = tmp_path_factory.mktemp("demonstrations")
    made = {}
    for skill in SKILLS:
        made[skill] = folder / skill.replace(" ", "-")
        assert main(["record", "--skill", skill, "--episodes", "2", "-o", str(made[skill])]) == 0
    return made


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Before any fixture trains: more threads would round differently."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
