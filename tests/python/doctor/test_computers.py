"""What the doctor says about whole computers."""

from collections.abc import Callable
from pathlib import Path

import pytest
from retain.doctor import Finding, Status, examine, realtime_findings

from .computers import bare_vm, machine, nothing, orin, pc, thor


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings}


def test_a_jetson_orin_as_it_comes(tmp_path: Path) -> None:
    found = by_name(examine(machine(orin(tmp_path), openable=False)))
    bad = {what for what, finding in found.items() if finding.status is Status.BAD}
    assert bad == {"real-time priority", "locked memory", "ONNX Runtime", "camera", "serial port"}
    assert found["Jetson"].found == "NVIDIA Jetson AGX Orin Developer Kit"
    assert (found["power mode"].found, found["power mode"].mend) == ("2 (30W)", "sudo nvpmodel -m 0")
    assert found["GPU clocks"].mend == "sudo jetson_clocks"
    assert "306 to 612 MHz" in found["GPU clocks"].found
    assert "oc3 7" in found["over-current"].found
    assert found["camera"].found == "Intel(R) RealSense(TM) Depth Camera 435i 0123 on USB 2: 480 Mbit/s"
    assert found["USB memory"].status is Status.WARN
    assert "435i" in found["USB autosuspend"].found
    assert "extlinux.conf" in found["isolated core"].mend
    assert "isolcpus=11" in found["isolated core"].mend
    assert found["swap"].status is Status.OK
    assert found["TensorRT"].found == "10.3.0"
    assert found["CUDA"].found == "toolkit 12.6.11, driver 540.4.0"
    assert found["temperature"].found == "cpu-thermal 48 °C of 99 (throttling), 104.5 (shutdown)"
    assert found["serial port"].mend.startswith("sudo usermod -aG ")


def test_a_jetson_thor_that_was_set_up(tmp_path: Path) -> None:
    package = tmp_path / "site" / "onnxruntime"
    (package / "capi").mkdir(parents=True)
    for name in ("libonnxruntime.so.1.23.0", "libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so",
                 "libonnxruntime_providers_tensorrt.so"):  # fmt: skip
        (package / "capi" / name).touch()
    computer = machine(
        thor(tmp_path / "root"),
        versions={"onnxruntime-gpu": "1.23.0", "pyrealsense2": "2.56.5"},
        packages={"onnxruntime": package},
    )
    found = examine(computer)
    assert {finding.status for finding in found} == {Status.OK, Status.ABSENT}
    named = by_name(found)
    assert named["ONNX Runtime"].found == "onnxruntime-gpu 1.23.0, providers: cpu, cuda, tensorrt"
    assert named["power mode"].found == "0 (MAXN)"
    assert named["GPU clocks"].found == "gpu-gpc-0 fixed at 1575 MHz, gpu-nvd-0 fixed at 1692 MHz"
    assert all(not finding.mend for finding in found)


def test_a_desktop_as_it_comes(tmp_path: Path) -> None:
    found = by_name(examine(machine(pc(tmp_path))))
    assert found["CPU governor"].mend.startswith("echo performance | sudo tee")
    assert found["idle states"].found == "C10, 890 µs to wake from, is the deepest enabled"
    assert found["clock source"].mend.startswith("echo tsc | sudo tee")
    assert found["huge pages"].status is Status.WARN
    assert found["swap"].found == "512 MiB in use on 1 device"
    assert found["temperature"].status is Status.BAD
    assert found["latency timer"].found == "16 ms on /dev/ttyUSB0"
    assert found["latency timer"].mend == "echo 1 | sudo tee /sys/bus/usb-serial/devices/ttyUSB0/latency_timer"
    assert "usb-FTDI" in found["serial port"].found
    assert found["hypervisor"].status is Status.OK
    assert found["Jetson"].status is Status.ABSENT


def test_a_bare_virtual_machine(tmp_path: Path) -> None:
    found = by_name(examine(machine(bare_vm(tmp_path))))
    assert found["real-time priority"].found == "any (CAP_SYS_NICE)"
    assert found["locked memory"].status is Status.OK
    assert found["clock source"].found == "kvm-clock, a hypervisor's"
    assert (found["hypervisor"].status, "10.00 %" in found["hypervisor"].found) == (Status.BAD, True)
    for what in ("CPU governor", "idle states", "Jetson", "temperature", "camera", "USB", "serial port", "CUDA"):
        assert found[what].status is Status.ABSENT


def test_nothing_is_claimed_about_what_cannot_be_seen(tmp_path: Path) -> None:
    found = examine(machine(nothing(tmp_path)))
    seen = {finding.what for finding in found if finding.status is not Status.ABSENT}
    assert seen == {"ONNX Runtime", "disk"}  # of these it is known: not installed, and so much space


@pytest.mark.parametrize("computer", [orin, thor, pc, bare_vm, nothing])
def test_every_line_can_be_acted_on(computer: Callable[[Path], Path], tmp_path: Path) -> None:
    for finding in examine(machine(computer(tmp_path), openable=False, free_gib=0.5)):
        assert finding.found
        needs_mending = finding.status in (Status.WARN, Status.BAD)
        assert bool(finding.mend) == needs_mending, finding
        assert not needs_mending or finding.expected, finding


def test_what_bears_on_timing_goes_beside_figures(tmp_path: Path) -> None:
    beside = {finding.what for finding in realtime_findings(examine(machine(orin(tmp_path))))}
    assert {"kernel", "CPU governor", "power mode", "GPU clocks", "temperature", "real-time priority"} <= beside
    assert not beside & {"serial port", "disk", "camera", "ONNX Runtime"}
