"""USB: RealSense cameras with their link's speed, the memory for their transfers, and whether ports fall asleep."""

from pathlib import PurePosixPath

from retain.doctor.finding import Finding, Status
from retain.doctor.machine import Machine

_DEVICES = "/sys/bus/usb/devices"
_INTEL = "8086"
_REALSENSE_PRODUCTS = ("0a", "0b")
"""Intel's product numbers of RealSense devices begin so: 0ad1 … 0b6b; other Intel devices' do not."""

_USB3_MBIT = 5000
_USBFS_MIB = 64


def check_cameras(machine: Machine) -> list[Finding]:
    """Each RealSense camera and what its link carries."""
    what = "camera"
    found = []
    for device in realsense_devices(machine):
        name = machine.text(f"{device}/product") or "RealSense"
        serial = machine.text(f"{device}/serial")
        label = f"{name}{f' {serial}' if serial else ''}"
        speed = machine.number(f"{device}/speed")
        if speed is None:
            found.append(Finding(what, Status.ABSENT, f"{label}: its link's speed cannot be read"))
        elif speed < _USB3_MBIT:
            mend = "a USB 3 port (blue or marked SS) and a USB 3 cable, plugged in all the way"
            line = f"{label} on USB 2: {speed} Mbit/s"
            found.append(Finding(what, Status.BAD, line, f"USB 3: {_USB3_MBIT} Mbit/s", mend))
        else:
            found.append(Finding(what, Status.OK, f"{label} on USB 3: {speed} Mbit/s", f"{_USB3_MBIT} Mbit/s"))
    return found or [Finding(what, Status.ABSENT, "no RealSense camera on USB")]


def realsense_devices(machine: Machine) -> list[str]:
    """Folders of the RealSense cameras in sysfs."""
    return [
        path.removesuffix("/idVendor")
        for path in machine.glob(f"{_DEVICES}/*/idVendor")
        if machine.text(path) == _INTEL
        and (machine.text(path.replace("idVendor", "idProduct")) or "").startswith(_REALSENSE_PRODUCTS)
    ]


def check_usb(machine: Machine) -> list[Finding]:
    """Usbfs memory and autosuspend. On a computer without USB, one line that says so."""
    if not machine.path(_DEVICES).is_dir():
        return [Finding("USB", Status.ABSENT, f"no {_DEVICES}")]
    return [_transfer_memory(machine), _autosuspend(machine)]


def _transfer_memory(machine: Machine) -> Finding:
    what = "USB memory"
    file = "/sys/module/usbcore/parameters/usbfs_memory_mb"
    memory = machine.number(file)
    if memory is None:
        return Finding(what, Status.ABSENT, f"{file} cannot be read")
    expected = f"{_USBFS_MIB} MiB or more for cameras, 0 is no bound"
    if memory == 0 or memory >= _USBFS_MIB or not realsense_devices(machine):
        return Finding(what, Status.OK, f"{memory} MiB", expected)
    mend = f"echo 1000 | sudo tee {file}   # to keep it: usbcore.usbfs_memory_mb=1000 on the kernel's command line"
    return Finding(what, Status.WARN, f"{memory} MiB", expected, mend)


def _autosuspend(machine: Machine) -> Finding:
    what = "USB autosuspend"
    devices = [*realsense_devices(machine), *_serial_adapters(machine)]
    asleep = [device for device in devices if machine.text(f"{device}/power/control") == "auto"]
    if not devices:
        return Finding(what, Status.ABSENT, "no camera and no serial adapter on USB")
    if not asleep:
        return Finding(what, Status.OK, "cameras and serial adapters stay awake", "on")
    named = ", ".join(machine.text(f"{device}/product") or PurePosixPath(device).name for device in asleep)
    mend = "echo on | sudo tee " + " ".join(f"{device}/power/control" for device in asleep)
    return Finding(what, Status.WARN, f"allowed for {named}", "off", mend)


def _serial_adapters(machine: Machine) -> list[str]:
    ports = machine.glob(f"{_DEVICES}/*:*/tty*") + machine.glob(f"{_DEVICES}/*:*/tty/tty*")
    # 1-2.3:1.0 is an interface of the device 1-2.3.
    interfaces = {PurePosixPath(path).relative_to(_DEVICES).parts[0] for path in ports}
    return sorted({f"{_DEVICES}/{interface.partition(':')[0]}" for interface in interfaces})
