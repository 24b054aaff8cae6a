"""The tabletop as a gymnasium environment, `retain/Tabletop-v0`."""

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from retain.errors import SimulationError, require
from retain.sim.arm import LIMITS
from retain.sim.record import IMAGE, STATE
from retain.sim.skill import PRETRAINING, Skill
from retain.sim.tabletop import MAX_STEPS, Tabletop
from retain.sim.variation import PRETRAINING_VARIATION, Variation
from retain.sim.wording import parse_instruction

if TYPE_CHECKING:
    import gymnasium
else:
    gymnasium = require("gymnasium", extra="sim")

ENVIRONMENT_ID: Final = "retain/Tabletop-v0"
TASK: Final = "task"
FILM_SIZE: Final = 256

Observation = dict[str, Any]


class TabletopEnv(gymnasium.Env[Observation, npt.NDArray[np.float32]]):  # type: ignore[misc]
    """One control step is 0.1 s; the reward is 1 in the step that succeeds, which also ends the episode.

    Observations are a dictionary: `observation.images.front` uint8 (H, W, 3); `observation.state` float32 (7,): joint
    positions in rad and suction. Actions are float32 (7,): absolute joint targets in rad and suction (on above 0.5).
    The instruction is in the information dictionary as `task`, beside `success`: vector environments that share
    memory between processes hand on numbers alone.

        env = gymnasium.make("retain.sim.environment:retain/Tabletop-v0", skill="lift the red block")
        envs = gymnasium.make_vec("retain.sim.environment:retain/Tabletop-v0", num_envs=4)

    Args:
        skill: A skill, or an instruction; by default every episode draws one from the pretraining mix.
        variation: What episodes are drawn from.
        camera_size: Height and width of the picture.
        render_mode: "rgb_array" for pictures of 256×256 from `render`.

    Raises:
        SimulationError: The instruction is no skill's.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(
        self,
        skill: Skill | str | None = None,
        variation: Variation = PRETRAINING_VARIATION,
        camera_size: int = 64,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise SimulationError(f"found render_mode {render_mode!r}; expected 'rgb_array' or None")
        self.render_mode = render_mode
        self._skill = parse_instruction(skill) if isinstance(skill, str) else skill
        self._variation = variation
        self._sim = Tabletop(camera_size)
        low = np.array([*LIMITS.position_min, 0.0], np.float32)
        high = np.array([*LIMITS.position_max, 1.0], np.float32)
        # A servo may overshoot a stop a little; the observation's box leaves room for that.
        margin = np.array([0.1] * len(LIMITS.position_min) + [0.0], np.float32)
        self.action_space = gymnasium.spaces.Box(low, high, dtype=np.float32)
        self.observation_space = gymnasium.spaces.Dict(
            {
                IMAGE: gymnasium.spaces.Box(0, 255, (camera_size, camera_size, 3), np.uint8),
                STATE: gymnasium.spaces.Box(low - margin, high + margin, dtype=np.float32),
            }
        )

    @property
    def sim(self) -> Tabletop:
        """The simulation underneath, for experts and handovers."""
        return self._sim

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; `options` may hold a `skill` and a `variation` for this episode alone."""
        super().reset(seed=seed)
        options = options or {}
        drawn = PRETRAINING[int(self.np_random.integers(len(PRETRAINING)))]
        skill = options.get("skill", self._skill) or drawn
        variation = options.get("variation", self._variation)
        self._sim.reset(skill, variation, int(self.np_random.integers(2**32)))
        return self._observation(), self._information(self._sim.success())

    def step(self, action: npt.NDArray[np.float32]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Carry out one action row."""
        done = self._sim.step(action)
        return self._observation(), float(done), done, False, self._information(done)

    def render(self) -> Any:
        """A picture for people, uint8 (256, 256, 3), if the environment was made with `rgb_array`."""
        return self._sim.image(FILM_SIZE) if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Free the renderers."""
        self._sim.close()

    def _observation(self) -> Observation:
        return {IMAGE: self._sim.image(), STATE: self._sim.state()}

    def _information(self, success: bool) -> dict[str, Any]:
        return {TASK: self._sim.instruction, "success": success}


def register() -> None:
    """Make `ENVIRONMENT_ID` known to gymnasium."""
    if ENVIRONMENT_ID not in gymnasium.registry:
        gymnasium.register(
            ENVIRONMENT_ID, entry_point="retain.sim.environment:TabletopEnv", max_episode_steps=MAX_STEPS
        )


register()
