"""Recipes as they are written on a command line or in a file."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

from retain.checkpoint.checkpoint import read_json_object
from retain.errors import MergeError
from retain.merge.recipe import DEFAULT


def parse_alpha(words: Sequence[str]) -> dict[str, float]:
    """Read one α as it is written on a command line: `0.5`, `vision=1 language=.8 action=.5`, or `0.5 vision=1`.

    Raises:
        MergeError: A word is neither a number nor NAME=NUMBER, sets what was set before, or lists several values.
    """
    several = parse_alphas(words)
    if len(several) > 1:
        raise MergeError(f"--alpha {' '.join(words)} asks for {len(several)} results where one is made")
    return several[0]


def parse_alphas(words: Sequence[str]) -> list[dict[str, float]]:
    """Read one or several α: numbers may be lists, `0.3,0.5` or `vision=0.8,1 0.5`; lists give all combinations.

    Raises:
        MergeError: A word is neither numbers nor NAME=NUMBERS, sets what was set before, or gives a value twice.
    """
    lists: dict[str, list[float]] = {}
    for word in words:
        name, equals, numbers = word.rpartition("=")
        component = name if equals else DEFAULT
        try:
            values = [float(number) for number in numbers.split(",")]
        except ValueError as error:
            raise MergeError(f"--alpha {word}: expected a number or NAME=NUMBER, as in --alpha 0.5 vision=1") from error
        if component in lists:
            raise MergeError(f"--alpha sets {component} twice; give it once, or a list as in {component}=0.3,0.5")
        if len(set(values)) < len(values):
            raise MergeError(f"--alpha {word} lists a value twice; give every value once")
        lists[component] = values
    return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())] if lists else []


def alpha_label(alpha: dict[str, float], all_alphas: Sequence[dict[str, float]]) -> str:
    """What tells one α from the others of a list, for a file name: `0.3`, or `language=0.8_action=0.5`."""
    varied = [name for name in alpha if any(other[name] != alpha[name] for other in all_alphas)]
    names = varied or list(alpha)
    if names == [DEFAULT]:
        return f"{alpha[DEFAULT]:g}"
    return "_".join(f"{name}={alpha[name]:g}" for name in names)


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


def parse_depth(word: str) -> tuple[float, float]:
    """Read the factors of α at the first and at the last layer: FIRST:LAST.

    Raises:
        MergeError: It has another form.
    """
    first, colon, last = word.partition(":")
    try:
        return (float(first), float(last)) if colon else (float("nan"), float("nan"))
    except ValueError as error:
        raise MergeError(f"--depth {word}: expected FIRST:LAST, as in --depth 0:1") from error


def read_alpha_map(file: Path) -> dict[str, float]:
    """Read α by tensor from a JSON file: an object from regular expressions of full tensor names to numbers.

    Raises:
        CheckpointError: It cannot be read, or is not JSON.
        MergeError: A value is not a number.
    """
    found = read_json_object(file)
    for pattern, alpha in found.items():
        if isinstance(alpha, bool) or not isinstance(alpha, int | float):
            raise MergeError(f"{file} gives {pattern!r} the alpha {json.dumps(alpha)}; expected a number")
    return {pattern: float(alpha) for pattern, alpha in found.items()}


def parse_numbers(option: str, word: str) -> tuple[float, ...]:
    """Read a list of numbers: `1,0.5`.

    Raises:
        MergeError: It is something else.
    """
    try:
        return tuple(float(number) for number in word.split(","))
    except ValueError as error:
        raise MergeError(f"{option} {word}: expected numbers, as in {option} 1,0.5") from error
