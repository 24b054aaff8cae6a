"""USB webcams: the device of each that sends pictures, its lasting name, and whether this user may open it."""

import os
from pathlib import PurePosixPath

from retain.doctor.finding import Finding, Status
from retain.doctor.machine import Machine

_CLASS = "/sys/class/video4linux"


def check_webcams(machine: Machine) -> list[Finding]:
    """Each webcam in one line. RealSense cameras are video devices too, and have lines of their own."""
    what = "webcam"
    lasting = _lasting_names(machine)
    found = []
    for folder in machine.glob(f"{_CLASS}/video*"):
        name = machine.text(f"{folder}/name") or "unnamed"
        # A camera's further nodes send descriptions of its pictures.
        if machine.number(f"{folder}/index") != 0 or "RealSense" in name:
            continue
        node = PurePosixPath(folder).name
        label = f"{name}: {lasting.get(node, f'/dev/{node}')}"
        if machine.may_open(machine.path(f"/dev/{node}")):
            found.append(Finding(what, Status.OK, label, "readable and writable"))
        else:
            mend = 'sudo usermod -aG video "$USER"   # then log in again'
            found.append(
                Finding(what, Status.BAD, f"{label}: this user may not open it", "readable and writable", mend)
            )
    return found or [Finding(what, Status.ABSENT, "no USB webcam")]


def _lasting_names(machine: Machine) -> dict[str, str]:
    # video0 is whoever was plugged in first. Two cameras of one make may share a by-id name, and then only one has it.
    links = [link for link in machine.glob("/dev/v4l/by-id/*") if machine.path(link).is_symlink()]
    return {PurePosixPath(os.readlink(machine.path(link))).name: link for link in links}  # noqa: PTH115 - its text
