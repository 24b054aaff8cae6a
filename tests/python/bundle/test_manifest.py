import json
from pathlib import Path
from typing import Any

import pytest
from retain.bundle import MANIFEST_FILE, Manifest
from retain.errors import BundleError


@pytest.fixture
def document(exported: Path) -> dict[str, Any]:
    return json.loads((exported / MANIFEST_FILE).read_text())


def read(document: dict[str, Any]) -> Manifest:
    return Manifest.from_json(json.dumps(document), "manifest.json")


def test_a_manifest_survives_the_round_trip(exported: Path) -> None:
    text = (exported / MANIFEST_FILE).read_text()
    assert Manifest.from_json(text, "manifest.json").to_json() == text


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("schema_version",), 2, "schema_version"),
        (("action", "dt_s"), 0, "action.dt_s"),
        (("action", "n_action_steps"), 9, "n_action_steps 9 exceeds the horizon 8"),
        (("max_trained_delay",), 8, "max_trained_delay 8"),
        (("normalization", "state", "scale"), [1.0, 1.0], "normalization.state"),
        (("normalization", "action", "scale"), [1.0, 0.0, 1.0], "normalization.action.scale.1"),
        (("normalization", "action", "offset"), [1.0, float("nan"), 1.0], "normalization.action.offset.1"),
        (("observation", "cameras"), "front", "observation.cameras"),
        (("flow", "noise"), "uniform", "flow.noise"),
        (("limits",), [{"velocity": 1.0}], "limits has 1 entries for 3 action channels"),
        (("unknown",), 1, "unknown"),
    ],
)
def test_a_wrong_field_is_named(document: dict[str, Any], path: tuple[str, ...], value: Any, named: str) -> None:
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(BundleError, match="not a manifest of schema version 1") as error:
        read(document)
    assert named in str(error.value)


def test_a_delta_channel_needs_a_measured_twin(document: dict[str, Any]) -> None:
    document["action"]["channels"][0]["name"] = "gripper"
    with pytest.raises(BundleError, match="gripper"):
        read(document)


def test_a_manifest_cannot_name_files_outside_its_bundle(document: dict[str, Any]) -> None:
    document["files"]["../secrets"] = document["files"]["golden.safetensors"]
    with pytest.raises(BundleError, match="outside the bundle"):
        read(document)


def test_limits_must_leave_room(document: dict[str, Any]) -> None:
    document["limits"] = [{"position_min": 1.0, "position_max": -1.0}, {}, {}]
    with pytest.raises(BundleError, match="not below"):
        read(document)
