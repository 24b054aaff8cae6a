"""Serial ports of servo buses: there, allowed, and not holding bytes back."""

import grp
import os
from pathlib import PurePosixPath

from retain.doctor.finding import Finding, Status
from retain.doctor.machine import Machine

_PATTERNS = ("/dev/ttyACM*", "/dev/ttyUSB*")
_LATENCY_MS = 1


def check_serial_ports(machine: Machine) -> list[Finding]:
    """Each port with its lasting name; an FTDI adapter also with its latency timer."""
    ports = [port for pattern in _PATTERNS for port in machine.glob(pattern)]
    if not ports:
        return [Finding("serial port", Status.ABSENT, "no /dev/ttyACM* and no /dev/ttyUSB*")]
    names = _lasting_names(machine)
    return [finding for port in ports for finding in _check(machine, port, names.get(PurePosixPath(port).name, ""))]


def _check(machine: Machine, port: str, name: str) -> list[Finding]:
    found = f"{port} = {name}" if name else f"{port}, without a name in /dev/serial/by-id"
    if machine.may_open(machine.path(port)):
        lines = [Finding("serial port", Status.OK, found, "readable and writable")]
    else:
        group = _group(machine, port)
        mend = f'sudo usermod -aG {group} "$USER"   # then log in again'
        refused = f"{found}: this user may not open it (group {group})"
        lines = [Finding("serial port", Status.BAD, refused, "readable and writable", mend)]
    # Only FTDI's driver has this file. A read waits that long for more bytes: every answer of a servo comes so late.
    timer = f"/sys/bus/usb-serial/devices/{PurePosixPath(port).name}/latency_timer"
    latency = machine.number(timer)
    if latency is not None:
        expected = f"{_LATENCY_MS} ms"
        if latency <= _LATENCY_MS:
            lines.append(Finding("latency timer", Status.OK, f"{latency} ms on {port}", expected))
        else:
            mend = f"echo {_LATENCY_MS} | sudo tee {timer}"
            lines.append(Finding("latency timer", Status.WARN, f"{latency} ms on {port}", expected, mend))
    return lines


def _lasting_names(machine: Machine) -> dict[str, str]:
    # ttyUSB0 is whoever was plugged in first; the link's name has the maker and serial number in it.
    names: dict[str, str] = {}
    for link in machine.glob("/dev/serial/by-id/*"):
        path = machine.path(link)
        if path.is_symlink():
            names[PurePosixPath(os.readlink(path)).name] = link  # noqa: PTH115 - the link's text, not where it leads
    return names


def _group(machine: Machine, port: str) -> str:
    try:
        return grp.getgrgid(machine.path(port).stat().st_gid).gr_name
    except (KeyError, OSError):
        return "dialout"
