import pytest

from ..evaluate.conftest import tiny_policy  # noqa: TID252


@pytest.fixture(scope="session")
def ends(tmp_path_factory):
    """Two random policies that can be merged: directories of the base and of the finetuned one."""
    from retain.policy import save_policy

    folder = tmp_path_factory.mktemp("ends")
    for seed, name in enumerate(("base", "finetuned")):
        save_policy(tiny_policy(seed), folder / name)
    return folder / "base", folder / "finetuned"
