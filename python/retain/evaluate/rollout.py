"""Episodes in lock-step: many simulations, one decision for all of them, the next episode as soon as one ends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from retain.evaluate.player import Player
from retain.worlds import Episode, Simulation, World

_NOISE_STREAM = 2  # the expert's disturbances are stream 1 of an episode's seed
_FIRST_PICTURE = 64  # pixels


@dataclass(frozen=True)
class Outcome:
    """How one episode went.

    Attributes:
        seed: The episode's.
        skill: In canonical words.
        success: Whether it was done within the cap, as judged by the world.
        steps: Control steps until success, or the cap.
    """

    seed: int
    skill: str
    success: bool
    steps: int


class Arena:
    """Simulations that are used again and again, because setting up a renderer takes longer than an episode.

    Args:
        world: What is simulated.
        size: How many run beside each other, fewer where the world asks for it.

    Raises:
        RetainError: The world's simulator is not installed.
    """

    def __init__(self, world: World, size: int) -> None:
        self.size = min(size, world.most_beside)
        self._camera = world.cameras[0]
        self._stage = world.stage()
        self._sims: list[Simulation] = []

    def prepare(self, episode: Episode) -> None:
        """Take a first picture, so that the rendering library is loaded and its exit handler registered."""
        sim = self.sims(1)[0]
        sim.reset(episode)
        sim.image(self._camera, _FIRST_PICTURE)

    def sims(self, count: int) -> list[Simulation]:
        """At most `size` simulations, `count` if that is fewer."""
        wanted = min(count, self.size)
        while len(self._sims) < wanted:
            self._sims.append(self._stage.simulation())
        return self._sims[:wanted]

    def close(self) -> None:
        """Free the renderers."""
        for sim in self._sims:
            sim.close()
        self._sims.clear()
        self._stage.close()

    def __enter__(self) -> "Arena":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass
class _Trial:
    index: int
    episode: Episode
    sim: Simulation
    noise: np.random.Generator


def run_episodes(
    player: Player, episodes: Sequence[Episode], arena: Arena, finished: Callable[[], None] | None = None
) -> list[Outcome]:
    """Let a player do episodes.

    An episode's outcome depends on the player and the episode alone: its scene and its noise come from its seed, and
    the player's arithmetic has the same shape whatever runs beside it.

    Args:
        player: Decides.
        episodes: What to do.
        arena: Where.
        finished: Called after each episode.

    Returns:
        One outcome per episode, in their order.
    """
    outcomes: list[Outcome | None] = [None] * len(episodes)
    free = arena.sims(len(episodes))
    waiting = list(enumerate(episodes))[::-1]
    live: list[_Trial] = []
    while waiting or live:
        while waiting and free:
            index, episode = waiting.pop()
            trial = _Trial(index, episode, free.pop(), np.random.default_rng([episode.seed, _NOISE_STREAM]))
            trial.sim.reset(episode)
            live.append(trial)
        noise = np.stack([trial.noise.standard_normal(player.noise_shape, dtype=np.float32) for trial in live])
        plans = player.plan([trial.sim for trial in live], noise)
        going = []
        for trial, rows in zip(live, plans, strict=True):
            success = False
            for row in rows:
                success = trial.sim.step(row)
                if success or trial.sim.steps >= trial.sim.max_steps:
                    break
            if not success and trial.sim.steps < trial.sim.max_steps:
                going.append(trial)
                continue
            outcomes[trial.index] = Outcome(trial.episode.seed, trial.episode.task, success, trial.sim.steps)
            free.append(trial.sim)
            if finished is not None:
                finished()
        live = going
    return [outcome for outcome in outcomes if outcome is not None]
