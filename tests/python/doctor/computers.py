"""Computers as trees of files: what /proc, /sys, /dev, /etc and /usr hold on each, made in code.

No Jetson and no camera was at hand: their trees hold what NVIDIA's, Intel's and the kernel's documents say is there.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from retain.doctor import Machine

CPU = "sys/devices/system/cpu"
LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max locked memory         {memlock:<20} {memlock:<20} bytes
Max realtime priority     {rtprio:<20} {rtprio:<20}
"""
ROOT_CAPABILITIES = "Name:\tpython\nCapEff:\t000001ffffffffff\n"
NO_CAPABILITIES = "Name:\tpython\nCapEff:\t0000000000000000\n"


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


def cores(count: int, governor: str | None, idle: Mapping[str, int]) -> dict[str, str]:
    files = {f"{CPU}/present": f"0-{count - 1}", f"{CPU}/isolated": "", f"{CPU}/nohz_full": "(null)"}
    for core in range(count):
        if governor is not None:
            files[f"{CPU}/cpu{core}/cpufreq/scaling_governor"] = governor
        for number, (name, latency) in enumerate(idle.items()):
            folder = f"{CPU}/cpu{core}/cpuidle/state{number}"
            files |= {f"{folder}/name": name, f"{folder}/latency": str(latency), f"{folder}/disable": "0"}
    return files


def zone(number: int, name: str, celsius: float, **trips: float) -> dict[str, str]:
    folder = f"sys/class/thermal/thermal_zone{number}"
    files = {f"{folder}/type": name, f"{folder}/temp": str(round(1000 * celsius))}
    for index, (kind, value) in enumerate(trips.items()):
        files[f"{folder}/trip_point_{index}_type"] = kind
        files[f"{folder}/trip_point_{index}_temp"] = str(round(1000 * value))
    return files


def kernel(release: str, version: str, cmdline: str, cpuinfo: str, stat: str) -> dict[str, str]:
    return {
        "proc/sys/kernel/osrelease": release,
        "proc/sys/kernel/version": version,
        "proc/sys/kernel/sched_rt_runtime_us": "950000",
        "proc/sys/kernel/sched_rt_period_us": "1000000",
        "proc/cmdline": cmdline,
        "proc/cpuinfo": cpuinfo,
        "proc/stat": f"{stat}\ncpu0 0 0 0 0 0 0 0 0 0 0",
        "proc/swaps": "Filename\tType\tSize\tUsed\tPriority",
        "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
    }


def user(root: Path, *, rtprio: str, memlock: str, capabilities: str = NO_CAPABILITIES) -> None:
    write(root, {"proc/self/limits": LIMITS.format(rtprio=rtprio, memlock=memlock), "proc/self/status": capabilities})


def clock(name: str, available: str) -> dict[str, str]:
    folder = "sys/devices/system/clocksource/clocksource0"
    return {f"{folder}/current_clocksource": name, f"{folder}/available_clocksource": available}


def power_modes(*names: str) -> str:
    return "\n".join(f"< POWER_MODEL ID={number} NAME={name} >" for number, name in enumerate(names))


def usb_device(name: str, vendor: str, product: str, title: str, *, speed: int, control: str = "on") -> dict[str, str]:
    folder = f"sys/bus/usb/devices/{name}"
    return {
        f"{folder}/idVendor": vendor,
        f"{folder}/idProduct": product,
        f"{folder}/product": title,
        f"{folder}/serial": "0123",
        f"{folder}/speed": str(speed),
        f"{folder}/power/control": control,
    }


def serial_port(root: Path, port: str, by_id: str, latency_ms: int | None = None) -> None:
    write(root, {f"dev/{port}": ""})
    links = root / "dev/serial/by-id"
    links.mkdir(parents=True, exist_ok=True)
    (links / by_id).symlink_to(f"../../{port}")
    if latency_ms is not None:
        write(root, {f"sys/bus/usb-serial/devices/{port}/latency_timer": str(latency_ms)})


def orin(root: Path) -> Path:
    """A Jetson AGX Orin as it comes: stock kernel, a power budget, clocks that move, one camera on a USB 2 cable."""
    write(
        root,
        kernel(
            "5.15.148-tegra", "#1 SMP PREEMPT Mon", "root=/dev/nvme0n1p1 quiet", "processor : 0", "cpu 9 0 9 80 0 0 0 0"
        )
        | clock("arch_sys_counter", "arch_sys_counter")
        | cores(12, "schedutil", {"WFI": 1, "c7": 5000})
        | zone(0, "cpu-thermal", 48.5, critical=104.5, passive=99.0)
        | zone(1, "gpu-thermal", 46.0, critical=104.5, passive=99.0)
        | {
            "proc/device-tree/model": "NVIDIA Jetson AGX Orin Developer Kit\0",
            "etc/nv_tegra_release": "# R36 (release), REVISION: 4.0",
            "etc/nvpmodel.conf": power_modes("MAXN", "15W", "30W"),
            "var/lib/nvpmodel/status": "pmode:0002",
            "boot/extlinux/extlinux.conf": "APPEND quiet",
            "sys/class/devfreq/17000000.gpu/min_freq": "306000000",
            "sys/class/devfreq/17000000.gpu/max_freq": "612000000",
            "sys/class/hwmon/hwmon3/oc1_event_cnt": "0",
            "sys/class/hwmon/hwmon3/oc3_event_cnt": "7",
            "sys/module/usbcore/parameters/usbfs_memory_mb": "16",
            "proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n/dev/zram0\tpartition\t2663740\t0\t5",
            "usr/lib/aarch64-linux-gnu/libnvinfer.so.10.3.0": "",
            "usr/lib/aarch64-linux-gnu/libnvinfer.so.10": "",
            "usr/lib/aarch64-linux-gnu/libusb-1.0.so.0": "",
            "usr/local/cuda/version.json": '{"cuda" : {"name" : "CUDA SDK", "version" : "12.6.11"}}',
            "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  540.4.0  Release",
        }
        | usb_device("2-1", "8086", "0b3a", "Intel(R) RealSense(TM) Depth Camera 435i", speed=480, control="auto"),
    )
    user(root, rtprio="0", memlock="8388608")
    serial_port(root, "ttyACM0", "usb-1a86_USB_Single_Serial_5A46-if00")
    return root


def thor(root: Path) -> Path:
    """A Jetson Thor set up for the loop."""
    gpu = {
        f"sys/class/devfreq/gpu-{part}-0/{end}_freq": hertz
        for part, hertz in (("gpc", "1575000000"), ("nvd", "1692000000"))
        for end in ("min", "max")
    }
    write(
        root,
        kernel(
            "6.8.12-rt-tegra", "#1 SMP PREEMPT_RT Mon", "isolcpus=13 nohz_full=13 rcu_nocbs=13", "processor : 0",
            "cpu 9 0 9 80 0 0 0 0",
        )
        | clock("arch_sys_counter", "arch_sys_counter")
        | cores(14, "performance", {"WFI": 1})
        | {f"{CPU}/isolated": "13", f"{CPU}/nohz_full": "13", "sys/kernel/realtime": "1"}
        | zone(0, "cpu-thermal", 55.0, critical=104.5, passive=99.0)
        | {
            "proc/device-tree/model": "NVIDIA Jetson AGX Thor Developer Kit\0",
            "etc/nv_tegra_release": "# R38 (release), REVISION: 2.0",
            "etc/nvpmodel.conf": power_modes("MAXN", "120W"),
            "var/lib/nvpmodel/status": "pmode:0000",
            "sys/class/hwmon/hwmon2/oc1_event_cnt": "0",
            "sys/module/usbcore/parameters/usbfs_memory_mb": "1000",
            "usr/lib/aarch64-linux-gnu/libusb-1.0.so.0": "",
        }
        | gpu
        | usb_device("2-1", "8086", "0b5c", "Intel(R) RealSense(TM) Depth Camera 455", speed=5000),
    )  # fmt: skip
    user(root, rtprio="99", memlock="unlimited")
    return root


def pc(root: Path) -> Path:
    """A desktop as it comes, with an FTDI adapter."""
    flags = "processor : 0\nflags\t\t: fpu vme tsc constant_tsc"
    write(
        root,
        kernel("6.1.0-29-amd64", "#1 SMP PREEMPT_DYNAMIC Debian", "quiet", flags, "cpu 9 0 9 80 0 0 0 0")
        | clock("hpet", "tsc hpet acpi_pm")
        | cores(8, "powersave", {"POLL": 0, "C1": 2, "C10": 890})
        | zone(0, "x86_pkg_temp", 91.0, critical=100.0)
        | {
            "sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never",
            "proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2\tpartition\t999420\t524288\t-2",
            "sys/module/usbcore/parameters/usbfs_memory_mb": "16",
        },
    )
    user(root, rtprio="0", memlock="8388608")
    serial_port(root, "ttyUSB0", "usb-FTDI_USB__-__Serial_Converter_FT62-if00-port0", latency_ms=16)
    return root


def bare_vm(root: Path) -> Path:
    """A virtual machine with next to nothing to see."""
    flags = "processor : 0\nflags\t\t: fpu tsc hypervisor"
    write(
        root,
        kernel("6.18.44", "#1 SMP PREEMPT_DYNAMIC", "console=ttyS0", flags, "cpu 100 0 100 700 0 0 0 100 0 0")
        | clock("kvm-clock", "kvm-clock")
        | {f"{CPU}/present": "0-1"},
    )
    user(root, rtprio="0", memlock="8388608", capabilities=ROOT_CAPABILITIES)
    return root


def nothing(root: Path) -> Path:
    """A tree without a single file."""
    return root


def machine(
    root: Path,
    *,
    versions: Mapping[str, str] | None = None,
    packages: Mapping[str, Path] | None = None,
    files: Mapping[str, Path] | None = None,
    commands: Mapping[str, str] | None = None,
    openable: bool = True,
    free_gib: float = 100.0,
) -> Machine:
    said = commands or {}

    def run(command: Sequence[str]) -> str | None:
        return said.get(" ".join(command))

    version: Callable[[str], str | None] = (versions or {}).get
    folder: Callable[[str], Path | None] = (packages or {}).get
    file: Callable[[str], Path | None] = (files or {}).get
    return Machine(
        root=root, recordings=root, run=run, version=version, folder=folder, file=file,
        may_open=lambda path: openable, free_bytes=lambda path: round(free_gib * 2**30),
    )  # fmt: skip
