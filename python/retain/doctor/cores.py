"""The cores: how fast they run, how deep they sleep, which are kept free for the tick."""

from pathlib import PurePosixPath

from retain.doctor.finding import Finding, Status
from retain.doctor.machine import Machine

_CPU = "/sys/devices/system/cpu"
_SHALLOW_US = 10
"""Sleep states whose exit takes no longer are left alone."""


def check_governor(machine: Machine) -> list[Finding]:
    """The frequency governor of every core."""
    what = "CPU governor"
    governors = {
        PurePosixPath(path).parts[-3]: machine.text(path) or "?"
        for path in machine.glob(f"{_CPU}/cpu[0-9]*/cpufreq/scaling_governor")
    }
    if not governors:
        return [Finding(what, Status.ABSENT, f"no cpufreq in {_CPU}: the frequency is not set in here")]
    kinds = sorted(set(governors.values()))
    slow = [core for core, governor in governors.items() if governor != "performance"]
    found = kinds[0] if len(kinds) == 1 else ", ".join(f"{core} {kind}" for core, kind in governors.items())
    if not slow:
        return [Finding(what, Status.OK, f"{found} on {len(governors)} cores", "performance", realtime=True)]
    mend = f"echo performance | sudo tee {_CPU}/cpu*/cpufreq/scaling_governor"
    return [Finding(what, Status.WARN, found, "performance on every core", mend, realtime=True)]


def check_isolation(machine: Machine) -> list[Finding]:
    """Cores that the kernel leaves to whoever asks for them by name."""
    cmdline = machine.cmdline()
    isolated = machine.text(f"{_CPU}/isolated") or ""
    free_of_ticks = machine.text(f"{_CPU}/nohz_full") or ""
    lists = {
        "isolated": isolated if isolated != "(null)" else "",
        "nohz_full": free_of_ticks if free_of_ticks != "(null)" else "",
        "rcu_nocbs": cmdline.get("rcu_nocbs", ""),
    }
    present = machine.text(f"{_CPU}/present")
    if present is None:
        return [Finding("isolated core", Status.ABSENT, f"{_CPU} cannot be read")]
    last = present.replace("-", ",").split(",")[-1]
    if last == "0":
        return [Finding("isolated core", Status.WARN, "one core only", "a core for the tick alone", realtime=True)]
    missing = [name for name, cores in lists.items() if not cores]
    found = ", ".join(f"{name} {cores or 'none'}" for name, cores in lists.items())
    expected = "one core in all three, given to the tick"
    if not missing:
        return [Finding("isolated core", Status.OK, found, expected, realtime=True)]
    mend = f"add isolcpus={last} nohz_full={last} rcu_nocbs={last} to {_boot_file(machine)}, then reboot"
    return [Finding("isolated core", Status.WARN, found, expected, mend, realtime=True)]


def _boot_file(machine: Machine) -> str:
    if machine.path("/boot/extlinux/extlinux.conf").exists():
        return "the APPEND line of /boot/extlinux/extlinux.conf"
    return "GRUB_CMDLINE_LINUX in /etc/default/grub (sudo update-grub)"


def check_idle(machine: Machine) -> list[Finding]:
    """How long the deepest enabled sleep state of a core takes to leave."""
    what = "idle states"
    deepest: tuple[int, str] | None = None
    for folder in machine.glob(f"{_CPU}/cpu[0-9]*/cpuidle/state[0-9]*"):
        latency = machine.number(f"{folder}/latency")
        if latency is None or machine.number(f"{folder}/disable") == 1:
            continue
        state = (latency, machine.text(f"{folder}/name") or PurePosixPath(folder).name)
        deepest = state if deepest is None else max(deepest, state)
    if deepest is None:
        return [Finding(what, Status.ABSENT, f"no cpuidle in {_CPU}")]
    latency, name = deepest
    found = f"{name}, {latency} µs to wake from, is the deepest enabled"
    expected = f"none above {_SHALLOW_US} µs"
    if latency <= _SHALLOW_US:
        return [Finding(what, Status.OK, found, expected, realtime=True)]
    mend = f"sudo cpupower idle-set -D {_SHALLOW_US}"
    return [Finding(what, Status.WARN, found, expected, mend, realtime=True)]
