"""All checks, in the order of the table."""

from collections.abc import Callable, Sequence

from retain.doctor.cores import check_governor, check_idle, check_isolation
from retain.doctor.disk import check_disk
from retain.doctor.finding import Finding, Status
from retain.doctor.jetson import check_jetson
from retain.doctor.kernel import check_clock, check_hypervisor, check_kernel
from retain.doctor.libraries import check_libraries
from retain.doctor.machine import Machine
from retain.doctor.memory import check_huge_pages, check_swap
from retain.doctor.permissions import check_permissions
from retain.doctor.serial_ports import check_serial_ports
from retain.doctor.thermal import check_temperatures
from retain.doctor.usb import check_cameras, check_usb
from retain.doctor.webcams import check_webcams

CHECKS: tuple[Callable[[Machine], list[Finding]], ...] = (
    check_kernel,
    check_permissions,
    check_governor,
    check_isolation,
    check_idle,
    check_clock,
    check_hypervisor,
    check_huge_pages,
    check_swap,
    check_jetson,
    check_temperatures,
    check_libraries,
    check_cameras,
    check_webcams,
    check_usb,
    check_serial_ports,
    check_disk,
)


def examine(machine: Machine) -> list[Finding]:
    """Everything that the checks find. Nothing is changed, and no device is opened."""
    return [finding for check in CHECKS for finding in check(machine)]


def realtime_findings(findings: Sequence[Finding]) -> list[Finding]:
    """Those that bear on the tick's timing and are seen: they belong beside every figure about it."""
    return [finding for finding in findings if finding.realtime and finding.status is not Status.ABSENT]
