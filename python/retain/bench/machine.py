"""What a benchmark ran on: without these facts its figures mean nothing."""

import os
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def machine_facts(packages: tuple[str, ...] = ("numpy",)) -> dict[str, Any]:
    """The machine and its software, as a JSON object.

    Args:
        packages: Distributions whose versions belong beside the figures.

    Returns:
        cpu (model name), cores (usable by this process), memory_gib, kernel, os, python, packages, load_1min at the
        time of the call, and steal_percent: the share of processor time that a hypervisor has taken since boot.
    """
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "os": _os_name(),
        "architecture": platform.machine(),
        "python": sys.version.split()[0],
        "packages": {package: _version(package) for package in packages},
        "load_1min": round(os.getloadavg()[0], 2),
        "steal_percent": _steal_percent(),
    }


def _cpu_model() -> str:
    text = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _steal_percent() -> float:
    stolen, passed = steal_ticks()
    return round(100.0 * stolen / max(passed, 1), 2)


def steal_ticks() -> tuple[int, int]:
    """(taken by a hypervisor, passed) since boot, in clock ticks summed over the cores."""
    # user nice system idle iowait irq softirq steal guest guest_nice; guest times are within user and nice already.
    fields = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return fields[7], sum(fields)
