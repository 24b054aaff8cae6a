"""Memory: what may make a thread wait for a page."""

from retain.doctor.finding import Finding, Status
from retain.doctor.machine import Machine

_HUGE = "/sys/kernel/mm/transparent_hugepage/enabled"


def check_huge_pages(machine: Machine) -> list[Finding]:
    """Whether the kernel rearranges any process's memory into huge pages unasked."""
    what = "huge pages"
    text = machine.text(_HUGE)
    if text is None:
        return [Finding(what, Status.ABSENT, f"{_HUGE} cannot be read")]
    chosen = text.partition("[")[2].partition("]")[0] or text
    if chosen != "always":
        return [Finding(what, Status.OK, chosen, "madvise or never", realtime=True)]
    mend = f"echo madvise | sudo tee {_HUGE}"
    return [Finding(what, Status.WARN, "always", "madvise or never", mend, realtime=True)]


def check_swap(machine: Machine) -> list[Finding]:
    """Whether memory is so short that pages were moved out."""
    text = machine.text("/proc/swaps")
    if text is None:
        return [Finding("swap", Status.ABSENT, "/proc/swaps cannot be read")]
    rows = [line.split() for line in text.splitlines()[1:] if line.strip()]
    if not rows:
        return [Finding("swap", Status.OK, "none", "none in use", realtime=True)]
    used_mib = sum(int(row[3]) for row in rows) / 1024
    found = f"{used_mib:.0f} MiB in use on {len(rows)} device{'s' if len(rows) > 1 else ''}"
    if used_mib < 1:
        return [Finding("swap", Status.OK, found, "none in use", realtime=True)]
    mend = "free memory, then: sudo swapoff -a && sudo swapon -a"
    return [Finding("swap", Status.WARN, found, "none in use", mend, realtime=True)]
