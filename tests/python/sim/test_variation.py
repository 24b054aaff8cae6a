from typing import Any

import pytest
from retain.errors import SimulationError
from retain.sim import Variation


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"region": (0.1, 0.3, 0.0, 0.1)}, "region .* inside"),
        ({"region": (0.1, 0.0, 0.0, 0.1)}, "region"),
        ({"pad_region": (0.1, 0.0, 0.0, 0.1)}, "pad_region"),
        ({"palette": ("red", "mauve", "blue")}, "unknown colours .'mauve'"),
        ({"palette": ("red", "blue")}, "palette of one more; found 2"),
        ({"distractors": 9}, "distractors is 9; expected 0 to 2"),
        ({"light": -1.0}, "negative"),
    ],
)
def test_variations_that_no_scene_can_have_are_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SimulationError, match=complaint):
        Variation(**fields)
