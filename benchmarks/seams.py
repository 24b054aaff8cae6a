"""The seam and the success of every execution strategy at inference delays of 0 to 20 rows, in simulation.

    python benchmarks/seams.py [--episodes 40] [--workers 2]

The shipped base drives the tabletop from the C++ loop in virtual time; a request takes exactly d rows of 0.1 s. What is
infeasible (d ≤ s ≤ H − d, d ≤ d_max for rtc-prefix) is refused by the loop, and said so here. Rows between requests:
s = max(4, d), the bundle's own 4 where the delay allows it.

Beside that, two questions at chosen delays: how many rows a chunk is good for (sync, s), and how strongly to guide
(rtc-guided, β).

The seam is the step of the plan from one tick to the next where another chunk takes over, the largest over the joints;
beside it stand the steps inside chunks. Episodes are the same for all strategies and delays.
"""

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from machine import machine_facts
from retain.errors import ConfigError
from retain.runtime import STRATEGIES, RunConfiguration, Strategy, World, simulate_bundle

RESULTS = Path(__file__).parent / "results"
DELAYS = range(21)
SYNC_ROWS = (4, 8, 12, 16)
"""s of sync without delay."""
GUIDED_DELAYS = (0, 2, 4)
GUIDANCE = (2.0, 5.0, 8.0, 16.0, 50.0)
"""β of rtc-guided; 8 is the number of flow steps, which the loop takes by itself."""
JOINTS = 6
ROW_S = 0.1
DURATION_S = 15.0
TASK = "push the blue block far left"
"""Only names the scenes; the suite `generalist` draws its own tasks, all of them the base's."""


@dataclass(frozen=True)
class Setting:
    """What is run: a strategy at a delay. Without rows between requests it takes max(4, d), without β its own."""

    strategy: Strategy
    delay_rows: int
    execute_rows: int | None = None
    guidance_limit: float | None = None


@dataclass(frozen=True)
class Outcome:
    """One setting; `refused` is the loop's own sentence where it did not start.

    Attributes:
        seam_p99: 99th percentile of the plan's step at a seam, rad per tick.
        inside_p99: The same inside chunks.
        sent_seam_p99: Of the commands, after the limiter.
        sent_inside_p99: The same inside chunks.
    """

    strategy: str
    delay_rows: int
    execute_rows: int
    guidance_limit: float | None
    episodes: int = 0
    successes: int = 0
    seams: int = 0
    seam_p99: float | None = None
    inside_p99: float | None = None
    sent_seam_p99: float | None = None
    sent_inside_p99: float | None = None
    beyond_splice: int = 0
    holds: int = 0
    refused: str | None = None

    @property
    def success_percent(self) -> float:
        """Of the episodes."""
        return 100 * self.successes / self.episodes

    @property
    def seam_ratio(self) -> float:
        """The seam beside the steps inside chunks; NaN where there was none."""
        return self.seam_p99 / self.inside_p99 if self.seam_p99 and self.inside_p99 else float("nan")


def steps(series: npt.NDArray[np.float64], chunk: npt.NDArray[np.uint64]) -> tuple[list[float], list[float]]:
    """Steps of a series [T, C] from tick to tick, the largest over the joints: (at seams, inside chunks)."""
    largest = np.abs(np.diff(series[:, :JOINTS], axis=0)).max(axis=1)
    both = (chunk[1:] > 0) & (chunk[:-1] > 0)
    changed = chunk[1:] != chunk[:-1]
    return largest[both & changed].tolist(), largest[both & ~changed].tolist()


def measure(bundle_path: str, setting: Setting, episodes: int) -> Outcome:
    """Run the episodes of one setting."""
    from retain.bundle import Bundle
    from retain.engine import open_engine
    from retain.runtime.mujoco import open_tabletop
    from retain.sim import episodes as draw
    from retain.sim import parse_instruction

    bundle = Bundle.open(bundle_path)
    engine = open_engine(bundle)
    strategy, delay, beta = setting.strategy, setting.delay_rows, setting.guidance_limit
    rows = 1 if strategy == "ensemble" else max(bundle.manifest.action.n_action_steps, delay)
    rows = setting.execute_rows or min(rows, bundle.manifest.action.horizon)
    configuration = RunConfiguration(
        strategy=strategy,
        duration_s=DURATION_S,
        log_s=DURATION_S + 2,
        execute_rows=rows,
        guidance_limit=beta,
        inference_timeout_s=10.0,
    )
    # Two ticks below d rows, so that d rows are what has begun when the answer comes.
    world = World(delay_s=max(delay * ROW_S - 4e-3, 0.0), frame_latency_s=0.0)
    tallies: dict[str, list[float]] = {"seam": [], "inside": [], "sent_seam": [], "sent_inside": []}
    done = beyond = holds = 0
    for number, episode in enumerate(draw("generalist", parse_instruction(TASK), episodes, seed=11)):
        scene = open_tabletop(episode, camera_rate_hz=0)
        try:
            one = configuration.model_copy(update={"seed": number})
            words = scene.sim.instruction  # the task that this scene is about
            run = simulate_bundle(bundle, scene.devices, words, one, world, engine=engine, watch=scene.watch)
        except ConfigError as error:
            return Outcome(strategy, delay, rows, beta, refused=str(error))
        finally:
            scene.sim.close()
        done += bool(run.report.success)
        beyond += run.report.beyond_splice
        holds += run.report.holds
        for prefix, series in (("", run.record.planned), ("sent_", run.record.sent)):
            at_seams, inside = steps(series, run.record.chunk)
            tallies[f"{prefix}seam"] += at_seams
            tallies[f"{prefix}inside"] += inside
    p99 = {name: float(np.percentile(tally, 99)) if tally else None for name, tally in tallies.items()}
    return Outcome(
        strategy,
        delay,
        rows,
        beta,
        episodes,
        done,
        len(tallies["seam"]),
        p99["seam"],
        p99["inside"],
        p99["sent_seam"],
        p99["sent_inside"],
        beyond,
        holds,
    )


def every(bundle: str, settings: list[Setting], episodes: int, workers: int) -> Iterator[Outcome]:
    """The outcomes in the order of the settings, as they are finished."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(measure, bundle, setting, episodes) for setting in settings]
        for future in futures:
            outcome = future.result()
            words = [f"d = {outcome.delay_rows:2}", f"{outcome.strategy:<11}", f"s = {outcome.execute_rows:2}"]
            words += [f"β = {outcome.guidance_limit:g}"] if outcome.guidance_limit is not None else []
            done = f"{outcome.success_percent:3.0f} %, seam {outcome.seam_ratio:.2f}" if outcome.episodes else ""
            print(*words, outcome.refused or done, flush=True)
            yield outcome


def draw(outcomes: list[Outcome], path: Path) -> None:
    """Seam and success over the delay, one line per strategy; a line ends where the loop refuses."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(12.5, 4.6), layout="constrained")
    colors = dict(zip(STRATEGIES, ("#767676", "#0072b2", "#e69f00", "#009e73", "#d55e00"), strict=True))
    for strategy in STRATEGIES:
        ran = [one for one in outcomes if one.strategy == strategy and one.refused is None]
        delays = [one.delay_rows for one in ran]
        style: dict[str, Any] = {"color": colors[strategy], "marker": "o", "markersize": 4, "label": strategy}
        left.plot(delays, [one.seam_ratio for one in ran], **style)
        right.plot(delays, [one.success_percent for one in ran], **style)
        if ran and delays[-1] < DELAYS[-1]:
            right.plot(delays[-1], ran[-1].success_percent, "x", color=colors[strategy], ms=10)
    left.axhline(1.2, color="#bbbbbb", lw=1, zorder=0)
    left.set(yscale="log", xlabel="inference delay d [rows of 0.1 s]", ylabel="p99 at seams / p99 inside chunks")
    left.set_title("step of the plan where another chunk takes over", loc="left", fontsize=10)
    right.set(ylim=(0, 100), xlabel="inference delay d [rows of 0.1 s]", ylabel="success [%]")
    right.set_title("tasks done; ✕: the longest delay that the loop accepts", loc="left", fontsize=10)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xticks(range(0, 21, 2))
        axes.grid(axis="y", color="#eeeeee", zorder=0)
    left.legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)


def table(outcomes: list[Outcome]) -> str:
    """One row per delay: success % and seam ratio of every strategy."""
    lines = ["d    " + "".join(f"{strategy:>20}" for strategy in STRATEGIES), "     " + "    success  seam ratio" * 5]
    by_place = {(one.delay_rows, one.strategy): one for one in outcomes}
    for delay in DELAYS:
        cells = []
        for strategy in STRATEGIES:
            one = by_place[delay, strategy]
            if one.refused is not None:
                cells.append(f"{'refused':>20}")
                continue
            cells.append(f"{one.success_percent:>10.0f} %{one.seam_ratio:>8.2f}")
        lines.append(f"{delay:<5}" + "".join(cells))
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, write the JSON and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, help="a tabletop bundle; without it the shipped base is exported")
    parser.add_argument("--episodes", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=RESULTS / "seams.json")
    args = parser.parse_args()
    bundle = args.bundle or _export()
    by_delay = [Setting(strategy, delay) for delay in DELAYS for strategy in STRATEGIES]
    by_rows = [Setting("sync", 0, rows) for rows in SYNC_ROWS]
    by_guidance = [Setting("rtc-guided", delay, None, beta) for delay in GUIDED_DELAYS for beta in GUIDANCE]
    settings = [*by_delay, *by_rows, *by_guidance]
    everything = list(every(str(bundle), settings, args.episodes, args.workers))
    outcomes, rest = everything[: len(by_delay)], everything[len(by_delay) :]
    result = {
        "machine": machine_facts(("numpy", "onnxruntime", "mujoco")),
        "episodes": args.episodes,
        "row_s": ROW_S,
        "by_delay": [asdict(outcome) for outcome in outcomes],
        "sync_by_rows": [asdict(outcome) for outcome in rest[: len(by_rows)]],
        "guided_by_limit": [asdict(outcome) for outcome in rest[len(by_rows) :]],
    }
    args.output.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draw(outcomes, args.output.with_suffix(".png"))
    print(table(outcomes))


def _export() -> Path:
    from retain.cli.main import main as retain

    path = Path(__file__).parents[1] / "build" / "seams.bundle"
    if not path.exists() and retain(["export", "compact-base", "-o", str(path)]) != 0:
        raise SystemExit("the base could not be exported")
    return path


if __name__ == "__main__":
    main()
