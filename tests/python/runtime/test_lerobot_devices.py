"""`StandIn` has exactly the interface of `lerobot.robots.Robot` that is used; no LeRobot and no motor is involved."""

from typing import Any

import numpy as np
import pytest
from retain.errors import DeviceError
from retain.runtime import ChannelProfile, RunConfiguration, Status, open_python_devices, run_script
from retain.runtime.lerobot_devices import RAD_PER_DEGREE, LeRobotChannel, lerobot_robot


class StandIn:
    """Two motors in degrees and a camera, as an SO-100 follower tells it."""

    name = "stand_in"

    def __init__(self) -> None:
        self.position = {"shoulder_pan.pos": 10.0, "gripper.pos": 50.0}
        self.connected_with: list[bool] = []
        self.sent: list[dict[str, Any]] = []
        self.frame = np.zeros((48, 64, 3), np.uint8)

    @property
    def observation_features(self) -> dict[str, Any]:
        return {"shoulder_pan.pos": float, "gripper.pos": float, "front": (48, 64, 3)}

    @property
    def action_features(self) -> dict[str, Any]:
        return {"shoulder_pan.pos": float, "gripper.pos": float}

    def connect(self, calibrate: bool = True) -> None:
        self.connected_with.append(calibrate)

    def get_observation(self) -> dict[str, Any]:
        return {"front": self.frame, **self.position}

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        self.sent.append(action)
        self.position = dict(action)
        self.frame = self.frame + 1
        return action

    def disconnect(self) -> None:
        self.connected_with.append(False)


def channels() -> list[LeRobotChannel]:
    """The gripper's 0 to 100 as an opening of 0 to 1, in another order than the robot's own."""
    gripper = ChannelProfile(
        "gripper", "1", "linear", 0.0, 1.0, velocity=2.0, acceleration=20.0, jerk=400.0, following_error=1.0
    )
    pan = ChannelProfile(
        "pan", "rad", "linear", -2.0, 2.0, velocity=1.5, acceleration=20.0, jerk=400.0, following_error=1.0
    )
    return [LeRobotChannel("gripper.pos", gripper, scale=0.01), LeRobotChannel("shoulder_pan.pos", pan)]


def test_a_lerobot_robot_is_driven_by_key_and_in_its_own_units(patient: RunConfiguration) -> None:
    robot = StandIn()
    arm, cameras = lerobot_robot(robot, channels(), rate_hz=50.0)
    assert [(camera.role, camera.height, camera.width) for camera in cameras] == [("front", 48, 64)]
    start, end = np.array([0.5, 10.0 * RAD_PER_DEGREE]), np.array([0.8, 20.0 * RAD_PER_DEGREE])
    # It stands at the end for half a second: rows that turn back at once are rounded by the limits, short of the end.
    rows = np.concatenate([np.linspace(start, end, 9)[1:], np.tile(end, (5, 1))])
    configuration = patient.model_copy(update={"strategy": "sync", "duration_s": 60.0})

    def arrived(_: Status) -> bool:
        return abs(robot.position["gripper.pos"] - 80.0) < 0.5 and abs(robot.position["shoulder_pan.pos"] - 20.0) < 0.5

    with open_python_devices(arm, cameras) as devices:
        run = run_script(devices, rows, 0.1, configuration=configuration, watch=arrived)
    assert run.report.success is True
    assert np.abs(run.record.measured[0] - start).max() < 1e-9
    assert all(action.keys() == robot.action_features.keys() for action in robot.sent)
    assert robot.connected_with == [False, False]  # never asks questions while connecting; disconnected once


def test_the_same_array_again_is_no_new_frame() -> None:
    robot = StandIn()
    arm, (camera,) = lerobot_robot(robot, channels())
    arm.read()
    assert camera.read() is not None
    arm.read()
    assert camera.read() is None


def test_keys_that_are_not_the_robots_are_refused_with_both_sides() -> None:
    with pytest.raises(
        DeviceError, match=r"\['gripper.pos', 'shoulder_pan.pos'\] and the channels given are \['gripper.pos'\]"
    ):
        lerobot_robot(StandIn(), channels()[:1])
