"""The Python face of the C++ control loop: configuration, fit of bundle and robot, runs and their reports. No torch."""

from retain.runtime.communication import CommunicationReport, check_communication
from retain.runtime.configuration import STRATEGIES, Realtime, RunConfiguration, Strategy, Workspace
from retain.runtime.contract import check_camera, check_robot
from retain.runtime.flight_record import FlightRecord
from retain.runtime.loop import Answer, Devices, Operator, Run, Status, run_bundle
from retain.runtime.profile import CameraProfile, ChannelProfile, RobotProfile
from retain.runtime.python_devices import (
    PythonCamera,
    PythonCameras,
    PythonDevices,
    PythonRobot,
    open_python_cameras,
    open_python_devices,
)
from retain.runtime.recording import Recording
from retain.runtime.report import RunReport
from retain.runtime.script import run_script
from retain.runtime.virtual import World, simulate_bundle

__all__ = [
    "STRATEGIES",
    "Answer",
    "CameraProfile",
    "ChannelProfile",
    "CommunicationReport",
    "Devices",
    "FlightRecord",
    "Operator",
    "PythonCamera",
    "PythonCameras",
    "PythonDevices",
    "PythonRobot",
    "Realtime",
    "Recording",
    "RobotProfile",
    "Run",
    "RunConfiguration",
    "RunReport",
    "Status",
    "Strategy",
    "Workspace",
    "World",
    "check_camera",
    "check_communication",
    "check_robot",
    "open_python_cameras",
    "open_python_devices",
    "run_bundle",
    "run_script",
    "simulate_bundle",
]
