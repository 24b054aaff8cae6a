"""What a merge method decides: how the tensors of all ends become one."""

from dataclasses import dataclass
from typing import Literal, Protocol

from retain.errors import MergeError

Thinning = Literal["none", "magnitude", "random", "ranked"]
Take = Literal["nothing", "base", "finetuned"]
Measures = Literal["nothing", "products", "thresholds"]


@dataclass(frozen=True)
class Settings:
    """What a method can be told besides α; None leaves the method's own default.

    Attributes:
        weights: The weight of each finetuned policy's task vector.
        density: Which share of a task vector's entries is kept, in (0, 1].
        spread: How far the keep-probabilities of the smallest and the largest entry lie from `density`.
    """

    weights: tuple[float, ...] | None = None
    density: float | None = None
    spread: float | None = None


@dataclass(frozen=True)
class Measured:
    """What a first pass over one tensor found; every method asks for what it needs. p: base, d_i = f_i − p.

    Attributes:
        base_base: Σ p².
        base_update: Σ p·d_i, by finetuned end.
        products: Σ d_i·d_j, a symmetric matrix.
        thresholds: The magnitude of each end's last kept entry.
    """

    base_base: float = 0.0
    base_update: tuple[float, ...] = ()
    products: tuple[tuple[float, ...], ...] = ()
    thresholds: tuple[float, ...] = ()


NOTHING_MEASURED = Measured()


@dataclass(frozen=True)
class Combination:
    """How task vectors are thinned and joined, whatever α is: E = Σ c_i·T(d_i), or the mean of those that agree.

    Attributes:
        coefficients: c_i, one per finetuned end.
        thinning: Which entries of d_i are kept: all, the largest, random ones, or random ones by rank in their row.
        thresholds: The smallest magnitude that is kept, by end, for "magnitude".
        density: The share that is kept, for "random" and "ranked"; what is kept is divided by its probability.
        spread: Of the keep-probabilities around `density`, for "ranked".
        elect_sign: Take the weighted mean of the ends that agree with the sign of the sum, entry by entry.
    """

    coefficients: tuple[float, ...]
    thinning: Thinning = "none"
    thresholds: tuple[float, ...] = ()
    density: float = 1.0
    spread: float = 0.0
    elect_sign: bool = False


@dataclass(frozen=True)
class Strength:
    """How much of the combination is added: θ = p + base_scale·p + scale·E.

    Attributes:
        scale: The factor of the combination E.
        base_scale: What is added to the base's own factor, 1.
    """

    scale: float = 0.0
    base_scale: float = 0.0


class Method(Protocol):
    """A merge method: its name, its limits, and its two decisions."""

    @property
    def name(self) -> str:
        """What `--method` and recipes call it."""
        ...

    @property
    def summary(self) -> str:
        """One line for `--help`, with the source."""
        ...

    @property
    def ends(self) -> tuple[int, int | None]:
        """The least and the largest number of finetuned policies; None is no limit."""
        ...

    @property
    def options(self) -> frozenset[str]:
        """The fields of `Settings` that have an effect on it."""
        ...

    @property
    def default_alpha(self) -> float | None:
        """α where none is given; None if one must be."""
        ...

    @property
    def measures(self) -> Measures:
        """What it must know of a tensor before it can decide."""
        ...

    def keep(self, settings: Settings, elements: int) -> int:
        """How many of a tensor's entries the thresholds keep, for methods that measure them."""
        ...

    def combination(self, settings: Settings, ends: int, measured: Measured) -> Combination:
        """How the task vectors of one tensor are joined."""
        ...

    def take(self, alpha: float, ends: int) -> Take:
        """Which end this α stands for exactly, so that its very bits are taken without arithmetic."""
        ...

    def strength(self, alpha: float, ends: int, measured: Measured) -> Strength:
        """How much of them is added at any other α."""
        ...


def base_at_zero(alpha: float) -> Take:
    """α = 0 is the base."""
    return "base" if alpha == 0.0 else "nothing"


def ends_at_zero_and_one(alpha: float) -> Take:
    """α = 0 is the base and 1 the finetuned policy: fma(1, f − p, p) can miss f."""
    return "finetuned" if alpha == 1.0 else base_at_zero(alpha)


def weights_of(settings: Settings, ends: int, *, mean: bool = False) -> tuple[float, ...]:
    """The weights that were given, or 1 for everyone.

    Args:
        settings: May hold weights.
        ends: How many finetuned policies there are.
        mean: Whether they weigh a mean, and so must be positive.

    Raises:
        MergeError: A weight is not.
    """
    weights = settings.weights if settings.weights is not None else (1.0,) * ends
    if mean and any(weight <= 0.0 for weight in weights):
        raise MergeError(
            f"the weight {min(weights):g} cannot weigh a mean of those that agree; give positive weights, "
            "or use task_arithmetic, which can subtract"
        )
    return weights


def check_settings(method: Method, settings: Settings, ends: int) -> None:
    """Refuse settings that are impossible or would have no effect.

    Raises:
        MergeError: The message says which, and what is allowed.
    """
    least, most = method.ends
    if ends < least or (most is not None and ends > most):
        number = f"{least}" if most == least else f"{least} or more" if most is None else f"{least} to {most}"
        hint = "; task_arithmetic, ties or soup merge several at once" if method.name == "linear" else ""
        raise MergeError(
            f"the method {method.name} merges {number} finetuned polic{'y' if most == 1 else 'ies'}, "
            f"but {ends} were given{hint}"
        )
    for name in ("weights", "density", "spread"):
        if getattr(settings, name) is not None and name not in method.options:
            takes = f"it takes {', '.join(sorted(method.options))}" if method.options else "it takes none such"
            raise MergeError(f"the method {method.name} has no {name}; {takes}")
    if settings.weights is not None and len(settings.weights) != ends:
        raise MergeError(f"{len(settings.weights)} weights were given for {ends} finetuned policies; give one for each")
    if settings.density is not None and not 0.0 < settings.density <= 1.0:
        raise MergeError(f"the density is {settings.density:g}; it must be a share in (0, 1]")
    if settings.spread is not None and settings.spread < 0.0:
        raise MergeError(f"the spread is {settings.spread:g}; it must not be negative")
    if method.measures != "products":
        method.combination(settings, ends, NOTHING_MEASURED)  # refuses what does not go together
