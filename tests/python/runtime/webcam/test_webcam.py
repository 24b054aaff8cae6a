"""Webcams: pictures, times, silence, unplugging, and what is refused."""

import sys
from pathlib import Path

import pytest
from retain.errors import ConfigError, DeviceError
from retain.runtime import CameraProfile
from retain.runtime.v4l2 import video_device
from retain.runtime.webcam import Webcam, WebcamSettings, open_webcams

from .conftest import EmulatedWebcam

PERIOD_S = 1 / 30


def test_pictures_are_rgb_and_have_the_drivers_own_times(plugged: EmulatedWebcam) -> None:
    seen = plugged.run("""
camera = webcam()
camera.connect()
read = [until(camera.read) for _ in range(10)]
ages = [time.monotonic() - read[-1][1]]
camera.disconnect()
print(json.dumps({
    "shapes": [one.shape for one, _ in read], "left": read[-1][0][100, 20].tolist(),
    "right": read[-1][0][100, 200].tolist(), "times": [time_s for _, time_s in read], "age": ages[0],
}))
""")
    assert {tuple(shape) for shape in seen["shapes"]} == {(224, 224, 3)}
    assert seen["left"] == pytest.approx([210, 10, 10], abs=16)
    assert seen["right"] == pytest.approx([10, 10, 210], abs=16)
    # Arrivals are never a whole number of periods apart to a few µs; the driver's time stamps are.
    periods = [(later - first) / PERIOD_S for first, later in zip(seen["times"], seen["times"][1:], strict=False)]
    assert all(period == pytest.approx(round(period), abs=1e-3) and period > 0.5 for period in periods), periods
    assert seen["age"] >= 0.01  # the emulated transport


def test_whoever_reads_late_gets_the_newest_of_the_drivers_buffers(plugged: EmulatedWebcam) -> None:
    first, then = plugged.run("""
camera = webcam()
camera.connect()
first = until(camera.read)[1]
time.sleep(0.11)  # three pictures, and there are four buffers
then = camera.read()[1]
camera.disconnect()
print(json.dumps([first, then]))
""")
    assert round((then - first) / PERIOD_S) >= 3


def test_a_mode_without_compression_is_decoded_too(plugged: EmulatedWebcam) -> None:
    format_, pixel, spread = plugged.run("""
camera = webcam(48, WebcamSettings(mode=(48, 64), fps=15))
camera.connect()
picture = until(camera.read)[0]
camera.disconnect()
print(json.dumps([camera._format, picture[0, 0].tolist(), int(picture.max()) - int(picture.min())]))
""")
    assert format_ == "yuyv422"
    assert len(set(pixel)) == 1  # grey
    assert spread == 0


def test_silence_and_unplugging_are_told_and_mended(plugged: EmulatedWebcam) -> None:
    said = plugged.run("""
cameras = open_webcams({"top": PATH}, [CameraProfile("top", 224, 224)], LARGE)
(thread,), (slot,) = cameras.threads, cameras.cameras
said = [thread.trouble()]
for state in ("stall", "gone"):
    STATE.write_text(state)
    said.append(until(thread.trouble))
    STATE.write_text("run")
    until(lambda: not thread.trouble())
cameras.close()
print(json.dumps([*said, thread.left_behind, thread.failure is None]))
""")
    path = plugged.path
    assert said == [
        "",
        f"camera top: {path} sent no picture for 0.5 s",
        f"camera top: {path} is gone; plug the camera in again",
        False,
        True,
    ]


def test_it_keeps_the_promises_of_a_camera(plugged: EmulatedWebcam) -> None:
    assert plugged.run("""
from retain.runtime import check_camera
check_camera(webcam())
print(json.dumps("kept"))
""") == "kept"  # fmt: skip


@pytest.mark.parametrize(
    ("state", "settings", "sentence"),
    [
        ("busy", "LARGE", "is in use by another program; end that one"),
        ("gone", "LARGE", "there is no video device"),
        ("node", "LARGE", "sends no pictures: a webcam has a second node"),
        ("stall", "LARGE", "sent no picture within 5 s"),
        ("run", "None", "has no mode 224x224@30; it offers 640x480@15, 64x48@15, 640x480@30, 64x48@30; choose one"),
        ("run", "WebcamSettings(mode=(480, 640), fps=60)", "has no mode 640x480@60"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(
    state: str, settings: str, sentence: str, plugged: EmulatedWebcam
) -> None:
    plugged.state.write_text(state)
    kind, said = plugged.run(f"""
try:
    open_webcams({{"top": PATH}}, [CameraProfile("top", 224, 224)], {settings})
except RetainError as error:
    print(json.dumps([type(error).__name__, str(error)]))
""")
    assert kind == "DeviceError"
    assert str(plugged.path) in said
    assert sentence in said


def test_what_is_no_video_device_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "film.mp4"
    file.write_bytes(b"")
    for path, sentence in [
        (file, "is no video device, but a file"),
        (tmp_path / "video7", "there is no video device"),
        (Path("/dev/null"), "is no video device"),
    ]:
        with pytest.raises(DeviceError, match=sentence):
            video_device(path)

    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", refused)  # these tests may run as root, who is refused nothing
    with pytest.raises(DeviceError, match="usermod -aG video"):
        video_device(Path("/dev/null"))


def test_sizes_and_roles_that_contradict_each_other_are_refused() -> None:
    pytest.importorskip("av")
    with pytest.raises(ConfigError, match="only a square is cut out"):
        Webcam("top", Path("/dev/null"), 48, 64, WebcamSettings(mode=(480, 640)))
    frames = [CameraProfile("top", 48, 64), CameraProfile("wrist", 48, 64)]
    with pytest.raises(ConfigError, match="has two roles, top and wrist"):
        open_webcams({"top": Path("/dev/null"), "wrist": Path("/dev/null")}, frames)


def test_pyav_is_asked_for_by_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DeviceError, match=r"pip install 'retain-vla\[data\]'"):
        open_webcams({"top": Path("/dev/null")}, [CameraProfile("top", 48, 64)])
