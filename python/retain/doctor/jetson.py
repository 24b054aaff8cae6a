"""A Jetson's own switches: power mode, locked clocks, over-current events."""

import re
from pathlib import PurePosixPath

from retain.doctor.finding import Finding, Status
from retain.doctor.machine import Machine

_GPU_CLOCKS = ("*.gpu", "*.ga10b", "*.gv11b", "gpu-*")
"""Names of the GPU's clocks in /sys/class/devfreq: Orin has one, Thor one per part (gpu-gpc-0, gpu-nvd-0)."""


def check_jetson(machine: Machine) -> list[Finding]:
    """Power mode, GPU clocks and over-current events; one line that says so on any other computer."""
    model = machine.text("/proc/device-tree/model") or ""
    if "Jetson" not in model and machine.text("/etc/nv_tegra_release") is None:
        return [Finding("Jetson", Status.ABSENT, "this is not a Jetson")]
    board = Finding("Jetson", Status.OK, model or "L4T")
    return [board, _power_mode(machine), *_gpu_clocks(machine), _over_current(machine)]


def _power_mode(machine: Machine) -> Finding:
    what = "power mode"
    known = dict(re.findall(r"POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)", machine.text("/etc/nvpmodel.conf") or ""))
    mode = _current_mode(machine)
    if mode is None:
        return Finding(what, Status.ABSENT, "neither /var/lib/nvpmodel/status nor `nvpmodel -q` tells it")
    name = known.get(mode, "")
    # The fastest mode is not the one with the lowest or highest number: it is the one without a power budget.
    unbounded = next((number for number, title in known.items() if title.startswith("MAXN")), None)
    found = f"{mode} ({name})" if name else mode
    if unbounded is None:
        listed = ", ".join(f"{number} {title}" for number, title in known.items())
        return Finding(what, Status.OK, found, f"of {listed}" if listed else "", realtime=True)
    expected = f"{unbounded} ({known[unbounded]})"
    if name.startswith("MAXN"):
        return Finding(what, Status.OK, found, expected, realtime=True)
    return Finding(what, Status.WARN, found, expected, f"sudo nvpmodel -m {unbounded}", realtime=True)


def _current_mode(machine: Machine) -> str | None:
    stored = re.search(r"pmode:0*(\d+)", machine.text("/var/lib/nvpmodel/status") or "")
    if stored:
        return stored[1]
    said = re.search(r"^\s*(\d+)\s*$", machine.run(("nvpmodel", "-q")) or "", re.MULTILINE)
    return said[1] if said else None


def _gpu_clocks(machine: Machine) -> list[Finding]:
    what = "GPU clocks"
    folders = sorted({folder for name in _GPU_CLOCKS for folder in machine.glob(f"/sys/class/devfreq/{name}")})
    clocks = {
        PurePosixPath(folder).name: (low, high)
        for folder in folders
        if (low := machine.number(f"{folder}/min_freq")) is not None
        and (high := machine.number(f"{folder}/max_freq")) is not None
    }
    if not clocks:
        return [Finding(what, Status.ABSENT, "no GPU in /sys/class/devfreq")]
    found = ", ".join(f"{name} {low / 1e6:.0f} to {high / 1e6:.0f} MHz" for name, (low, high) in clocks.items())
    if all(low == high for low, high in clocks.values()):
        fixed = ", ".join(f"{name} fixed at {high / 1e6:.0f} MHz" for name, (_, high) in clocks.items())
        return [Finding(what, Status.OK, fixed, "fixed", realtime=True)]
    # Left to itself the GPU slows down between two inferences and is slow for the next one.
    return [Finding(what, Status.WARN, found, "fixed at the highest", "sudo jetson_clocks", realtime=True)]


def _over_current(machine: Machine) -> Finding:
    what = "over-current"
    counts = {
        PurePosixPath(path).name.removesuffix("_event_cnt"): count
        for path in machine.glob("/sys/class/hwmon/hwmon*/oc*_event_cnt")
        if (count := machine.number(path)) is not None
    }
    if not counts:
        return Finding(what, Status.ABSENT, "no oc*_event_cnt in /sys/class/hwmon")
    found = ", ".join(f"{name} {count}" for name, count in counts.items()) + " events since boot"
    if not any(counts.values()):
        return Finding(what, Status.OK, found, "none", realtime=True)
    mend = "a stronger power supply, or a power mode with a budget (sudo nvpmodel -m ID)"
    return Finding(what, Status.WARN, f"{found}: the board slowed itself down", "none", mend, realtime=True)
