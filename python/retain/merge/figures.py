"""The figures of a report: how far finetuning went, and how much of it arrived."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from retain._core.merge import ItemResult, TargetSums

BENT_ALPHA = 0.02
"""By how much rounding may bend α before the report warns."""


@dataclass(frozen=True)
class UpdateReport:
    """What finetuning did to a component at one end, with the task vector τ = θ_finetuned − θ_base.

    Attributes:
        relative_update: ‖τ‖ / ‖θ_base‖.
        cosine: cos(θ_base, θ_finetuned).
        unchanged: Share of elements that finetuning left as they were.
    """

    relative_update: float | None
    cosine: float | None
    unchanged: float | None


@dataclass(frozen=True)
class ComponentReport:
    """One component. Figures that need both ends are None where one end was copied without reading the other.

    Attributes:
        alpha: The α that was asked for.
        tensors: How many tensors it has.
        parameters: How many elements they have together.
        interpolated: How many of these were computed; the others were copied.
        updates: By finetuned end, over the computed elements.
        between: cos(τ_i, τ_j) of two finetuned ends, i < j.
        lost: Share of the elements that should have changed where rounding gave the base back.
        kept: ⟨θ_merged − θ_base, u⟩ / ⟨u, u⟩ with the unrounded update u: what rounding left of it; 1 is all.
        asked_alpha: The mean α of its tensors, weighted by ‖τ‖²; `alpha`, unless layers have their own.
        effective_alpha: The α that the stored weights realise: asked_alpha · kept. For linear merges at one α this is
            ⟨θ_merged − θ_base, τ⟩ / ⟨τ, τ⟩.
    """

    alpha: float
    tensors: int
    parameters: int
    interpolated: int
    updates: tuple[UpdateReport, ...]
    between: tuple[float | None, ...]
    lost: float | None
    kept: float | None
    asked_alpha: float | None
    effective_alpha: float | None

    @property
    def relative_update(self) -> float | None:
        """Of the first finetuned end."""
        return self.updates[0].relative_update

    @property
    def cosine(self) -> float | None:
        """Of the first finetuned end."""
        return self.updates[0].cosine

    @property
    def unchanged(self) -> float | None:
        """Of the first finetuned end."""
        return self.updates[0].unchanged


@dataclass(frozen=True)
class LayerReport:
    """One layer of a component.

    Attributes:
        layer: Its number, from 0.
        layers: How many there are.
        alpha: The mean α of its tensors, weighted by ‖τ‖².
        relative_update: ‖τ‖ / ‖θ_base‖, by finetuned end.
        effective_alpha: The α that the stored weights realise.
    """

    layer: int
    layers: int
    alpha: float | None
    relative_update: tuple[float | None, ...]
    effective_alpha: float | None


@dataclass
class UpdateSums:
    """Sums over computed elements of tensors. p: base, d_i = f_i − p, u: unrounded update, m: merged, as stored."""

    ends: int
    elements: int = 0
    base_base: float = 0.0
    base_update: list[float] = field(default_factory=list)
    products: list[list[float]] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    moved: int = 0
    asked: float = 0.0
    exact: float = 0.0
    stored: float = 0.0
    lost: int = 0

    def __post_init__(self) -> None:
        self.base_update = [0.0] * self.ends
        self.products = [[0.0] * self.ends for _ in range(self.ends)]
        self.changed = [0] * self.ends

    def add(
        self, elements: int, ends: Sequence[int], result: ItemResult, alpha: float, target: TargetSums | None
    ) -> None:
        """Add the sums of one unit, as the core returns them.

        Args:
            elements: Of the unit.
            ends: Which finetuned ends the result's sources are.
            result: What was measured.
            alpha: Of this unit.
            target: Of this variant; None where nothing was computed, only measured.
        """
        self.elements += elements
        self.base_base += result.base_base
        self.moved += elements - result.unchanged
        pairs = iter(result.gram)
        for position, end in enumerate(ends):
            source = result.sources[position]
            self.base_update[end] += source.base_update
            self.products[end][end] += source.update_update
            self.changed[end] += source.changed
            self.asked += alpha * source.update_update
            for other in ends[position + 1 :]:
                product = next(pairs)
                self.products[end][other] += product
                self.products[other][end] += product
        if target is not None:
            self.exact += target.exact_exact
            self.stored += target.stored_exact
            self.lost += target.lost

    def update(self, end: int) -> UpdateReport:
        """The figures of one finetuned end."""
        square = self.products[end][end]
        finetuned = self.base_base + 2.0 * self.base_update[end] + square
        return UpdateReport(
            relative_update=_ratio(math.sqrt(square), math.sqrt(self.base_base)),
            cosine=_cosine(self.base_base + self.base_update[end], self.base_base, finetuned),
            unchanged=_ratio(self.elements - self.changed[end], self.elements),
        )

    @property
    def between(self) -> tuple[float | None, ...]:
        """cos(τ_i, τ_j), i < j."""
        return tuple(
            _cosine(self.products[i][j], self.products[i][i], self.products[j][j])
            for i in range(self.ends)
            for j in range(i + 1, self.ends)
        )

    @property
    def kept(self) -> float | None:
        """What rounding left of the update."""
        return _ratio(self.stored, self.exact)

    @property
    def asked_alpha(self) -> float | None:
        """The mean α, weighted by ‖τ‖²."""
        return _ratio(self.asked, sum(self.products[end][end] for end in range(self.ends)))

    @property
    def effective_alpha(self) -> float | None:
        """The α that arrived."""
        kept, asked = self.kept, self.asked_alpha
        return None if kept is None or asked is None else kept * asked

    def component(self, alpha: float, tensors: int, parameters: int) -> ComponentReport:
        """Turn the sums of a component into its figures."""
        return ComponentReport(
            alpha=alpha,
            tensors=tensors,
            parameters=parameters,
            interpolated=self.elements,
            updates=tuple(self.update(end) for end in range(self.ends)),
            between=self.between,
            lost=_ratio(self.lost, self.moved),
            kept=self.kept,
            asked_alpha=self.asked_alpha,
            effective_alpha=self.effective_alpha,
        )

    def layer(self, layer: int, layers: int) -> LayerReport:
        """Turn the sums of a layer into its figures."""
        updates = tuple(self.update(end).relative_update for end in range(self.ends))
        return LayerReport(layer, layers, self.asked_alpha, updates, self.effective_alpha)


def update_warnings(
    components: Mapping[str, ComponentReport], asked: Iterable[str], stored: Mapping[str, str]
) -> list[str]:
    """What the measurements say that the user should know.

    Args:
        components: The measurements.
        asked: Components that were given an α of their own.
        stored: What each component is stored as, for the sentence.
    """
    own = set(asked)
    warnings = []
    for name, component in components.items():
        # An adapter that leaves a component alone gives nothing to interpolate at any alpha between the ends.
        untouched = component.tensors and not component.interpolated and 0.0 < component.alpha < 1.0
        if untouched or (component.interpolated and all(update.unchanged == 1.0 for update in component.updates)):
            if name in own:
                warnings.append(
                    f"{name} is the same at both ends (frozen while finetuning?); "
                    f"its alpha {component.alpha:g} has no effect"
                )
            continue
        effective, wanted = component.effective_alpha, component.asked_alpha
        if effective is not None and wanted is not None and abs(effective - wanted) > BENT_ALPHA:
            warnings.append(
                f"rounding to {stored.get(name, 'the stored type')} bends alpha of {name}: {wanted:g} acts as "
                f"{effective:.3f} and {component.lost or 0.0:.0%} of its changed weights fell back to the base; store "
                "the result exactly with --dtype float32, keep alpha on average with --rounding stochastic, or judge "
                "alpha by measured success rather than by its value"
            )
    return warnings


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 and math.isfinite(part) and math.isfinite(whole) else None


def _cosine(product: float, first_square: float, second_square: float) -> float | None:
    if not (first_square > 0.0 and second_square > 0.0):
        return None
    # Root by root: the product of two squares overflows before the squares do.
    value = product / (math.sqrt(first_square) * math.sqrt(second_square))
    return max(-1.0, min(1.0, value)) if math.isfinite(value) else None
