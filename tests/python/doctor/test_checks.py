"""Single checks, on trees that differ in one thing."""

from pathlib import Path

import pytest
from retain.doctor import Status
from retain.doctor.cores import check_isolation
from retain.doctor.disk import check_disk
from retain.doctor.jetson import check_jetson
from retain.doctor.kernel import check_clock, check_hypervisor, check_kernel
from retain.doctor.libraries import check_libraries
from retain.doctor.machine import run_command
from retain.doctor.permissions import check_permissions
from retain.doctor.thermal import check_temperatures, thermal_zones
from retain.doctor.usb import check_cameras, check_usb
from retain.doctor.webcams import check_webcams

from .computers import CPU, clock, machine, orin, pc, power_modes, thor, usb_device, user, write, zone


@pytest.mark.parametrize(
    ("rtprio", "memlock", "statuses"),
    [
        ("0", "8388608", (Status.BAD, Status.BAD)),
        ("79", "unlimited", (Status.BAD, Status.OK)),
        ("80", "unlimited", (Status.OK, Status.OK)),
        ("unlimited", "65536", (Status.OK, Status.BAD)),
    ],
)
def test_limits_decide_where_there_is_no_capability(
    rtprio: str, memlock: str, statuses: tuple[Status, Status], tmp_path: Path
) -> None:
    user(tmp_path, rtprio=rtprio, memlock=memlock)
    priority, locked, *_ = check_permissions(machine(tmp_path))
    assert (priority.status, locked.status) == statuses


@pytest.mark.parametrize(
    ("runtime", "status", "found"),
    [
        ("950000", Status.OK, "95 %"),
        ("-1", Status.OK, "no bound"),
        ("0", Status.BAD, "0 %: no real-time thread may run"),
    ],
)
def test_real_time_share(runtime: str, status: Status, found: str, tmp_path: Path) -> None:
    write(
        tmp_path,
        {"proc/sys/kernel/sched_rt_runtime_us": runtime, "proc/sys/kernel/sched_rt_period_us": "1000000"},
    )
    share = check_permissions(machine(tmp_path))[2]
    assert (share.status, share.found) == (status, found)


def test_awake_cores_need_the_kernels_file(tmp_path: Path) -> None:
    assert check_permissions(machine(tmp_path))[3].status is Status.ABSENT
    write(tmp_path, {"dev/cpu_dma_latency": ""})
    assert check_permissions(machine(tmp_path))[3].status is Status.OK
    refused = check_permissions(machine(tmp_path, openable=False))[3]
    assert refused.status is Status.WARN
    assert "udevadm" in refused.mend


def test_a_real_time_kernel_is_known_by_its_version_alone(tmp_path: Path) -> None:
    write(tmp_path, {"proc/sys/kernel/osrelease": "6.1.0-rt", "proc/sys/kernel/version": "#1 SMP PREEMPT_RT Debian"})
    (kernel,) = check_kernel(machine(tmp_path))
    assert (kernel.status, kernel.found) == (Status.OK, "6.1.0-rt PREEMPT_RT")


def test_a_slow_clock_without_a_fast_one_sends_to_the_kernels_log(tmp_path: Path) -> None:
    write(tmp_path, clock("acpi_pm", "acpi_pm"))
    (source,) = check_clock(machine(tmp_path))
    assert source.status is Status.WARN
    assert "dmesg" in source.mend


def test_guest_time_is_not_counted_twice_in_steal(tmp_path: Path) -> None:
    write(tmp_path, {"proc/cpuinfo": "flags : hypervisor", "proc/stat": "cpu 500 0 0 490 0 0 0 10 500 0"})
    (below,) = check_hypervisor(machine(tmp_path))
    assert "took 1.00 %" in below.found
    assert below.status is Status.WARN


def test_a_core_isolated_in_part_is_not_isolated(tmp_path: Path) -> None:
    write(tmp_path, {f"{CPU}/present": "0-3", f"{CPU}/isolated": "3", f"{CPU}/nohz_full": "3", "proc/cmdline": "quiet"})
    (isolation,) = check_isolation(machine(tmp_path))
    assert isolation.status is Status.WARN
    assert "rcu_nocbs none" in isolation.found


def test_the_power_mode_is_asked_for_where_no_file_tells_it(tmp_path: Path) -> None:
    root = orin(tmp_path)
    (root / "var/lib/nvpmodel/status").unlink()
    asked = machine(root, commands={"nvpmodel -q": "NV Power Mode: MAXN\n0\n"})
    mode = next(finding for finding in check_jetson(asked) if finding.what == "power mode")
    assert (mode.status, mode.found) == (Status.OK, "0 (MAXN)")
    silent = next(finding for finding in check_jetson(machine(root)) if finding.what == "power mode")
    assert silent.status is Status.ABSENT


def test_the_fastest_power_mode_is_found_by_name_not_by_number(tmp_path: Path) -> None:
    root = orin(tmp_path)
    write(root, {"etc/nvpmodel.conf": power_modes("15W", "25W", "MAXN_SUPER"), "var/lib/nvpmodel/status": "pmode:0000"})
    mode = next(finding for finding in check_jetson(machine(root)) if finding.what == "power mode")
    assert mode.mend == "sudo nvpmodel -m 2"


def test_temperatures_are_judged_by_each_zones_own_trips(tmp_path: Path) -> None:
    write(
        tmp_path,
        zone(0, "cpu-thermal", 60.0, passive=99.0, critical=104.5)
        | zone(1, "nvme", 62.0, critical=80.0)
        | zone(2, "skin", 70.0)
        | zone(3, "switched-off", 50.0, passive=-274.0),
    )
    assert len(thermal_zones(machine(tmp_path))) == 4
    (nearest,) = check_temperatures(machine(tmp_path))
    assert nearest.found == "nvme 62 °C of 80 (shutdown)"
    assert nearest.status is Status.WARN


def test_every_warm_zone_is_named(tmp_path: Path) -> None:
    write(
        tmp_path,
        zone(0, "cpu", 100.0, passive=99.0) | zone(1, "gpu", 92.0, passive=99.0) | zone(2, "soc", 50.0, passive=99.0),
    )
    found = check_temperatures(machine(tmp_path))
    assert [(one.found.split()[0], one.status) for one in found] == [("cpu", Status.BAD), ("gpu", Status.WARN)]


def test_two_onnxruntimes_in_one_folder_are_bad(tmp_path: Path) -> None:
    both = machine(
        tmp_path, versions={"onnxruntime": "1.32.0", "onnxruntime-gpu": "1.31.1"}, packages={"onnxruntime": tmp_path}
    )
    assert "pip uninstall" in check_libraries(both)[0].mend


def test_an_old_onnxruntime_is_bad(tmp_path: Path) -> None:
    (tmp_path / "capi").mkdir()
    old = machine(tmp_path, versions={"onnxruntime": "1.17.3"}, packages={"onnxruntime": tmp_path})
    assert check_libraries(old)[0].status is Status.BAD


def test_the_realsense_wheel_needs_libusb(tmp_path: Path) -> None:
    found = {one.what: one for one in check_libraries(machine(pc(tmp_path), versions={"pyrealsense2": "2.56.5"}))}
    assert found["libusb"].mend == "sudo apt install libusb-1.0-0"


def test_only_realsense_devices_of_intel_are_cameras(tmp_path: Path) -> None:
    write(
        tmp_path,
        usb_device("1-3", "8086", "15c8", "Bluetooth", speed=12) | usb_device("1-4", "1a86", "0b3a", "x", speed=12),
    )
    assert [one.status for one in check_cameras(machine(tmp_path))] == [Status.ABSENT]


def test_two_cameras_are_two_lines(tmp_path: Path) -> None:
    write(
        tmp_path,
        usb_device("2-1", "8086", "0b3a", "D435i", speed=5000) | usb_device("1-1.2", "8086", "0b5b", "D405", speed=480),
    )
    assert [one.status for one in check_cameras(machine(tmp_path))] == [Status.BAD, Status.OK]


def test_a_webcam_is_one_line_with_its_lasting_name(tmp_path: Path) -> None:
    nodes = {
        "video0": ("C920", 0),
        "video1": ("C920", 1),
        "video2": ("Intel RealSense D405", 0),
        "video4": ("Cheap", 0),
    }
    for node, (name, index) in nodes.items():
        folder = f"sys/class/video4linux/{node}"
        write(tmp_path, {f"{folder}/name": name, f"{folder}/index": str(index), f"dev/{node}": ""})
    (tmp_path / "dev/v4l/by-id").mkdir(parents=True)
    (tmp_path / "dev/v4l/by-id/usb-C920-video-index0").symlink_to("../../video0")
    seen = check_webcams(machine(tmp_path))
    assert [one.found for one in seen] == ["C920: /dev/v4l/by-id/usb-C920-video-index0", "Cheap: /dev/video4"]
    assert {one.status for one in seen} == {Status.OK}
    refused = check_webcams(machine(tmp_path, openable=False))
    assert {one.status for one in refused} == {Status.BAD}
    assert "usermod -aG video" in refused[0].mend
    assert [one.status for one in check_webcams(machine(tmp_path / "empty"))] == [Status.ABSENT]


def test_a_serial_adapter_that_may_fall_asleep_is_named(tmp_path: Path) -> None:
    write(tmp_path, usb_device("1-2", "0403", "6014", "FTDI adapter", speed=480, control="auto"))
    (tmp_path / "sys/bus/usb/devices/1-2:1.0/ttyUSB0").mkdir(parents=True)
    write(tmp_path, {"sys/module/usbcore/parameters/usbfs_memory_mb": "16"})
    memory, asleep = check_usb(machine(tmp_path))
    assert memory.status is Status.OK  # 16 MiB are enough where there is no camera
    assert asleep.found == "allowed for FTDI adapter"
    assert asleep.mend == "echo on | sudo tee /sys/bus/usb/devices/1-2/power/control"


@pytest.mark.parametrize(("free_gib", "status"), [(10.0, Status.OK), (9.9, Status.WARN), (0.9, Status.BAD)])
def test_disk_space(free_gib: float, status: Status, tmp_path: Path) -> None:
    (disk,) = check_disk(machine(tmp_path, free_gib=free_gib))
    assert disk.status is status


def test_thor_is_told_by_its_own_clock_names(tmp_path: Path) -> None:
    write(thor(tmp_path), {"sys/class/devfreq/gpu-gpc-0/min_freq": "315000000"})
    clocks = next(one for one in check_jetson(machine(tmp_path)) if one.what == "GPU clocks")
    assert clocks.found == "gpu-gpc-0 315 to 1575 MHz, gpu-nvd-0 1692 to 1692 MHz"


def test_commands_that_are_missing_or_fail_are_no_answer() -> None:
    assert run_command(("no-such-command-at-all",)) is None
    assert run_command(("false",)) is None
    assert run_command(("echo", "yes")) == "yes\n"
