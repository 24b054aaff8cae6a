"""LIBERO's simulator under the protocol's names, with the conventions of its published data."""

import math
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from retain.errors import SimulationError
from retain.sim.rendering import backend
from retain.worlds.libero.tasks import MAX_STEPS, LiberoEpisode, LiberoTask, load
from retain.worlds.world import Floats

CAMERAS: Final = {"image": "agentview", "image2": "robot0_eye_in_hand"}
"""Role in LeRobot's data → LIBERO's camera."""

SETTLING: Final = (0.0,) * 6 + (-1.0,)
"""The row that keeps the arm still and the gripper open."""

SETTLING_ROWS: Final = 10
"""Carried out after a reset, while things fall to rest, and not counted; as openpi and LeRobot do."""


class LiberoStage:
    """Makes simulations; they share nothing."""

    def __init__(self) -> None:
        libero = load()
        os.environ.setdefault("MUJOCO_GL", backend())
        assets = getattr(libero, "get_assets_path", None)  # hf-libero downloads them; LIBERO's own repository has them
        if assets is not None and not Path(assets()).is_dir():
            raise SimulationError(
                "LIBERO's models are neither here nor could they be downloaded;"
                " run: hf download lerobot/libero-assets --repo-type dataset, with a network"
            )

    def simulation(self) -> "LiberoSimulation":
        """One more simulation."""
        return LiberoSimulation()

    def close(self) -> None:
        """Nothing is shared."""


class LiberoSimulation:
    """One of LIBERO's environments, replaced when the task changes.

    Rows are what LIBERO's controller takes, in [-1, 1]: changes of the gripper's pose, and -1 to open, 1 to close.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.max_steps = 0
        self.instruction = ""
        self._env: Any = None
        self._of: LiberoTask | None = None
        self._starts: npt.NDArray[np.float64]
        self._measured: Mapping[str, Any]

    def reset(self, episode: LiberoEpisode) -> None:
        """Set up an episode: LIBERO's own reset, then one of the task's official initial states, then rest."""
        if self._of != episode.of:
            self.close()
            self._env, self._starts = make_environment(episode.of), initial_states(episode.of)
            self._of = episode.of
        self._env.seed(episode.seed)
        self._env.reset()
        self._measured = self._env.set_init_state(self._starts[episode.start % len(self._starts)])
        for _ in range(SETTLING_ROWS):
            self._measured, _, _, _ = self._env.step(list(SETTLING))
        self.steps, self.max_steps = 0, MAX_STEPS[episode.of.suite]
        self.instruction = episode.of.language

    def step(self, row: npt.ArrayLike) -> bool:
        """Carry out one row; whether LIBERO calls the task done now.

        Raises:
            SimulationError: The row has another shape or is not finite.
        """
        values = np.asarray(row, np.float64)
        if values.shape != (len(SETTLING),) or not np.isfinite(values).all():
            raise SimulationError(f"expected a finite row of {len(SETTLING)} values; got {values}")
        self._measured, _, _, _ = self._env.step(values)
        self.steps += 1
        return bool(self._env.check_success())

    def state(self) -> Floats:
        """See `measured_state`."""
        return measured_state(self._measured)

    def image(self, camera: str, size: int) -> npt.NDArray[np.uint8]:
        """What a camera sees, turned by half as in the published data: RGB, shape (size, size, 3)."""
        picture = self._env.sim.render(camera_name=CAMERAS[camera], width=size, height=size)
        return np.ascontiguousarray(picture[::-1, ::-1])

    def expert_row(self) -> Floats:
        """LIBERO has none.

        Raises:
            SimulationError: Always.
        """
        raise SimulationError("LIBERO brings no scripted expert; evaluate policies alone")

    def close(self) -> None:
        """Free the environment."""
        if self._env is not None:
            self._env.close()
        self._env = self._of = None


def make_environment(task: LiberoTask) -> Any:
    """LIBERO's environment of a task, which renders only when asked to."""
    from libero.libero import get_libero_path
    from libero.libero.envs import OffScreenRenderEnv

    file = Path(get_libero_path("bddl_files")) / task.suite / f"{task.name}.bddl"
    return OffScreenRenderEnv(bddl_file_name=str(file), use_camera_obs=False)


def initial_states(task: LiberoTask) -> npt.NDArray[np.float64]:
    """The task's official initial states: flattened MuJoCo states, shape (50, D)."""
    from libero.libero import get_libero_path

    return read_states(Path(get_libero_path("init_states")) / task.suite / f"{task.name}.pruned_init")


def read_states(file: Path) -> npt.NDArray[np.float64]:
    """An array that LIBERO published as a pickle, by PyTorch's restricted reader, which makes arrays and nothing else.

    Raises:
        SimulationError: The file is missing, or holds something else.
    """
    import torch

    reconstruct: Any = np.empty(0).__reduce__()[0]
    homes = ("numpy.core.multiarray", "numpy._core.multiarray")  # of NumPy 1 and 2
    makers = [(reconstruct, f"{home}._reconstruct") for home in homes]
    try:
        with torch.serialization.safe_globals([*makers, np.ndarray, np.dtype, type(np.dtype(np.float64))]):
            states: npt.NDArray[np.float64] = torch.load(file, weights_only=True)
    except (OSError, pickle.UnpicklingError) as error:
        raise SimulationError(
            f"{file} is not an array of initial states ({str(error).splitlines()[0]});"
            " run: pip install --force-reinstall --no-deps hf-libero"
        ) from error
    return states


def measured_state(measured: Mapping[str, Any]) -> Floats:
    """What published LIBERO data calls its state.

    Args:
        measured: An observation of LIBERO's environment.

    Returns:
        float32 (8,): the gripper's position in m, its orientation as axis times angle in rad, its two fingers in m.
    """
    position, fingers = measured["robot0_eef_pos"], measured["robot0_gripper_qpos"]
    return np.array([*position, *axis_angle(measured["robot0_eef_quat"]), *fingers], np.float32)


def axis_angle(quaternion: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Axis times angle in [0, 2π] of a unit quaternion (x, y, z, w); robosuite's convention, which data follows."""
    x, y, z, w = np.asarray(quaternion, np.float64)
    w = float(np.clip(w, -1.0, 1.0))
    sine = math.sqrt(1.0 - w * w)
    if math.isclose(sine, 0.0):
        return np.zeros(3)
    return np.array([x, y, z]) * (2.0 * math.acos(w) / sine)
