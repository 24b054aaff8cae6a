"""Run this first: does the arm answer in time, do frames come, how old is what they say? Nothing moves.

python examples/communication_test.py                            # the arm of 01_robot.py
python examples/communication_test.py my_devices.py --rate 500   # yours: the file has a function open_devices()

The arm is told all the time to stay where it stood at the start. Exit code 0: fine, 1: something is too old or missing,
2: the check could not run.
"""

import argparse
import json
import runpy
import sys
from pathlib import Path

from retain.errors import ConfigError, RetainError
from retain.runtime import CommunicationReport, Devices, Realtime, RunConfiguration, check_communication
from retain.runtime.communication import communication_rows


def open_devices(file: Path) -> Devices:
    """The file's own devices."""
    try:
        opened = runpy.run_path(str(file))["open_devices"]()
    except (OSError, KeyError) as error:
        raise ConfigError(f"{file} has no function open_devices() that returns retain.runtime.Devices") from error
    if not isinstance(opened, Devices):
        raise ConfigError(f"open_devices() of {file} returned {type(opened).__name__}, not retain.runtime.Devices")
    return opened


def problems(report: CommunicationReport) -> list[str]:
    """Whatever would stop a run with the default configuration."""
    defaults = RunConfiguration()
    found = []
    if report.state_age.max_s > defaults.state_timeout_s:
        found.append(f"a state was {report.state_age.max_s:.3f} s old; a run ends beyond {defaults.state_timeout_s} s")
    if report.commands < report.ticks:
        found.append(f"the robot took {report.commands} of {report.ticks} commands")
    for camera in report.cameras:
        if camera.frames == 0:
            found.append(f"camera {camera.role} delivered nothing")
        elif camera.age.p99_s > defaults.max_frame_age_s:
            found.append(
                f"frames of camera {camera.role} were {camera.age.p99_s:.3f} s old (p99);"
                f" a policy is not shown frames beyond {defaults.max_frame_age_s} s"
            )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", default=Path(__file__).with_name("01_robot.py"))
    parser.add_argument("--rate", type=float, default=500.0, metavar="HZ", help="ticks per second (default: 500)")
    parser.add_argument("--duration", type=float, default=10.0, metavar="S", help="of the check (default: 10)")
    parser.add_argument("--priority", type=int, default=80, help="SCHED_FIFO priority; 0: none (default: 80)")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    arguments = parser.parse_args()
    realtime = Realtime(priority=arguments.priority or None)
    try:
        devices = open_devices(arguments.file)
        try:
            report = check_communication(
                devices, rate_hz=arguments.rate, duration_s=arguments.duration, realtime=realtime
            )
        finally:
            devices.close()
    except RetainError as error:
        print(error, file=sys.stderr)
        return 2
    found = problems(report)
    if arguments.json:
        print(json.dumps({**report.to_json(), "problems": found}))
    else:
        for what, value in communication_rows(report):
            print(f"{what:20} {value}")
        print("\n".join(found) or "fine")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
