"""The Python face of the C++ control loop: configuration, fit of bundle and robot, runs and their reports. No torch."""

from retain.runtime.configuration import Realtime, RunConfiguration
from retain.runtime.flight_record import FlightRecord
from retain.runtime.loop import Devices, Run, Status, run_bundle
from retain.runtime.profile import CameraProfile, ChannelProfile, RobotProfile
from retain.runtime.recording import Recording
from retain.runtime.report import RunReport

__all__ = [
    "CameraProfile",
    "ChannelProfile",
    "Devices",
    "FlightRecord",
    "Realtime",
    "Recording",
    "RobotProfile",
    "Run",
    "RunConfiguration",
    "RunReport",
    "Status",
    "run_bundle",
]
