"""Pictures without a display: EGL, or OSMesa where there is no EGL.

Shadows, reflections and multisampling are off (the scene's MJCF and the flags below): a software rasterizer is ten
times faster without them, and pictures of 64×64 pixels lose nothing.
"""

import atexit
import ctypes
import os
import weakref
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from retain.errors import SimulationError
from retain.sim.simulator import mujoco

_BACKENDS = {"egl": "libEGL.so.1", "osmesa": "libOSMesa.so.8"}


def _has_egl_device() -> bool:
    try:
        egl = ctypes.CDLL(_BACKENDS["egl"])
    except OSError:
        return False
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    egl.eglGetProcAddress.argtypes = [ctypes.c_char_p]
    address = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    if not address:
        return False
    prototype = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int))
    count = ctypes.c_int(0)
    return bool(prototype(address)(0, None, ctypes.byref(count))) and count.value > 0


def _has_osmesa() -> bool:
    try:
        ctypes.CDLL(_BACKENDS["osmesa"])
    except OSError:
        return False
    return True


def backend() -> str:
    """The way to render here: "egl" or "osmesa"; `MUJOCO_GL` decides where it is set to one of them.

    Raises:
        SimulationError: Neither is installed.
    """
    asked = os.environ.get("MUJOCO_GL", "").lower()
    if asked in _BACKENDS:
        return asked
    if _has_egl_device():
        return "egl"
    if _has_osmesa():
        return "osmesa"
    raise SimulationError(
        "found neither EGL nor OSMesa to render with;"
        " run: apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri (or libosmesa6)"
    )


def _gl_context(size: int) -> Any:
    name = backend()
    # Mesa's software rasterizer starts a thread per core; for pictures of 64×64 they cost more than they bring, and
    # evaluation has a process per core already. Read once, when the library is loaded; a GPU's driver ignores it.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    try:
        if name == "egl":
            from mujoco.egl import GLContext
        else:
            from mujoco.osmesa import GLContext
        return GLContext(size, size)
    except (ImportError, AttributeError, RuntimeError) as error:
        raise SimulationError(
            f"rendering through {name} failed ({error});"
            " run: apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri (or libosmesa6)"
        ) from error


class Renderer:
    """Square pictures of one size from one model.

    Args:
        model: The compiled scene.
        size: Height and width in pixels.

    Raises:
        SimulationError: This machine cannot render.
    """

    def __init__(self, model: mujoco.MjModel, size: int) -> None:
        self._model = model
        self._rect = mujoco.MjrRect(0, 0, size, size)
        self._pixels = np.empty((size, size, 3), np.uint8)
        self._gl = _gl_context(size)
        self._gl.make_current()
        self._scene = mujoco.MjvScene(model, maxgeom=200)
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[flag] = 0
        self._option = mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_resizeOffscreen(size, size, self._context)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._close = weakref.finalize(self, _free, self._gl, self._context)
        self._close.atexit = False
        _open.add(self)
        _close_at_exit()

    def render(self, data: mujoco.MjData, camera: str, model: mujoco.MjModel | None = None) -> npt.NDArray[np.uint8]:
        """A picture of the current state: RGB, shape (size, size, 3), first row at the top.

        Args:
            data: The state.
            camera: The camera's name.
            model: The state's model where it is another one with the same meshes and textures.
        """
        model = model or self._model
        # mj_step leaves the poses of the step's start behind; a picture shows those of the current qpos.
        mujoco.mj_kinematics(model, data)
        self._gl.make_current()
        self._camera.fixedcamid = model.cam(camera).id
        mujoco.mjv_updateScene(model, data, self._option, None, self._camera, mujoco.mjtCatBit.mjCAT_ALL, self._scene)
        mujoco.mjr_render(self._rect, self._scene, self._context)
        mujoco.mjr_readPixels(self._pixels, None, self._rect, self._context)
        return np.ascontiguousarray(self._pixels[::-1])

    def close(self) -> None:
        """Give the graphics memory back; closing twice is harmless."""
        self._close()


_open: "weakref.WeakSet[Renderer]" = weakref.WeakSet()


@cache
def _close_at_exit() -> None:
    """Free contexts before MuJoCo's exit handler ends OpenGL: handlers run in the reverse order of registration, so
    ours must be registered after the first context was made, which `weakref.finalize` alone cannot promise.
    """
    atexit.register(_close_all)


def _close_all() -> None:
    for renderer in list(_open):
        renderer.close()


def _free(gl: Any, context: Any) -> None:
    gl.make_current()
    context.free()
    gl.free()
