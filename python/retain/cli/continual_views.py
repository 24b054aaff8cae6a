"""How a line of skills is shown on a terminal: its ledger, and what a change did to it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from retain.cli import console

if TYPE_CHECKING:
    from retain.continual import Change, Line, Skill, Verdict
    from retain.continual.gate import Loss


def show_line(line: "Line", root: Path, *, as_json: bool) -> None:
    """Print the ledger, where the policy is, and where the next finetuning starts."""
    from retain.continual.provenance import place_of
    from retain.continual.store import VERDICT_FILE, aside, state_of

    start = line.method.start(state_of(line, root))
    policy = place_of(line.policy.path, root)
    left = {folder: "refused" if (folder / VERDICT_FILE).exists() else "unfinished" for folder in aside(line, root)}
    if as_json:
        places = {"policy_directory": str(policy), "next_start": str(start)}
        console.emit_json(line.to_json() | places | {"aside": {str(folder): why for folder, why in left.items()}})
        return
    columns = ("skill", "alpha", "demonstrations", "replayed with", "its merge cost", "state")
    console.table(f"{root}: {line.method_name}", columns, [_row(skill) for skill in line.skills])
    for what, where in (("policy", policy), ("the next finetuning starts from", start)):
        console.stdout.print(f"{what}: {where}", markup=False)
    for folder, why in left.items():
        console.stdout.print(f"{why}: {folder}", markup=False)


def _row(skill: "Skill") -> tuple[str, ...]:
    replayed = [one.skill for one in skill.mixed if one.skill is not None]
    state = "taken out" if skill.removed else "forced in" if skill.forced else "in"
    return (
        skill.name,
        _alpha(skill.alpha),
        "–" if skill.data is None else str(skill.data.episodes),
        ", ".join(replayed) or "–",
        "not measured" if skill.gate is None else _cost(skill.gate),
        state,
    )


def _alpha(alpha: Any) -> str:
    if alpha is None:
        return "by number"
    if isinstance(alpha, dict):
        return " ".join(f"{part}={value:g}" for part, value in alpha.items())
    return f"{alpha:g}"


def _cost(gate: Any) -> str:
    return ", ".join(f"{loss['name']} {loss['value']:.3g}" for loss in gate["losses"]) or "nothing to lose"


def show_change(change: "Change", root: Path, *, as_json: bool) -> int:
    """Print what became of a change, and return the exit code."""
    if as_json:
        verdict = None if change.verdict is None else change.verdict.to_json()
        document = {"made": change.made, "policy": str(change.policy), "folder": str(change.folder), "verdict": verdict}
        console.emit_json(document)
        return 0 if change.made else 1
    if change.verdict is not None:
        show_verdict(change.verdict, ("before", "after"))
    if change.made:
        names = ", ".join(skill.name for skill in change.line.present) or "no skills"
        forced = change.verdict is not None and not change.verdict.accepted
        console.stdout.print(f"{root}: {names}{' (forced)' if forced else ''}", markup=False)
        console.stdout.print(f"policy: {change.policy}", markup=False)
        return 0
    console.stdout.print(
        f"refused: {root} is as it was; what was made is kept in {change.folder}. The same command with "
        "another --alpha merges it anew without training, with --force takes it",
        markup=False,
    )
    return 1


def show_verdict(verdict: "Verdict", moments: tuple[str, str]) -> None:
    """Print what was measured and why a change was refused, if it was.

    Args:
        verdict: The gate's.
        moments: What the two columns of figures are called.
    """
    losses = [*verdict.losses, *(() if verdict.learnt is None else (verdict.learnt,))]
    rows = [_measured(loss, newest=loss is verdict.learnt) for loss in losses]
    console.table(f"at most {verdict.max_loss:g} points may be lost", ("", *moments, "lost", "95 %", "episodes"), rows)
    for remark in verdict.remarks:
        console.warn(remark)
    for reason in verdict.reasons:
        console.stderr_line(f"too much: {reason}")


def _measured(loss: "Loss", *, newest: bool) -> tuple[str, ...]:
    name = f"{loss.name} (newest)" if newest else loss.name
    if loss.n is None:
        return name, f"{loss.before:g}", f"{loss.after:g}", f"{loss.value:g}", "–", "–"
    interval = f"[{loss.low:+.0f}, {loss.high:+.0f}]"
    return name, f"{loss.before:.0f} %", f"{loss.after:.0f} %", f"{loss.value:+.1f}", interval, str(loss.n)
