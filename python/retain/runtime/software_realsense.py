"""A camera made of librealsense's own software_device: the SDK's code from the sensor on, with frames from the caller.

It is driven by the C functions of the same library that the loop's camera uses, and attached to its context; only the
bytes that USB would bring are ours. For trying things out without a camera, for tests and for benchmarks.
"""

import ctypes
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

DEPTH, COLOR = 1, 2
Z16, RGB8 = 1, 5
NAME, SERIAL = 0, 1
HARDWARE_CLOCK, SYSTEM_TIME, GLOBAL_TIME = 0, 1, 2
FRAME_TIMESTAMP, SENSOR_TIMESTAMP = 1, 2
EXPOSURE, GAIN, AUTO_EXPOSURE, DEPTH_UNITS = 3, 4, 10, 28
MATCH_BY_TIME = 6

Pointer = ctypes.c_void_p


class Intrinsics(ctypes.Structure):
    _fields_ = (
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("ppx", ctypes.c_float),
        ("ppy", ctypes.c_float),
        ("fx", ctypes.c_float),
        ("fy", ctypes.c_float),
        ("model", ctypes.c_int),
        ("coefficients", ctypes.c_float * 5),
    )


class Extrinsics(ctypes.Structure):
    _fields_ = (("rotation", ctypes.c_float * 9), ("translation", ctypes.c_float * 3))


class VideoStream(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("index", ctypes.c_int),
        ("uid", ctypes.c_int),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("fps", ctypes.c_int),
        ("bpp", ctypes.c_int),
        ("format", ctypes.c_int),
        ("intrinsics", Intrinsics),
    )


class VideoFrame(ctypes.Structure):
    _fields_ = (
        ("pixels", Pointer),
        ("deleter", Pointer),
        ("stride", ctypes.c_int),
        ("bpp", ctypes.c_int),
        ("timestamp", ctypes.c_double),
        ("domain", ctypes.c_int),
        ("frame_number", ctypes.c_int),
        ("profile", Pointer),
        ("depth_units", ctypes.c_float),
    )


class Sdk:
    """librealsense's C functions; an error becomes RuntimeError."""

    def __init__(self, library: Path) -> None:
        self.library = ctypes.CDLL(str(library))
        process = ctypes.CDLL(None)
        process.malloc.restype = Pointer
        process.malloc.argtypes = (ctypes.c_size_t,)
        self.malloc = process.malloc
        # Frames are freed on whatever thread lets go of them last: C's own free needs no GIL there.
        self.free = ctypes.cast(process.free, Pointer)

    def __call__(self, name: str, *arguments: Any, returns: Any = Pointer) -> Any:
        function = getattr(self.library, name)
        function.restype = returns
        error = Pointer()
        result = function(*arguments, ctypes.byref(error))
        if error:
            message = self.library.rs2_get_error_message
            message.restype, message.argtypes = ctypes.c_char_p, (Pointer,)
            raise RuntimeError(message(error).decode())
        return result


@dataclass
class SoftwareCamera:
    """One software device with a colour sensor and, where wanted, a depth sensor.

    Attributes:
        modes: (width, height, fps) offered for colour; depth is offered in the same.
        baseline_m: How far right of the colour sensor the depth sensor is.
    """

    sdk: Sdk
    serial: str
    modes: tuple[tuple[int, int, int], ...] = ((64, 48, 30),)
    depth: bool = False
    baseline_m: float = 0.0
    padding: int = 0
    device: Pointer = field(init=False)

    def __post_init__(self) -> None:
        sdk = self.sdk
        self.device = Pointer(sdk("rs2_create_software_device"))
        for info, text in ((NAME, "Software D435"), (SERIAL, self.serial)):
            sdk("rs2_software_device_register_info", self.device, info, text.encode(), returns=None)
        self.color_sensor = Pointer(sdk("rs2_software_device_add_sensor", self.device, b"RGB Camera"))
        self.depth_sensor = None
        self.profiles: dict[tuple[int, tuple[int, int, int]], Pointer] = {}
        uid = int(self.serial) * 100
        for mode in self.modes:
            uid += 2
            self.profiles[COLOR, mode] = self._add_stream(self.color_sensor, COLOR, RGB8, 3, mode, uid)
        if self.depth:
            self.depth_sensor = Pointer(sdk("rs2_software_device_add_sensor", self.device, b"Stereo Module"))
            add_option = "rs2_software_sensor_add_read_only_option"
            sdk(add_option, self.depth_sensor, DEPTH_UNITS, ctypes.c_float(0.001), returns=None)
            extrinsics = Extrinsics((1, 0, 0, 0, 1, 0, 0, 0, 1), (self.baseline_m, 0, 0))
            for mode in self.modes:
                uid += 2
                profile = self._add_stream(self.depth_sensor, DEPTH, Z16, 2, mode, uid)
                self.profiles[DEPTH, mode] = profile
                register = "rs2_register_extrinsics"
                sdk(register, profile, self.profiles[COLOR, mode], extrinsics, returns=None)
        sdk("rs2_software_device_create_matcher", self.device, MATCH_BY_TIME, returns=None)

    @property
    def address(self) -> int:
        assert self.device.value is not None
        return self.device.value

    def add_option(self, option: int, least: float, greatest: float, usual: float) -> None:
        floats = (ctypes.c_float(value) for value in (least, greatest, 1.0, usual))
        self.sdk("rs2_software_sensor_add_option", self.color_sensor, option, *floats, 1, returns=None)

    def option(self, option: int) -> float:
        return float(self.sdk("rs2_get_option", self.color_sensor, option, returns=ctypes.c_float))

    def set_metadata(self, which: int, value: int) -> None:
        number = ctypes.c_longlong(value)
        self.sdk("rs2_software_sensor_set_metadata", self.color_sensor, which, number, returns=None)

    def send_color(
        self, image: npt.NDArray[np.uint8], number: int, time_ms: float, domain: int = HARDWARE_CLOCK
    ) -> None:
        """One picture, uint8[H, W, 3]."""
        height, width = image.shape[:2]
        padded = np.zeros((height, width * 3 + self.padding), np.uint8)
        padded[:, : width * 3] = image.reshape(height, width * 3)
        self._send(self.color_sensor, COLOR, padded, (width, height), 3, number, time_ms, domain)

    def send_depth(
        self, depth: npt.NDArray[np.uint16], number: int, time_ms: float, domain: int = HARDWARE_CLOCK
    ) -> None:
        """One depth picture, uint16[H, W], in millimetres."""
        height, width = depth.shape
        assert self.depth_sensor is not None
        self._send(self.depth_sensor, DEPTH, depth, (width, height), 2, number, time_ms, domain)

    def delete(self) -> None:
        for sensor in (self.color_sensor, self.depth_sensor):
            if sensor is not None:
                self.sdk.library.rs2_delete_sensor(sensor)
        self.sdk.library.rs2_delete_device(self.device)

    def _add_stream(
        self, sensor: Pointer, kind: int, pixel_format: int, bpp: int, mode: tuple[int, int, int], uid: int
    ) -> Pointer:
        width, height, fps = mode
        lens = Intrinsics(width, height, width / 2, height / 2, width, width, 0)
        stream = VideoStream(kind, 0, uid, width, height, fps, bpp, pixel_format, lens)
        return Pointer(self.sdk("rs2_software_sensor_add_video_stream", sensor, stream))

    def _send(
        self,
        sensor: Pointer,
        kind: int,
        pixels: npt.NDArray[Any],
        size: tuple[int, int],
        bpp: int,
        number: int,
        time_ms: float,
        domain: int,
    ) -> None:
        data = np.ascontiguousarray(pixels)
        memory = Pointer(self.sdk.malloc(data.nbytes))
        ctypes.memmove(memory, data.ctypes.data, data.nbytes)
        profile = next(p for (stream, mode), p in self.profiles.items() if stream == kind and mode[:2] == size)
        stride = data.shape[1] * data.itemsize
        frame = VideoFrame(memory, self.sdk.free, stride, bpp, time_ms, domain, number, profile, 0.001)
        self.sdk("rs2_software_sensor_on_video_frame", sensor, frame, returns=None)
