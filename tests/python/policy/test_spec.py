import subprocess
import sys
from dataclasses import replace

import pytest
from retain.errors import PolicyError
from retain.policy import ActionChannel, Affine, FlowSpec


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_action_steps": 9}, "n_action_steps is 9"),
        ({"max_trained_delay": 8}, "max_trained_delay is 8"),
        ({"flow": None}, "max_trained_delay is 3, expected 0: compact regresses its chunk"),
        ({"dt_s": 0.0}, "dt_s"),
        ({"flow": FlowSpec(steps=0)}, "the flow has 0 steps"),
        ({"action": (ActionChannel("wrist", "rad", "delta", "linear"),) * 3}, "not unique"),
        ({"state": ()}, "0 state channels but statistics of 3"),
    ],
)
def test_parts_that_do_not_fit_are_refused(spec, change, message):
    with pytest.raises(PolicyError, match=message):
        replace(spec, **change)


def test_a_relative_channel_must_be_measured(spec):
    channels = (ActionChannel("wrist", "rad", "delta", "linear"), *spec.action[1:])
    with pytest.raises(PolicyError, match="action wrist is relative"):
        replace(spec, action=channels)


@pytest.mark.parametrize(("offset", "scale"), [((0.0,), (0.0,)), ((float("nan"),), (1.0,)), ((0.0, 0.0), (1.0,))])
def test_impossible_statistics_are_refused(offset, scale):
    with pytest.raises(PolicyError):
        Affine(offset, scale)


def test_the_specification_does_not_import_torch():
    code = "import sys, retain.policy.spec, retain.policy.configuration_file; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
