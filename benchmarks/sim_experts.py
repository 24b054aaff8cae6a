"""Can the tabletop's experts do every task, within the arm's limits, and how fast is the simulation?

    python benchmarks/sim_experts.py [--per-relation 104]

Prints success by relation and by suite, the share of commands within the limits and times, and writes
benchmarks/results/sim_experts.json.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine_facts
from retain.sim import (
    COLORS,
    DEMO_SKILL,
    PRETRAINING_VARIATION,
    SUITES,
    Skill,
    Tabletop,
    episodes,
    expert_action,
    pretraining,
    record_episode,
)
from retain.sim.arm import LIMITS
from retain.sim.skill import RELATIONS
from retain.sim.suites import Episode
from retain.sim.tabletop import DT_S, MAX_STEPS

RESULTS = Path(__file__).parent / "results" / "sim_experts.json"
SEED = 20_000


class Tally:
    """Outcomes and commands of the episodes that an expert played."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.failed: list[Episode] = []
        self.velocity: list[np.ndarray[Any, Any]] = []
        self.acceleration: list[np.ndarray[Any, Any]] = []

    def play(self, sim: Tabletop, episode: Episode) -> None:
        """Let the expert do one episode and count it."""
        sim.reset(episode.skill, episode.variation, episode.seed)
        command, velocity, done = sim.command.copy(), np.zeros(6), False
        while not done and sim.steps < MAX_STEPS:
            done = sim.step(expert_action(sim))
            new = (sim.command - command) / DT_S
            self.velocity.append(np.abs(new))
            self.acceleration.append(np.abs(new - velocity) / DT_S)
            command, velocity = sim.command.copy(), new
        self.steps.append(sim.steps)
        if not done:
            self.failed.append(episode)

    def row(self) -> dict[str, Any]:
        """Successes, n, and how many steps it took."""
        n = len(self.steps)
        return {
            "successes": n - len(self.failed),
            "n": n,
            "steps_mean": round(float(np.mean(self.steps)), 1),
            "steps_max": max(self.steps),
        }


def _limits(tallies: list[Tally]) -> dict[str, Any]:
    velocity = np.concatenate([tally.velocity for tally in tallies])
    acceleration = np.concatenate([tally.acceleration for tally in tallies])
    within = (velocity <= LIMITS.velocity).all(1) & (acceleration <= LIMITS.acceleration).all(1)
    return {
        "commands": int(within.size),
        "share_within": float(within.mean()),
        "velocity_max_rad_s": velocity.max(0).round(2).tolist(),
        "velocity_p99_rad_s": np.percentile(velocity, 99, axis=0).round(2).tolist(),
        "acceleration_max_rad_s2": acceleration.max(0).round(1).tolist(),
        "acceleration_p99_rad_s2": np.percentile(acceleration, 99, axis=0).round(1).tolist(),
    }


def _milliseconds(what: Any, repeats: int) -> float:
    """Median time of a call, ms."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        what()
        times.append(time.perf_counter() - start)
    return round(float(np.median(times)) * 1e3, 3)


def _times(sim: Tabletop) -> dict[str, float]:
    sim.reset(DEMO_SKILL, PRETRAINING_VARIATION, 0)
    hold = np.array([*sim.command, 0.0])
    times = {
        "control_step_ms": _milliseconds(lambda: sim.step(hold), 300),
        "expert_ms": _milliseconds(lambda: expert_action(sim), 300),
        "render_64_ms": _milliseconds(sim.image, 300),
        "render_256_ms": _milliseconds(lambda: sim.image(256), 100),
        "reset_ms": _milliseconds(lambda: sim.reset(DEMO_SKILL, PRETRAINING_VARIATION, 0), 100),
    }
    start, trials = time.perf_counter(), pretraining(100, SEED)
    frames = sum(len(record_episode(sim, trial, 0.01 * (i % 2)).frames["action"]) for i, trial in enumerate(trials))
    seconds = time.perf_counter() - start
    return times | {
        "record_episodes_per_s": round(len(trials) / seconds, 1),
        "record_frames_per_s": round(frames / seconds, 1),
    }


def main() -> None:
    """Run everything, print it, write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-relation", type=int, default=104, help="episodes per verb and place, over all colours")
    parser.add_argument("--per-suite", type=int, default=100, help="episodes per suite, demo skill")
    arguments = parser.parse_args()
    sim, colors = Tabletop(), list(COLORS)
    relations: dict[str, Tally] = {}
    suites: dict[str, Tally] = {}
    for verb, place in RELATIONS:
        tally = relations[f"{verb} {place or ''}".strip()] = Tally()
        for index in range(arguments.per_relation):
            skill = Skill(verb, colors[index % len(colors)], place)
            tally.play(sim, Episode(skill, PRETRAINING_VARIATION, SEED + index))
    for name in SUITES:
        tally = suites[name] = Tally()
        for episode in episodes(name, DEMO_SKILL, arguments.per_suite, SEED):
            tally.play(sim, episode)
    result: dict[str, Any] = {
        "relations": {name: tally.row() for name, tally in relations.items()},
        "suites": {name: tally.row() for name, tally in suites.items()},
        "limits": _limits([*relations.values(), *suites.values()]),
        "times": _times(sim),
        "machine": machine_facts(("mujoco", "mink", "daqp", "numpy")),
    }
    sim.close()
    for name, row in [*result["relations"].items(), *result["suites"].items()]:
        print(f"{name:20} {row['successes']:4}/{row['n']:<4} steps {row['steps_mean']:5} (max {row['steps_max']})")
    print(json.dumps({key: result[key] for key in ("limits", "times")}, indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
