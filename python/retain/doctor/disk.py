"""Room for flight records and datasets."""

from retain.doctor.finding import Finding, Status
from retain.doctor.machine import Machine

_GIB = 2**30
_SCARCE_GIB = 10
_OUT_GIB = 1


def check_disk(machine: Machine) -> list[Finding]:
    """Free space where recordings will go."""
    what = "disk"
    try:
        free = machine.free_bytes(machine.recordings) / _GIB
    except OSError as error:
        mend = f"mkdir -p {machine.recordings}"
        return [Finding(what, Status.BAD, f"{machine.recordings}: {error.strerror}", "a folder", mend)]
    found = f"{free:.1f} GiB free for recordings in {machine.recordings}"
    expected = f"{_SCARCE_GIB} GiB or more"
    if free >= _SCARCE_GIB:
        return [Finding(what, Status.OK, found, expected)]
    status = Status.WARN if free >= _OUT_GIB else Status.BAD
    return [Finding(what, status, found, expected, "delete old recordings, or name another disk with --recordings DIR")]
