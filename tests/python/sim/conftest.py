from collections.abc import Iterator

import pytest
from retain.sim import Tabletop


@pytest.fixture(scope="session")
def sim() -> Iterator[Tabletop]:
    """One simulation for all tests; every test resets it."""
    sim = Tabletop()
    yield sim
    sim.close()
