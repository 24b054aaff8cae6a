"""What is asked of a merge, apart from the files: everything that decides a single bit of the result."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from retain.errors import MergeError
from retain.merge.methods import METHODS

StoredDType = Literal["bfloat16", "float16", "float32", "float64"]
Missing = Literal["error", "base", "finetuned"]
Rounding = Literal["nearest"]

DEFAULT = "default"
"""The α of every component that has none of its own."""

ALPHA_IN_WORDS = "alpha is the weight of the finetuned policy: 0 is the base, 1 the finetuned policy"


@dataclass(frozen=True)
class Recipe:
    """How to merge.

    Attributes:
        alpha: α by component; the key "default" stands for every component that is not named.
        method: The merge method, a key of `retain.merge.methods.METHODS`.
        dtype: What float tensors are stored as; None keeps the base's dtypes.
        rounding: How results become `dtype`: to the nearest value, ties to even.
        missing: What to do about tensors that the ends do not share: refuse, or keep those of one end.
        extrapolate: Whether α may leave [0, 1].

    Raises:
        MergeError: A value is impossible; the message says which and what is allowed.
    """

    alpha: Mapping[str, float]
    method: str = "linear"
    dtype: StoredDType | None = None
    rounding: Rounding = "nearest"
    missing: Missing = "error"
    extrapolate: bool = field(default=False)

    def __post_init__(self) -> None:
        _check_choice("method", self.method, tuple(METHODS))
        _check_choice("dtype", self.dtype, (None, *get_args(StoredDType)))
        _check_choice("rounding", self.rounding, get_args(Rounding))
        _check_choice("missing", self.missing, get_args(Missing))
        if not self.alpha:
            raise MergeError("no alpha was given; pass one number, or one for every component")
        for component, alpha in self.alpha.items():
            where = "" if component == DEFAULT else f" of {component}"
            if not math.isfinite(alpha):
                raise MergeError(f"the alpha{where} is {alpha}; it must be a finite number")
            if not (0.0 <= alpha <= 1.0 or self.extrapolate):
                raise MergeError(
                    f"the alpha{where} is {alpha:g}, outside [0, 1] (0 is the base, 1 the finetuned policy); "
                    "pass --extrapolate if that is meant"
                )

    @classmethod
    def of(cls, alpha: float | Mapping[str, float], **options: Any) -> "Recipe":
        """A recipe from one α for everything, or one per component (with "default" for the rest)."""
        by_component = alpha if isinstance(alpha, Mapping) else {DEFAULT: alpha}
        return cls({component: float(value) for component, value in by_component.items()}, **options)

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
        return {
            "method": self.method,
            "alpha": dict(self.alpha),
            "dtype": self.dtype,
            "rounding": self.rounding,
            "missing": self.missing,
            "extrapolate": self.extrapolate,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Recipe":
        """Read what `to_json` wrote.

        Raises:
            MergeError: A key is unknown or a value impossible, as in a recipe of a later version.
        """
        known = {"method", "alpha", "dtype", "rounding", "missing", "extrapolate"}
        unknown = sorted(value.keys() - known)
        if unknown:
            raise MergeError(
                f"the recipe has the unknown keys {', '.join(unknown)}; it may be of a later version of retain"
            )
        alpha = value.get("alpha")
        if not isinstance(alpha, Mapping) or not all(isinstance(number, int | float) for number in alpha.values()):
            raise MergeError(f"the recipe's alpha is {alpha!r}; expected a number for each component")
        return cls.of(**value)


def parse_alpha(words: Sequence[str]) -> dict[str, float]:
    """Read α as it is written on a command line: `0.5`, `vision=1 language=.8 action=.5`, or `0.5 vision=1`.

    Raises:
        MergeError: A word is neither a number nor NAME=NUMBER, or sets what was set before.
    """
    alpha: dict[str, float] = {}
    for word in words:
        name, equals, number = word.rpartition("=")
        component = name if equals else DEFAULT
        try:
            value = float(number)
        except ValueError as error:
            raise MergeError(f"--alpha {word}: expected a number or NAME=NUMBER, as in --alpha 0.5 vision=1") from error
        if component in alpha:
            raise MergeError(f"--alpha sets {component} twice; give it once")
        alpha[component] = value
    return alpha


def parse_components(words: Sequence[str]) -> dict[str, str]:
    """Read user-defined components as they are written on a command line: NAME=REGEX.

    Raises:
        MergeError: A word has another form, or names a component twice.
    """
    components: dict[str, str] = {}
    for word in words:
        name, equals, pattern = word.partition("=")
        if not (name and equals and pattern):
            raise MergeError(f"--component {word}: expected NAME=REGEX, as in --component 'head=action_out_proj.*'")
        if name in components:
            raise MergeError(f"--component defines {name} twice; join the two with |")
        components[name] = pattern
    return components


def _check_choice(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        choices = ", ".join(str(choice) for choice in allowed if choice is not None)
        raise MergeError(f"the {name} is {value!r}; it must be one of {choices}")
