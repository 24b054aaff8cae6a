"""The kernel: can it preempt itself, what clock does it read, who stands below it."""

from retain.doctor.finding import Finding, Status
from retain.doctor.machine import Machine

_FAST_CLOCKS = ("tsc", "arch_sys_counter")
_VIRTUAL_CLOCKS = ("kvm-clock", "hyperv_clocksource_tsc_page", "hyperv_clocksource", "xen")
_MUCH_STEAL_PERCENT = 1.0


def check_kernel(machine: Machine) -> list[Finding]:
    """Whether the kernel is PREEMPT_RT; its version."""
    release = machine.text("/proc/sys/kernel/osrelease")
    version = machine.text("/proc/sys/kernel/version") or ""
    if release is None:
        return [Finding("kernel", Status.ABSENT, "/proc/sys/kernel/osrelease cannot be read")]
    real_time = machine.text("/sys/kernel/realtime") == "1" or "PREEMPT_RT" in version
    model = next((word for word in ("PREEMPT_RT", "PREEMPT_DYNAMIC", "PREEMPT") if word in version.split()), "")
    if real_time:
        return [Finding("kernel", Status.OK, f"{release} PREEMPT_RT", "PREEMPT_RT", realtime=True)]
    mend = (
        "install nvidia-l4t-rt-kernel from NVIDIA's rt-kernel repository (Jetson Linux guide, Real-Time Kernel); reboot"
        if machine.text("/etc/nv_tegra_release")
        else "install your distribution's real-time kernel (Debian: sudo apt install linux-image-rt-amd64); reboot"
    )
    found = f"{release} {model}".strip()
    return [Finding("kernel", Status.WARN, found, "PREEMPT_RT", mend, realtime=True)]


def check_clock(machine: Machine) -> list[Finding]:
    """Whether reading the time costs nanoseconds or microseconds."""
    folder = "/sys/devices/system/clocksource/clocksource0"
    current = machine.text(f"{folder}/current_clocksource")
    if not current:
        return [Finding("clock source", Status.ABSENT, f"{folder} cannot be read")]
    expected = " or ".join(_FAST_CLOCKS)
    if current in _FAST_CLOCKS:
        return [Finding("clock source", Status.OK, current, expected, realtime=True)]
    if current in _VIRTUAL_CLOCKS:
        return [Finding("clock source", Status.OK, f"{current}, a hypervisor's", expected, realtime=True)]
    available = (machine.text(f"{folder}/available_clocksource") or "").split()
    fast = next((name for name in _FAST_CLOCKS if name in available), None)
    mend = (
        f"echo {fast} | sudo tee {folder}/current_clocksource"
        if fast
        else "see why in: sudo dmesg | grep -i -e tsc -e clocksource"
    )
    return [Finding("clock source", Status.WARN, f"{current}, slow to read", expected, mend, realtime=True)]


def check_hypervisor(machine: Machine) -> list[Finding]:
    """Whether somebody else may take the processor away, and how much has been taken since boot."""
    cpuinfo = machine.text("/proc/cpuinfo")
    if cpuinfo is None:
        return [Finding("hypervisor", Status.ABSENT, "/proc/cpuinfo cannot be read")]
    flags = {word for line in cpuinfo.splitlines() if line.startswith("flags") for word in line.split()}
    below = machine.text("/sys/hypervisor/type") or machine.text("/proc/device-tree/hypervisor/compatible")
    if "hypervisor" not in flags and not below:
        return [Finding("hypervisor", Status.OK, "none seen", "none", realtime=True)]
    share = steal_percent(machine)
    took = "steal time not known" if share is None else f"took {share:.2f} % of the processor's time since boot"
    status = Status.BAD if share is not None and share > _MUCH_STEAL_PERCENT else Status.WARN
    return [
        Finding(
            "hypervisor", status, f"{below or 'a virtual machine'}, {took}", "none",
            "run the loop on a computer of its own; no setting in here keeps a core", realtime=True,
        )
    ]  # fmt: skip


def steal_percent(machine: Machine) -> float | None:
    """The share of processor time since boot that a hypervisor has taken, %, or None where it isn't told."""
    first = (machine.text("/proc/stat") or "").partition("\n")[0].split()
    # user nice system idle iowait irq softirq steal guest guest_nice; guest times are within user and nice already.
    if len(first) < 9 or first[0] != "cpu":
        return None
    fields = [int(word) for word in first[1:9]]
    return 100.0 * fields[7] / max(sum(fields), 1)
