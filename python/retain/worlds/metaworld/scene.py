"""One of Meta-World's environments, driven the way this protocol drives a robot. All of its particulars are here."""

import importlib.metadata
import pickle
import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from retain.errors import SimulationError
from retain.worlds.metaworld.suites import MetaworldEpisode, narrowed
from retain.worlds.world import Floats

if TYPE_CHECKING:
    from types import ModuleType

CHANNELS: Final = ("hand_x_m", "hand_y_m", "hand_z_m", "gripper")
MAX_STEPS: Final = 500
"""Meta-World's own cap, 6.25 s."""

CAMERA_M: Final = {"corner2": (0.75, 0.075, 0.7)}
"""Where `corner2` is moved to, m: nearer, as in Seo et al. 2022 (arXiv 2206.14244) and in LeRobot's data."""

_TABLE = "table_wood"
_CAMERA_STREAM = 3  # 1 and 2 are the expert's and the policy's noise


def load() -> "ModuleType":
    """Import Meta-World.

    Raises:
        SimulationError: It, or the MuJoCo it was made for, is not installed.
    """
    own = "run: python -m venv metaworld && metaworld/bin/pip install 'retain-vla[train,metaworld]'"
    try:
        pinned = [one for one in importlib.metadata.requires("metaworld") or () if one.startswith("mujoco==")]
        wanted, found = pinned[0].removeprefix("mujoco=="), importlib.metadata.version("mujoco")
        if wanted != found:
            raise SimulationError(
                f"this Meta-World works with mujoco {wanted} alone and found {found};"
                f" give it an environment of its own, {own}"
            )
        import metaworld.env_dict
        import metaworld.policies
        import metaworld.types
    except (importlib.metadata.PackageNotFoundError, ModuleNotFoundError) as error:
        raise SimulationError(
            f"{error.name} is not installed; Meta-World wants an older mujoco than the tabletop, so give it an"
            f" environment of its own, {own}"
        ) from error
    module: ModuleType = metaworld
    return module


class Scene:
    """A task's environment, set up again and again.

    An action row says where the hand's target is to be after 1/80 s, and how hard to close the gripper. Meta-World
    itself takes the target's change in cm, at most 1 along each axis.

    Args:
        task: A name of `TASKS`.

    Attributes:
        task: The same.
        steps: Rows carried out since the start.
    """

    def __init__(self, task: str) -> None:
        metaworld = load()
        kind = metaworld.env_dict.ALL_V3_ENVIRONMENTS[task]
        self.task = task
        self.steps = 0
        self._env = kind()
        self._expert = metaworld.policies.ENV_POLICY_MAP[task]()
        box = self._env._random_reset_space
        self._low, self._high = box.low.copy(), box.high.copy()
        # A task that shows the goal in the observation, which experts need; the start it holds is drawn anew below.
        shown = {"rand_vec": self._low, "env_cls": kind, "partially_observable": False}
        self._env.set_task(metaworld.types.Task(env_name=task, data=pickle.dumps(shown)))
        self._env._freeze_rand_vec = False
        self._env.seeded_rand_vec = True
        model = self._env.model
        # The published quality, shadows of 4096² and four samples a pixel, costs a software renderer ten times more.
        model.vis.quality.shadowsize = 0
        model.vis.quality.offsamples = 0
        for camera, position in CAMERA_M.items():
            model.camera(camera).pos[:] = position
        self._cameras = model.cam_pos.copy()
        self._lights = [(array, array.copy()) for array in _light_arrays(model)]
        self._table = model.material(_TABLE).rgba.copy()
        self._observation: npt.NDArray[np.float64]

    @property
    def model(self) -> Any:
        """The compiled MuJoCo model."""
        return self._env.model

    @property
    def data(self) -> Any:
        """Its state."""
        return self._env.data

    def start(self, episode: MetaworldEpisode) -> None:
        """Set up an episode: Meta-World's own reset, its box of starts narrowed to the episode's part."""
        from gymnasium.spaces import Box

        low, high = narrowed(self._low, self._high, episode.part)
        # Drawn by the environment itself, which rejects what its task cannot have, such as a puck too near its goal.
        self._env._random_reset_space = Box(low, high, dtype=np.float64)
        self._env.seed(episode.seed)
        self._dress(episode)  # before the reset, which is when MuJoCo works out where cameras are
        self._observation, _ = self._env.reset()
        self.steps = 0

    def step(self, row: npt.ArrayLike) -> bool:
        """Carry out one row; whether Meta-World calls the task done now.

        Raises:
            SimulationError: The row has another shape or is not finite.
        """
        values = np.asarray(row, np.float64)
        if values.shape != (len(CHANNELS),) or not np.isfinite(values).all():
            raise SimulationError(
                f"expected a finite row of {len(CHANNELS)} values ({', '.join(CHANNELS)}); got {values}"
            )
        move = (values[:3] - self._target) / self._env.action_scale
        self._observation, _, _, _, info = self._env.step(np.clip([*move, values[3]], -1.0, 1.0))
        self.steps += 1
        return bool(info["success"] >= 1.0)

    def state(self) -> Floats:
        """Position of the hand, m, and how far the gripper is open, 0 to 1: float32 (4,)."""
        return self._observation[:4].astype(np.float32)

    def expert_row(self) -> Floats:
        """Meta-World's scripted expert, whose move is turned into the target that it leads to: float32 (4,)."""
        with warnings.catch_warnings():
            # It warns that moves longer than 1 cm are cut.
            warnings.simplefilter("ignore")
            action = np.clip(self._expert.get_action(self._observation), -1.0, 1.0)
        target = self._target + action[:3] * self._env.action_scale
        return np.array([*np.clip(target, self._env.mocap_low, self._env.mocap_high), action[3]], np.float32)

    def close(self) -> None:
        """Free the environment."""
        self._env.close()

    @property
    def _target(self) -> npt.NDArray[np.float64]:
        """Where the hand is being pulled to, m, shape (3,)."""
        target: npt.NDArray[np.float64] = self._env.data.mocap_pos[0]
        return target

    def _dress(self, episode: MetaworldEpisode) -> None:
        model, look = self._env.model, episode.look
        direction = np.random.default_rng([episode.seed, _CAMERA_STREAM]).normal(size=3)
        model.cam_pos[:] = self._cameras + look.camera_shift_m * direction / np.linalg.norm(direction)
        for array, published in self._lights:
            array[:] = np.clip(published * look.light, 0.0, 1.0)
        model.material(_TABLE).rgba[:] = self._table * (*look.table_rgb, 1.0)


def _light_arrays(model: Any) -> list[Any]:
    head = model.vis.headlight
    return [model.light_diffuse, model.light_specular, head.ambient, head.diffuse, head.specular]
