"""Policies of every family with a flow that learnt committed rows: continued in C++ as in PyTorch, and by the loop."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from retain._core import runtime as core
from retain._core.devices import SlotCamera, SlotRobot
from retain._core.runtime import sample_chunk
from retain.bundle import Bundle
from retain.engine import open_engine
from retain.errors import ConfigError
from retain.export.export import export_policy
from retain.policy import Affine, Normalization, load_policy, save_policy
from retain.policy.trained_delay import set_trained_delay
from retain.runtime import ChannelProfile, RobotProfile, RunConfiguration
from retain.runtime.loop_config import channels_of, loop_config

from ..evaluate.conftest import tiny_policy  # noqa: TID252 (tests are no package that could be named)
from ..policy.pi0 import tiny  # noqa: TID252
from ..policy.pi0.lerobot_files import adopt_pi0  # noqa: TID252
from ..policy.smolvla.lerobot_files import adopt_smolvla  # noqa: TID252
from ..policy.smolvla.small import small_policy  # noqa: TID252
from .chunking_oracle import philox_normal

TASK = "lift the red block"
TRAINED = 2
"""Committed rows that every policy here has learnt, of chunks of 6 or 8."""
ROW_S = 0.1


def pi(family: str, directory: Path) -> Path:
    """At ten rows a second, on an arm that is commanded in what it measures."""
    spec = tiny.spec(family)
    unit = Affine((0.0,) * 2, (0.3,) * 2)
    names = [channel.name for channel in spec.action]
    state = tuple(channel for name in names for channel in spec.state if channel.name == name)
    spec = replace(spec, dt_s=ROW_S, state=state, normalization=Normalization(unit, unit))
    return adopt_pi0(tiny.policy_of(spec), directory)


def compact(directory: Path) -> Path:
    save_policy(tiny_policy(), directory / "adopted")
    return directory / "adopted"


FAMILIES = {
    "compact": compact,
    "smolvla": lambda directory: adopt_smolvla(small_policy(), directory),
    "pi0": lambda directory: pi("pi0", directory),
    "pi05": lambda directory: pi("pi05", directory),
}


@pytest.fixture(scope="module", params=FAMILIES)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    torch.set_num_threads(1)
    directory = tmp_path_factory.mktemp(request.param)
    policy = load_policy(FAMILIES[request.param](directory))
    set_trained_delay(policy, TRAINED)
    save_policy(policy, directory / "trained")
    export_policy(directory / "trained", directory / "bundle")
    return Bundle.open(directory / "bundle")


def test_the_bundle_says_what_the_policy_was_trained_for(bundle: Bundle) -> None:
    assert bundle.manifest.max_trained_delay == TRAINED


@pytest.mark.parametrize("d", [1, TRAINED])
def test_cpp_continues_the_chunk_as_pytorch_does(bundle: Bundle, d: int) -> None:
    policy, engine = load_policy(bundle.path), open_engine(bundle)
    spec, rng = policy.spec, np.random.default_rng(d)
    images = [rng.integers(0, 256, (1, one.height, one.width, 3), dtype=np.uint8) for one in spec.cameras]
    state = rng.standard_normal((1, len(spec.state)), dtype=np.float32)
    tokens, mask = policy.encode([TASK])
    shape = (spec.horizon, spec.action_width)
    running = rng.standard_normal(shape, dtype=np.float32)
    running[:, len(spec.action) :] = 0.0
    noise = philox_normal(5, 9, shape[0] * shape[1]).reshape(1, *shape).astype(np.float32)
    with torch.no_grad():
        context = policy.prefix([torch.from_numpy(image) for image in images], tokens, mask, torch.from_numpy(state))
        expected = policy.draw(context, 1, noise, running[None, :d])[0].numpy()
        plain = policy.draw(context, 1, noise)[0].numpy()
    engine.prefix(images, tokens.numpy(), mask.numpy(), state)
    assert spec.flow is not None
    found = sample_chunk(engine, 5, 9, spec.flow.steps, "prefix", running, d, spec.horizon)
    assert np.array_equal(found[:d], running[:d])
    assert np.abs(found - expected).max() <= 1e-4 * max(1.0, np.abs(expected).max())
    assert np.abs(found[d:] - plain[d:]).max() > 1e-3


class Arm:
    """A perfect arm with the bundle's channels, in virtual time, before cameras whose pictures change."""

    def __init__(self, bundle: Bundle, strategy: str, delay_s: float, execute_rows: int = 4) -> None:
        manifest = bundle.manifest
        channels = manifest.action.channels
        self.robot = SlotRobot([(channel.name, channel.unit) for channel in channels])
        self.position = np.zeros(len(channels))
        self.cameras = [SlotCamera(one.role, one.height, one.width) for one in manifest.observation.cameras]
        self.sizes = [(one.height, one.width, 3) for one in manifest.observation.cameras]
        limits = {"velocity": 1e3, "acceleration": 1e6, "jerk": 1e9, "following_error": 1e3}
        profile = RobotProfile(
            "perfect",
            tuple(ChannelProfile(one.name, one.unit, one.interpolation, -1e3, 1e3, **limits) for one in channels),
        )
        configuration = RunConfiguration(
            strategy=strategy,
            execute_rows=execute_rows,
            rate_hz=100,
            max_frame_age_s=0.2,
            hold_timeout_s=2.0,
            log_s=60.0,
        )
        config = loop_config(configuration, channels_of(manifest, *bundle.tokenize(TASK)), profile)
        world = core.VirtualWorld()
        world.delay_s, world.frame_rate_hz, world.frame_latency_s = lambda _: delay_s, 50.0, 0.0
        world.each = self._after_tick
        self.loop = core.VirtualLoop(config, self.robot, self.cameras, open_engine(bundle), world)
        self._show(1.0)

    def run(self, duration_s: float) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        self.loop.run(duration_s)
        return self.loop.report(), self.loop.records()

    def _after_tick(self, time_s: float) -> bool:
        self._show(1.0 + time_s)
        return False

    def _show(self, time_s: float) -> None:
        if (command := self.robot.take_command()) is not None:
            self.position = command
        now_ns = round(time_s * 1e9)
        self.robot.push_state(now_ns, self.position)
        for camera, size in zip(self.cameras, self.sizes, strict=True):
            camera.push(now_ns, np.full(size, now_ns // 10_000_000 % 256, np.uint8))


def plans(bundle: Bundle, strategy: str) -> tuple[dict[str, Any], float]:
    """The report, and how far the plans are apart when the same answers come early and late within two rows."""
    reports, planned = [], []
    for delay_s in (0.11, 0.18):
        report, records = Arm(bundle, strategy, delay_s).run(4.0)
        reports.append(report)
        planned.append(records["planned"][60:])
    length = min(map(len, planned))
    return reports[-1], float(np.abs(planned[0][:length] - planned[1][:length]).max())


def test_the_loop_plays_the_committed_rows_unchanged(bundle: Bundle) -> None:
    """Until the answer comes the old chunk plays, from then on the new one, which begins with it: the same plan."""
    report, apart = plans(bundle, "rtc-prefix")
    assert report["spliced"] >= 5
    assert report["beyond_splice"] == 0
    assert apart < 1e-5
    _, apart = plans(bundle, "async")
    assert apart > 1e-3


def test_a_longer_delay_than_was_trained_is_refused(bundle: Bundle) -> None:
    arm = Arm(bundle, "rtc-prefix", (TRAINED + 0.5) * ROW_S, execute_rows=TRAINED + 1)
    with pytest.raises(ConfigError, match=f"the policy was trained to continue at most {TRAINED}"):
        arm.run(1.0)
