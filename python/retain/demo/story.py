"""The whole way in order: demonstrations, finetuning, α, bundle, evaluation, the arm, and the page that tells it."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from retain.bundle import Bundle
from retain.choose import GENERALIST, VALIDATION, Rollouts, Sweep, by_component, line, planned, sweep
from retain.choose.plots import plot_alpha_curve
from retain.demo.commands import Chosen, Say, choose, chosen, finetune, merge_export, record
from retain.demo.drive import Drive, drive
from retain.demo.settings import TEST_SUITES, DemoSettings
from retain.demo.telling import (
    Story,
    difference_table,
    drive_table,
    driving,
    headline,
    main_table,
    table_title,
    verdict,
)
from retain.errors import ConfigError
from retain.evaluate import EvaluationResult, evaluate
from retain.evaluate.plots import plot_commands, plot_film_strip, plot_main_table
from retain.evaluate.source import BundleSource, PolicySource, Source
from retain.page import Section, render
from retain.policy import resolve
from retain.sim import LIMITS, parse_instruction
from retain.sim.arm import JOINTS

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""A progress bar: a description and a total give what is to be called with the number of units just done."""

DRIVEN_SUITES = ("id", "ood-position")
MARK = ".retain-demo"
"""In the output folder: what is there may be replaced by another demo."""


@dataclass(frozen=True)
class Demo:
    """What a demo found.

    Attributes:
        story: Outcomes and drives.
        choice: The α that was taken on recorded frames.
        pictures: PNGs, in the order of the page.
        report: The page.
    """

    story: Story
    choice: Chosen
    pictures: list[Path]
    report: Path


def run_demo(settings: DemoSettings, *, force: bool, say: Say, progress: Progress) -> Demo:
    """Run the demo.

    Args:
        settings: How large, and where.
        force: Replace the output folder of an earlier demo.
        say: Prints a line.
        progress: Draws a bar.

    Raises:
        RetainError: A stage failed, or the output folder holds something else than a demo.
    """
    _make_room(settings.output, force=force)
    typed = [*record(settings, say), finetune(settings, say), choose(settings, say)]
    choice = chosen(settings)
    alpha = [f"{component}={value:g}" for component, value in choice.candidate.alpha]
    typed.append(merge_export(settings, alpha, say))
    merged = f"merged ({choice.candidate.name})"
    result = _evaluate(settings, merged, say, progress)
    swept = _sweep(settings, say, progress)
    drives = _drive(settings, say)
    story = Story(result, merged, ", ".join(alpha) + "; 0 is the base, 1 the finetuned policy", drives)
    pictures = _draw(settings, story, swept, choice)
    _write_page(settings, story, swept, choice, pictures, typed)
    return Demo(story, choice, list(pictures.values()), settings.report)


def _make_room(output: Path, *, force: bool) -> None:
    if output.exists():
        if not (output / MARK).is_file():
            raise ConfigError(f"{output} exists and is not an earlier demo's folder; give another --output")
        if not force:
            raise ConfigError(f"{output} holds an earlier demo; replace it with --force, or give another --output")
        shutil.rmtree(output)
    output.mkdir(parents=True)
    (output / MARK).write_text("made by `retain demo`\n", encoding="utf-8")


def _sweep(settings: DemoSettings, say: Say, progress: Progress) -> Sweep:
    say(f"what other α would have done, on {VALIDATION} and {GENERALIST}: all weights, then one component at a time")
    alphas = [*line(), *by_component()]
    rollouts = Rollouts(
        resolve(settings.base), settings.finetuned, parse_instruction(settings.skill), settings.sweep_episodes,
        seed=settings.seed + 1, workers=settings.workers, path=settings.sweep,
    )  # fmt: skip
    count = len(planned(alphas)) * len(rollouts.suites) * rollouts.n
    with progress("sweeping α", count) as advance:
        return sweep(rollouts, alphas, advance)


def _evaluate(settings: DemoSettings, merged: str, say: Say, progress: Progress) -> EvaluationResult:
    say("evaluating base, finetuned and the exported bundle on the test suites, the same episodes for each")
    policies: dict[str, Source] = {
        "base": PolicySource(resolve(settings.base)),
        "finetuned": PolicySource(settings.finetuned),
        merged: BundleSource(settings.bundle),
    }
    with progress("evaluating", len(policies) * len(TEST_SUITES) * settings.episodes) as advance:
        return evaluate(
            policies, TEST_SUITES, parse_instruction(settings.skill), settings.episodes, seed=settings.seed,
            workers=settings.workers, path=settings.evaluation, progress=advance,
        )  # fmt: skip


def _drive(settings: DemoSettings, say: Say) -> list[Drive]:
    say("driving the arm with the bundle from the C++ loop, in real time")
    share = -(-settings.drives // len(DRIVEN_SUITES))
    return [
        one
        for suite in DRIVEN_SUITES
        for one in drive(settings.bundle, settings.skill, suite, share, seconds=settings.drive_s, seed=settings.seed)
    ]


def _draw(settings: DemoSettings, story: Story, swept: Sweep, choice: Chosen) -> dict[str, Path]:
    shown = next((one for one in story.drives if one.report.success), story.drives[0])
    bundle = Bundle.open(settings.bundle)
    ended = f"done after {shown.report.success_s:.1f} s" if shown.report.success_s is not None else "not done in time"
    how = f"{story.merged}, driven by the C++ loop in real time; scene of {shown.suite}"
    limits = dict(zip(JOINTS, map(float, LIMITS.velocity), strict=True))
    output = settings.output
    return {
        "table": plot_main_table(story.result, output / "table.png", table_title(story)),
        "curve": plot_alpha_curve(swept, output / "alpha.png", choice.candidate),
        "components": plot_main_table(_components(swept), output / "components.png", _component_title(swept)),
        "film": plot_film_strip(
            shown.frames, shown.times_s, output / "film.png",
            title=f'"{settings.skill}": {ended}', subtitle=how, count=len(shown.frames),
        ),
        "commands": plot_commands(
            shown.record, output / "commands.png", velocity_limits=limits,
            subtitle=f"{how}; rows every {bundle.manifest.action.dt_s:g} s, commands at"
                     f" {shown.report.command_rate_hz:.0f} Hz.",
        ),
    }  # fmt: skip


def _components(swept: Sweep) -> EvaluationResult:
    """The outcomes of the candidates in which components differ, and of both ends."""
    result = swept.result
    ends = {"α = 0": "base", "α = 1": "finetuned"}
    kept = EvaluationResult(result.skill, result.seed)
    for candidate in swept.candidates:
        if candidate.name in ends or candidate.uniform is None:
            kept.policies[ends.get(candidate.name, candidate.name)] = result.policies[candidate.name]
    return kept


def _component_title(swept: Sweep) -> str:
    result = _components(swept)
    mixed = [name for name in result.policies if name not in ("base", "finetuned")]
    best = max(mixed, key=lambda name: result.rate(name, VALIDATION).value)
    rate, tuned = result.rate(best, VALIDATION), result.rate("finetuned", VALIDATION)
    return (
        f"By component: {best} solves {rate.successes}/{rate.n}\nof the moved blocks, everything finetuned"
        f" {tuned.successes}/{tuned.n}"
    )


def _write_page(
    settings: DemoSettings, story: Story, swept: Sweep, choice: Chosen, pictures: dict[str, Path], typed: list[str]
) -> None:
    n = settings.sweep_episodes
    sections = [
        Section(
            "What was kept, what was learnt", verdict(story), table=main_table(story), pictures=[pictures["table"]],
            note=f"{settings.episodes} episodes a cell, the same for every policy; Wilson 95 % intervals. ID: where the"
            " demonstrations were given. OOD: other positions, more blocks, other light and camera, all of it together."
            " The merged row is the exported bundle, run by ONNX Runtime from C++.",
        ),
        Section("Merged against finetuned, episode by episode", "", table=difference_table(story)),
        Section(
            "Which α",
            f"Chosen on recorded frames, before any episode was run: {choice.reason}.\n\nWhat other α do was looked at"
            " afterwards.",
            pictures=[settings.choice.picture("proxies"), pictures["curve"]],
            note=f"{n} episodes a point; none of them is in the table above. α is the weight of the finetuned policy.",
        ),
        Section("By component", "", pictures=[pictures["components"]], note=f"{n} episodes a point."),
        Section(
            "On the arm", driving(story), table=drive_table(story), pictures=[pictures["film"], pictures["commands"]],
        ),
        Section("Do it again", "", commands="\n".join(typed)),
    ]  # fmt: skip
    title = f'A policy learns to "{settings.skill}" from {settings.demonstrations} demonstrations'
    settings.report.write_text(render(title, headline(story), sections), encoding="utf-8")
