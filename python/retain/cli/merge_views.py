"""How a merge is shown on a terminal: its plan, and its report."""

from typing import TYPE_CHECKING, Any

from retain.cli import console

if TYPE_CHECKING:
    from retain.merge import ComponentReport, MergePlan, MergeReport


def show_plan(plan: "MergePlan", *, as_json: bool) -> None:
    """Print what would be done."""
    from retain.merge import ALPHA_IN_WORDS

    components = {name: _planned(plan, name) for name in plan.partition.components}
    if as_json:
        console.emit_json(
            {
                "recipes": [recipe.to_json() for recipe in plan.recipes],
                "family": plan.partition.family,
                "components": components,
                "normalization": [check.to_json() for check in plan.normalization],
                "files": {file.name: file.nbytes for file in plan.files},
                "warnings": list(plan.warnings),
            }
        )
        return
    columns = ("component", "alpha", "tensors", "MB", "copied", "interpolated")
    rows = [
        (name, ", ".join(f"{alpha:g}" for alpha in row["alpha"]), row["tensors"], round(row["bytes"] / 1e6, 2),
         row["copied"], row["interpolated"])
        for name, row in components.items()
    ]  # fmt: skip
    console.table(f"plan: {plan.recipe.method} ({plan.partition.family})", columns, rows)
    console.stdout.print(ALPHA_IN_WORDS, markup=False)
    for warning in plan.warnings:
        console.warn(warning)


def _planned(plan: "MergePlan", component: str) -> dict[str, Any]:
    units = [unit for unit in plan.units if unit.component == component]
    method, ends = plan.recipe.chosen, len(plan.finetuned)
    copied = sum(
        not unit.finetuned or all(method.take(alpha, ends) != "nothing" for alpha in unit.alphas) for unit in units
    )
    return {
        "alpha": [alpha[component] for alpha in plan.alphas],
        "tensors": len(plan.partition.tensors(component)),
        "units": len(units),
        "bytes": sum(unit.nbytes for unit in units),
        "copied": copied,
        "interpolated": len(units) - copied,
    }


def show_report(report: "MergeReport") -> None:
    """Print what was done: a table by component, one line of facts, the warnings."""
    console.table(f"merged: {report.recipe['method']} ({report.family})", *component_table(report.components))
    size = sum(int(file["bytes"]) for file in report.output.files.values())
    normalization = ", ".join(str(check["status"]) for check in report.normalization)
    console.stdout.print(f"{report.alpha_in_words}", markup=False)
    console.stdout.print(
        f"{report.output.path}: {size / 1e6:.1f} MB in {report.seconds:.2f} s ({report.output_gb_per_s:.2f} GB/s), "
        f"normalization {normalization}",
        markup=False,
    )
    for warning in report.warnings:
        console.warn(warning)


def component_table(components: "dict[str, ComponentReport] | Any") -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Columns and rows of the figures by component; with several finetuned policies, one figure for each."""
    columns = ("component", "alpha", "acts as", "tensors", "parameters", "‖τ‖/‖θ‖", "cosine", "unchanged", "lost")
    rows = [
        (
            name,
            f"{part.alpha:g}",
            _figure(part.effective_alpha, "{:.3f}"),
            part.tensors,
            f"{part.parameters:,}",
            " ".join(_figure(update.relative_update, "{:.2e}") for update in part.updates),
            " ".join(_figure(update.cosine, "{:.6f}") for update in part.updates),
            " ".join(_figure(update.unchanged, "{:.1%}") for update in part.updates),
            _figure(part.lost, "{:.1%}"),
        )
        for name, part in components.items()
    ]
    return columns, rows


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)
