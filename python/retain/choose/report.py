"""`report.html`: a decision for a person who has five minutes."""

import os
from pathlib import Path

from retain.choose.candidate import Candidate
from retain.choose.decision import Decision, Evidence, ProxyEvidence, RolloutEvidence
from retain.choose.folder import SweepFolder
from retain.choose.plots import plot_alpha_curve, plot_pareto, plot_proxies
from retain.choose.tables import candidate_table, cost_table, geometry_table, proxy_table
from retain.page import Section, Table, render

_INTERVALS = (
    "In brackets: 95 % intervals of the difference on the same episodes, by resampling them. [+0, +0] means that no"
    " episode went differently, not that none would."
)


def write_report(decision: Decision, folder: SweepFolder) -> Path:
    """Draw the pictures and write the page; a run killed meanwhile leaves the old page.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    page = render(decision.title, decision.headline, _sections(decision, folder))
    partial = folder.report.with_name(f".{folder.report.name}.partial-{os.getpid()}")
    partial.write_text(page, encoding="utf-8")
    partial.replace(folder.report)
    return folder.report


def _sections(decision: Decision, folder: SweepFolder) -> list[Section]:
    sections = [
        Section(
            "What it costs", "", points=decision.cost,
            note=_INTERVALS if decision.rollouts is not None else "",
        ),
        Section("Why this α", f"{decision.reason}.\n\nThe rule: {decision.rule}."),
    ]  # fmt: skip
    if decision.rollouts is not None:
        sections += _rollout_sections(decision.rollouts, folder)
    if decision.proxies is not None:
        sections.append(_proxy_section(decision.proxies, decision.by, decision.candidate, folder))
    if decision.geometry is not None:
        sections.append(
            Section(
                "By the weights alone", "", table=Table(*geometry_table(decision.geometry)),
                note="Model Stock (arXiv 2403.19522, eq. 5): what several runs of finetuning have in common is taken"
                " for the skill, the rest for noise. It looks at no data and does not change the choice.",
            )
        )  # fmt: skip
    return [
        *sections,
        Section("What it cannot see", "", points=decision.blind_spots),
        Section(
            "What to type", "α is the weight of the finetuned policy: 0 is the base, 1 the finetuned policy.",
            commands=_commands(decision),
        ),
    ]  # fmt: skip


def _rollout_sections(rollouts: RolloutEvidence, folder: SweepFolder) -> list[Section]:
    swept, choice = rollouts.swept, rollouts.choice
    names = [one.name for one in swept.candidates]
    sections = []
    if all(one.uniform is not None for one in swept.candidates):
        curve = plot_alpha_curve(swept, folder.picture("alpha"), choice.candidate)
        sections.append(Section("Success over α", "", pictures=[curve]))
    pareto = plot_pareto(swept, folder.picture("pareto"), choice)
    return [
        *sections,
        Section(
            "New task against old tasks",
            "Along the blue line whoever wants more of one gives up some of the other; grey dots are beaten"
            " by another. Left of the dotted line more of the old tasks is lost than was allowed.",
            pictures=[pareto],
        ),
        Section("The chosen one against both ends", "", table=Table(*cost_table(rollouts))),
        Section(
            "All candidates", "",
            table=Table(*candidate_table(rollouts), strong=names.index(choice.candidate.name)),
            note="Successes / episodes, percent, 95 % Wilson interval. “On the front”: no other is better on moved"
            " blocks without being worse on old tasks. “Forgets”: loses more of the old tasks than was allowed.",
        ),
    ]  # fmt: skip


def _proxy_section(proxies: ProxyEvidence, by: Evidence, chosen: Candidate, folder: SweepFolder) -> Section:
    text = (
        "Measured on recorded frames, without running an episode: how much of finetuning's gain on held-out"
        " demonstrations is kept, and how far actions on old observations move from the base's."
    )
    if by == "rollouts":
        text += f" Frames alone would have taken: {proxies.recommended.reason}."
    return Section(
        "Without rollouts", text, table=Table(*proxy_table(proxies, chosen)),
        pictures=[plot_proxies(proxies, folder.picture("proxies"), chosen)],
    )  # fmt: skip


def _commands(decision: Decision) -> str:
    commands = [decision.command]
    if decision.rollouts is not None:
        skill = decision.rollouts.swept.result.skill
        commands.append(
            f'retain evaluate merged --skill "{skill}" --suites'
            " id,ood-position,ood-distractor,ood-appearance,ood-combined,wording,generalist -n 100"
        )
    return "\n".join(commands)
