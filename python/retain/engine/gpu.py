"""The GPU of this machine, asked of NVIDIA's driver itself: no toolkit, no torch.

The driver is asked first because TensorRT does not: without one its runtime can end the process (release 11.4, lean
runtime) or returns None with a message about a version.
"""

import ctypes
from dataclasses import dataclass

_LIBRARY = "libcuda.so.1"
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_{MAJOR,MINOR}


@dataclass(frozen=True)
class Gpu:
    """A GPU as the driver names it.

    Attributes:
        name: As in "Orin" or "NVIDIA H100 80GB HBM3".
        compute_capability: As in "8.7".
        driver: The newest CUDA version that the driver takes, as in "12.6".
    """

    name: str
    compute_capability: str
    driver: str


def find_gpu() -> Gpu | None:
    """The first GPU, or None where there is no driver or no GPU."""
    try:
        driver = ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
    device = ctypes.c_int()
    if driver.cuInit(0) != 0 or driver.cuDeviceGet(ctypes.byref(device), 0) != 0:
        return None
    name = ctypes.create_string_buffer(256)
    driver.cuDeviceGetName(name, len(name), device)
    version = ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(version))
    capability = ".".join(str(_attribute(driver, device, which)) for which in (_MAJOR, _MINOR))
    return Gpu(name.value.decode(), capability, f"{version.value // 1000}.{version.value % 1000 // 10}")


def _attribute(driver: ctypes.CDLL, device: ctypes.c_int, which: int) -> int:
    value = ctypes.c_int()
    driver.cuDeviceGetAttribute(ctypes.byref(value), which, device)
    return value.value
