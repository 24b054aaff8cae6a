import json
from pathlib import Path

import pytest
import torch
from retain.policy.pi0 import Pi0Config
from retain.policy.pi0.pi0 import Pi0Network
from retain.policy.pi0.pi05 import Pi05Network

from . import tiny

LISTS = Path(__file__).parents[2] / "merge" / "tensors"
NETWORKS = {"pi0": Pi0Network, "pi05": Pi05Network}


def lerobots(family):
    """Every name and shape of LeRobot's own full-size policy."""
    for template, _, shape, *count in json.loads((LISTS / f"{family}.json").read_text()):
        for number in range(count[0] if count else 1):
            yield template.replace("*", str(number)), tuple(shape)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_at_full_size_every_name_and_shape_is_lerobots(family):
    with torch.device("meta"):
        network = NETWORKS[family](Pi0Config(family), horizon=50)
    assert {f"model.{name}": tuple(tensor.shape) for name, tensor in network.state_dict().items()} == dict(
        lerobots(family)
    )
