"""The Python face of the C++ control loop: configuration, fit of bundle and robot, runs and their reports. No torch."""

from retain.runtime.configuration import STRATEGIES, Realtime, RunConfiguration, Strategy, Workspace
from retain.runtime.flight_record import FlightRecord
from retain.runtime.loop import Devices, Run, Status, run_bundle
from retain.runtime.profile import CameraProfile, ChannelProfile, RobotProfile
from retain.runtime.report import RunReport
from retain.runtime.virtual import World, simulate_bundle

__all__ = [
    "STRATEGIES",
    "CameraProfile",
    "ChannelProfile",
    "Devices",
    "FlightRecord",
    "Realtime",
    "RobotProfile",
    "Run",
    "RunConfiguration",
    "RunReport",
    "Status",
    "Strategy",
    "Workspace",
    "World",
    "run_bundle",
    "simulate_bundle",
]
