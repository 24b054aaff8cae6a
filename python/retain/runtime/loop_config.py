"""From a configuration, a policy and a robot to the plain structure that the C++ loop takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from retain._core import runtime as core
from retain.bundle import Manifest
from retain.bundle.interface import ChannelLimits
from retain.errors import ConfigError
from retain.runtime.configuration import RunConfiguration
from retain.runtime.profile import ChannelProfile, RobotProfile


@dataclass(frozen=True)
class PolicyChannels:
    """What the loop must know of whoever says the rows.

    Attributes:
        state: What it sees of the robot, in its order.
        action: What it says, in its order.
        limits: That it asks for, by channel; the robot's own count where they are stricter.
        dt_s: Of a row.
        n_action_steps: Rows executed per inference where the configuration says nothing.
        flow_steps: Of the denoising loop; 0 where there is none.
        row_width: Columns of its rows: its channels, then padding.
        max_trained_delay: Rows that it was trained to continue.
        instruction: As its language encoder takes it.
    """

    state: list[core.StateChannel]
    action: list[core.ActionChannel]
    limits: Mapping[str, ChannelLimits]
    dt_s: float
    n_action_steps: int
    flow_steps: int
    row_width: int
    max_trained_delay: int
    instruction: core.Instruction


def channels_of(manifest: Manifest, tokens: npt.NDArray[np.int64], mask: npt.NDArray[np.bool_]) -> PolicyChannels:
    """A bundle's policy with an instruction.

    Args:
        manifest: Of the bundle.
        tokens: int64[max_tokens], the instruction.
        mask: bool[max_tokens], true where a token stands.
    """
    action, normalization = manifest.action, manifest.normalization
    state, said = normalization.state, normalization.action
    return PolicyChannels(
        state=[
            core.StateChannel(channel.name, offset, scale)
            for channel, offset, scale in zip(manifest.observation.state, state.offset, state.scale, strict=True)
        ],
        action=[
            core.ActionChannel(channel.name, offset, scale, channel.mode == "delta")
            for channel, offset, scale in zip(action.channels, said.offset, said.scale, strict=True)
        ],
        limits=dict(zip((channel.name for channel in action.channels), manifest.limits or (), strict=False)),
        dt_s=action.dt_s,
        n_action_steps=action.n_action_steps,
        flow_steps=manifest.flow_steps,
        row_width=manifest.action_width,
        max_trained_delay=manifest.max_trained_delay,
        instruction=core.Instruction(tokens.tolist(), mask.astype(np.uint8).tolist()),
    )


def check_rows_left(configuration: RunConfiguration, manifest: Manifest) -> None:
    """Refuse strategies that ask while a chunk plays, where nothing of the chunk is left by then.

    LeRobot's policies are saved so: their n_action_steps are the whole chunk.

    Raises:
        ConfigError: With the option to give.
    """
    rows, horizon = rows_between(configuration, manifest.action.n_action_steps), manifest.action.horizon
    if configuration.strategy == "sync" or rows != horizon:
        return
    whose = "the bundle's n_action_steps" if configuration.execute_rows is None else "--execute-rows"
    raise ConfigError(
        f"{configuration.strategy} asks for the next chunk while one plays, and after {rows} rows ({whose}) nothing is"
        f" left of a chunk of {horizon}; give --execute-rows {max(1, horizon // 2)}, or --strategy sync"
    )


def rows_between(configuration: RunConfiguration, n_action_steps: int) -> int:
    """s, the rows played between two requests."""
    return configuration.execute_rows or (1 if configuration.strategy == "ensemble" else n_action_steps)


def loop_config(configuration: RunConfiguration, policy: PolicyChannels, profile: RobotProfile) -> core.LoopConfig:
    """The plain structure that the C++ loop takes.

    Args:
        configuration: How to run.
        policy: That fits the robot (`retain.runtime.fit`).
        profile: The robot.
    """
    execute_rows = rows_between(configuration, policy.n_action_steps)
    hold_s = configuration.hold_timeout_s or 2 * execute_rows * policy.dt_s
    config = core.LoopConfig()
    config.rate_hz = configuration.rate_hz
    config.duration_s = configuration.duration_s
    config.strategy = _STRATEGY[configuration.strategy]
    config.max_trained_delay = policy.max_trained_delay
    config.guidance_limit = configuration.guidance_limit or float(max(policy.flow_steps, 1))
    config.ensemble_decay = configuration.ensemble_decay
    config.overlap_share = _OVERLAP_SHARE[configuration.overlap] if configuration.strategy == "async" else 1.0
    config.dt_s = policy.dt_s
    config.execute_rows = execute_rows
    config.flow_steps = max(policy.flow_steps, 1)
    config.row_width = policy.row_width
    config.seed = configuration.seed
    config.state = policy.state
    config.action = policy.action
    config.limits = [_limits(channel, policy.limits.get(channel.name)) for channel in profile.channels]
    config.following_error = [channel.following_error for channel in profile.channels]
    config.instruction = policy.instruction
    config.admission = core.AdmissionRules(
        out_of_bounds=_on_violation(configuration.out_of_bounds),
        too_fast=_on_violation(configuration.too_fast),
        seam=_on_violation(configuration.seam),
        too_jerky=_on_violation(configuration.too_jerky),
    )
    if configuration.workspace is not None:
        config.workspace = core.Workspace(configuration.workspace.low_m, configuration.workspace.high_m)
    config.attended = configuration.attended
    config.frozen_after = configuration.frozen_after
    config.keep_warm_s = configuration.keep_warm_s
    config.hot_speed = configuration.hot_speed
    config.crash_dump = "" if configuration.crash_dump is None else str(configuration.crash_dump)
    config.temperature_limit_c = profile.temperature_limit_c
    config.max_frame_age_s = configuration.max_frame_age_s
    config.state_timeout_s = configuration.state_timeout_s
    config.inference_timeout_s = configuration.inference_timeout_s
    config.hold_timeout_s = hold_s
    config.start_timeout_s = configuration.start_timeout_s
    config.rejections_to_stop = configuration.rejections_to_stop
    config.overruns_per_s_to_stop = round(configuration.overruns_to_stop * configuration.rate_hz)
    realtime = configuration.realtime
    config.realtime = core.RealtimeRequest(realtime.priority, realtime.cpu, realtime.lock_memory)
    config.log_s = configuration.log_s
    return config


_OVERLAP_SHARE = {"latest": 1.0, "weighted": 0.7}
"""Weight of the new chunk where it overlaps the running one; 0.7 is LeRobot's `weighted_average`."""

_STRATEGY = {
    "sync": core.Strategy.sync,
    "async": core.Strategy.async_,
    "ensemble": core.Strategy.ensemble,
    "rtc-guided": core.Strategy.rtc_guided,
    "rtc-prefix": core.Strategy.rtc_prefix,
}


def _limits(channel: ChannelProfile, declared: ChannelLimits | None) -> core.ChannelLimits:
    """The stricter of the robot's limits and those the bundle asks for."""
    low, high = channel.position_min, channel.position_max
    velocity, acceleration, jerk = channel.velocity, channel.acceleration, channel.jerk
    if declared is not None:
        low = max(low, low if declared.position_min is None else declared.position_min)
        high = min(high, high if declared.position_max is None else declared.position_max)
        velocity = min(velocity, declared.velocity or velocity)
        acceleration = min(acceleration, declared.acceleration or acceleration)
        jerk = min(jerk, declared.jerk or jerk)
    interpolation = core.Interpolation.linear if channel.interpolation == "linear" else core.Interpolation.hold
    return core.ChannelLimits(channel.name, interpolation, low, high, velocity, acceleration, jerk)


def _on_violation(rule: Literal["clamp", "reject"]) -> core.OnViolation:
    return core.OnViolation.clamp if rule == "clamp" else core.OnViolation.reject
