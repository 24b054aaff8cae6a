"""What this process may ask of the kernel for the tick: SCHED_FIFO, locked memory, cores that stay awake."""

import re

from retain.doctor.finding import Finding, Status
from retain.doctor.machine import Machine

TICK_PRIORITY = 80
"""Of `retain run`, by default."""

_CAP_IPC_LOCK = 14
_CAP_SYS_NICE = 23
_LIMITS = "/etc/security/limits.d/99-realtime.conf"


def check_permissions(machine: Machine) -> list[Finding]:
    """Real-time priority, locked memory, the kernel's bound on real-time threads, and cores that may be kept awake."""
    return [_priority(machine), _locked_memory(machine), _throttle(machine), _awake_cores(machine)]


def _priority(machine: Machine) -> Finding:
    what, expected = "real-time priority", f"{TICK_PRIORITY} or more"
    if _capable(machine, _CAP_SYS_NICE):
        return Finding(what, Status.OK, "any (CAP_SYS_NICE)", expected, realtime=True)
    limit = _soft_limit(machine, "Max realtime priority")
    if limit is None:
        return Finding(what, Status.ABSENT, "/proc/self/limits cannot be read")
    if limit == "unlimited" or int(limit) >= TICK_PRIORITY:
        return Finding(what, Status.OK, limit, expected, realtime=True)
    mend = f'echo "$USER - rtprio 99" | sudo tee -a {_LIMITS}   # then log in again'
    return Finding(what, Status.BAD, limit, expected, mend, realtime=True)


def _locked_memory(machine: Machine) -> Finding:
    what, expected = "locked memory", "unlimited"
    if _capable(machine, _CAP_IPC_LOCK):
        return Finding(what, Status.OK, "any (CAP_IPC_LOCK)", expected, realtime=True)
    limit = _soft_limit(machine, "Max locked memory")
    if limit is None:
        return Finding(what, Status.ABSENT, "/proc/self/limits cannot be read")
    if limit == "unlimited":
        return Finding(what, Status.OK, limit, expected, realtime=True)
    mend = f'echo "$USER - memlock unlimited" | sudo tee -a {_LIMITS}   # then log in again'
    return Finding(what, Status.BAD, f"{int(limit) // 1024} KiB", expected, mend, realtime=True)


def _throttle(machine: Machine) -> Finding:
    what = "real-time share"
    runtime = machine.number("/proc/sys/kernel/sched_rt_runtime_us")
    period = machine.number("/proc/sys/kernel/sched_rt_period_us")
    if runtime is None or period is None:
        return Finding(what, Status.ABSENT, "/proc/sys/kernel/sched_rt_runtime_us cannot be read")
    if runtime == 0:
        mend = "sudo sysctl -w kernel.sched_rt_runtime_us=950000"
        return Finding(what, Status.BAD, "0 %: no real-time thread may run", "95 %", mend, realtime=True)
    share = "no bound" if runtime < 0 else f"{100 * runtime / max(period, 1):.0f} %"
    # The tick uses a few percent of its core: the bound costs nothing and protects the machine from a thread gone wild.
    return Finding(what, Status.OK, share, "95 % or no bound", realtime=True)


def _awake_cores(machine: Machine) -> Finding:
    what, file, expected = "awake cores", "/dev/cpu_dma_latency", "may be asked for"
    if not machine.path(file).exists():
        return Finding(what, Status.ABSENT, f"no {file}")
    if machine.may_open(machine.path(file)):
        return Finding(what, Status.OK, f"{file} may be written", expected, realtime=True)
    # Without it a core sleeps between two ticks, and waking takes as long as its idle state says.
    rule = 'KERNEL=="cpu_dma_latency", MODE="0666"'
    mend = f"echo '{rule}' | sudo tee /etc/udev/rules.d/99-cpu-dma-latency.rules && sudo udevadm trigger"
    return Finding(what, Status.WARN, f"this user may not write {file}", expected, mend, realtime=True)


def _capable(machine: Machine, capability: int) -> bool:
    found = re.search(r"^CapEff:\s*([0-9a-fA-F]+)", machine.text("/proc/self/status") or "", re.MULTILINE)
    return found is not None and bool(int(found[1], 16) >> capability & 1)


def _soft_limit(machine: Machine, name: str) -> str | None:
    pattern = rf"^{name}\s+(\d+|unlimited)\s"
    found = re.search(pattern, machine.text("/proc/self/limits") or "", re.MULTILINE)
    return found[1] if found else None
