"""What is asked of a merge, apart from the files: everything that decides a single bit of the result."""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from retain.errors import MergeError
from retain.merge.methods import METHODS, Method, Settings, check_settings

StoredDType = Literal["bfloat16", "float16", "float32", "float64"]
Missing = Literal["error", "base", "finetuned"]
Rounding = Literal["nearest", "stochastic"]

DEFAULT = "default"
"""The α of every component that has none of its own."""

ALPHA_IN_WORDS = "alpha is the weight of the finetuned policy: 0 is the base, 1 the finetuned policy"


@dataclass(frozen=True)
class Recipe:
    """How to merge.

    Attributes:
        alpha: α by component; the key "default" stands for every component that is not named.
        method: The merge method, a key of `retain.merge.methods.METHODS`.
        settings: What else the method is told: weights, density, spread.
        depth: Factors of α at the first and at the last layer, linear in between (LiNeS, arXiv 2410.17146: (0, 1) on
            task vectors); None is 1 everywhere. Tensors without a place in depth are not scaled.
        alpha_map: α by regular expression of the full tensor name; the first that matches goes before all else.
        dtype: What float tensors are stored as; None keeps the base's dtypes.
        rounding: How results become `dtype`: to the nearest value, ties to even, or up or down at random without bias.
        seed: Of everything random: rounding, DARE, DELLA.
        missing: What to do about tensors that the ends do not share: refuse, or keep those of one end.
        extrapolate: Whether α may leave [0, 1].
        fold: Rewrite the finetuned end's first and last layers for the base's statistics, where that is exact.

    Raises:
        MergeError: A value is impossible; the message says which and what is allowed.
    """

    alpha: Mapping[str, float]
    method: str = "linear"
    settings: Settings = field(default=Settings())
    depth: tuple[float, float] | None = None
    alpha_map: Mapping[str, float] = field(default_factory=dict)
    dtype: StoredDType | None = None
    rounding: Rounding = "nearest"
    seed: int | None = None
    missing: Missing = "error"
    extrapolate: bool = False
    fold: bool = True

    def __post_init__(self) -> None:
        _check_choice("method", self.method, tuple(METHODS))
        _check_choice("dtype", self.dtype, (None, *get_args(StoredDType)))
        _check_choice("rounding", self.rounding, get_args(Rounding))
        _check_choice("missing", self.missing, get_args(Missing))
        if not self.alpha:
            raise MergeError("no alpha was given; pass one number, or one for every component")
        for component, alpha in self.alpha.items():
            self._check_alpha(alpha, "" if component == DEFAULT else f" of {component}")
        for pattern, alpha in self.alpha_map.items():
            self._check_alpha(alpha, f" of {pattern!r}")
            try:
                re.compile(pattern)
            except re.error as error:
                raise MergeError(f"the alpha map's {pattern!r} is not a regular expression: {error}") from error
        if self.depth is not None and not all(math.isfinite(factor) for factor in self.depth):
            raise MergeError("the depth factors must be two finite numbers, FIRST:LAST, as in --depth 0:1")
        if self.seed is not None:
            if "seed" not in self.chosen.options and self.rounding == "nearest":
                raise MergeError(f"nothing in the method {self.method} is random, a seed has no effect; leave it out")
            if not 0 <= self.seed < 1 << 63:
                raise MergeError(f"the seed is {self.seed}; it must lie in 0 … 2^63 - 1")

    def _check_alpha(self, alpha: float, where: str) -> None:
        if not math.isfinite(alpha):
            raise MergeError(f"the alpha{where} is {alpha}; it must be a finite number")
        if not (0.0 <= alpha <= 1.0 or self.extrapolate):
            raise MergeError(
                f"the alpha{where} is {alpha:g}, outside [0, 1] (0 is the base, 1 the finetuned policy); "
                "pass --extrapolate if that is meant"
            )

    @property
    def chosen(self) -> Method:
        """The method itself."""
        return METHODS[self.method]

    @classmethod
    def of(cls, alpha: float | Mapping[str, float] | None, **options: Any) -> "Recipe":
        """A recipe from one α for everything, one per component (with "default" for the rest), or the method's own.

        `weights`, `density` and `spread` may be given directly instead of `settings`.

        Raises:
            MergeError: No α was given and the method has none of its own, or a value is impossible.
        """
        own = {name: options.pop(name) for name in ("weights", "density", "spread") if name in options}
        if own:
            weights = own.get("weights")
            options["settings"] = Settings(
                **{**own, "weights": None if weights is None else tuple(map(float, weights))}
            )
        if alpha is None:
            method = options.get("method", "linear")
            alpha = METHODS[method].default_alpha if method in METHODS else 1.0
            if alpha is None:
                raise MergeError(f"the method {method} has no alpha of its own; give --alpha A, 0 … 1")
        by_component = alpha if isinstance(alpha, Mapping) else {DEFAULT: alpha}
        return cls({component: float(value) for component, value in by_component.items()}, **options)

    def at(self, alpha: Mapping[str, float]) -> "Recipe":
        """The same recipe at another α."""
        return replace(self, alpha=dict(alpha))

    def check_ends(self, finetuned: int) -> None:
        """Make sure that the method takes so many finetuned policies, with these settings.

        Raises:
            MergeError: It does not.
        """
        check_settings(self.chosen, self.settings, finetuned)
        if self.missing == "finetuned" and finetuned > 1:
            raise MergeError(f"missing tensors cannot be kept from {finetuned} policies at once; use --missing base")

    def resolve(self, components: Collection[str]) -> dict[str, float]:
        """The α of every component of a policy.

        Raises:
            MergeError: The recipe names a component that the policy does not have, or leaves one without α.
        """
        unknown = [name for name in self.alpha if name != DEFAULT and name not in components]
        if unknown:
            raise MergeError(
                f"this policy has no component {', '.join(map(repr, unknown))}; it has {', '.join(sorted(components))}"
            )
        missing = [name for name in components if name not in self.alpha and DEFAULT not in self.alpha]
        if missing:
            raise MergeError(
                f"no alpha was given for {', '.join(missing)}; add {' '.join(f'{name}=A' for name in missing)}, "
                "or one number for all that are not named"
            )
        return {name: self.alpha[name] if name in self.alpha else self.alpha[DEFAULT] for name in components}

    def to_json(self) -> dict[str, Any]:
        """As a JSON object, from which `from_json` makes an equal recipe."""
        settings = self.settings
        return {
            "method": self.method,
            "alpha": dict(self.alpha),
            "weights": None if settings.weights is None else list(settings.weights),
            "density": settings.density,
            "spread": settings.spread,
            "depth": None if self.depth is None else list(self.depth),
            "alpha_map": dict(self.alpha_map),
            "dtype": self.dtype,
            "rounding": self.rounding,
            "seed": self.seed,
            "missing": self.missing,
            "extrapolate": self.extrapolate,
            "fold": self.fold,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Recipe":
        """Read what `to_json` wrote; keys that earlier versions did not have may be missing.

        Raises:
            MergeError: A key is unknown or a value impossible, as in a recipe of a later version.
        """
        known = cls({DEFAULT: 0.0}).to_json().keys()
        unknown = sorted(value.keys() - known)
        if unknown:
            raise MergeError(
                f"the recipe has the unknown keys {', '.join(unknown)}; it may be of a later version of retain"
            )
        alpha = value.get("alpha")
        if not isinstance(alpha, Mapping) or not all(isinstance(number, int | float) for number in alpha.values()):
            raise MergeError(f"the recipe's alpha is {alpha!r}; expected a number for each component")
        options = dict(value)
        if options.get("depth") is not None:
            options["depth"] = tuple(options["depth"])
        return cls.of(**options)


def _check_choice(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        choices = ", ".join(str(choice) for choice in allowed if choice is not None)
        raise MergeError(f"the {name} is {value!r}; it must be one of {choices}")
