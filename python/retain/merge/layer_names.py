"""Where a layer's number stands in a name that nobody has explained: `layers.3`, `h.3`, `layer2.0`, `down_blocks.1`."""

import re
from collections.abc import Iterable, Mapping

_LIST = re.compile(r"layers?|blocks?|h|resblocks?|\w+_(?:layers|blocks)|encoderblock")
_GROUPED = re.compile(r"(?:layer|stage|group)s?_?(\d+)")  # ResNet: layer1.0, layer1.1, layer2.0 …
_NUMBERED = re.compile(r"(?:\w*block|layer)_(\d+)")  # Flax: encoderblock_3
_PARTS = {"down": 0, "mid": 1, "middle": 1, "up": 2}  # U-Net
_U_NET = re.compile(r"(down|mid|middle|up)_?(?:modules|blocks?|layers)")
_BEFORE = re.compile(
    r"embed|token|patch|position|pos_|\bcls|stem|conv_in|\bconv1\b|\bbn1\b|\b(?:layer_)?norm_?(?:1|pre)\b|pre_norm"
    r"|in_proj|proj_in|input|\bwte\b|\bwpe\b"
)
_AFTER = re.compile(
    r"norm|ln_f|head|out_proj|proj_out|output|final|\bfc\b|pool|classifier|logits|projector|connector|merger"
)

Place = tuple[int, int]
"""A layer's number, and how many layers its stack has."""


def read_layer_names(names: Mapping[str, str]) -> dict[str, Place | None]:
    """The place of every tensor in its stack of layers; None where the names do not tell.

    Args:
        names: What to read for every tensor. A tensor outside all lists of layers belongs to the stack with which its
            name begins alike, and comes before or after its layers by what it is called.
    """
    inside: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {}
    for name, canonical in names.items():
        if (found := _layer(_segments(canonical))) is not None:
            inside[name] = found
    numbers: dict[tuple[str, ...], set[tuple[int, ...]]] = {}
    for stack, number in inside.values():
        numbers.setdefault(stack, set()).add(number)
    stacks = {stack: sorted(found) for stack, found in numbers.items()}
    places: dict[str, Place | None] = {}
    for name, canonical in names.items():
        if name in inside:
            stack, number = inside[name]
            places[name] = (stacks[stack].index(number), len(stacks[stack]))
        else:
            places[name] = _outside(_segments(canonical), stacks)
    return places


def _segments(name: str) -> tuple[str, ...]:
    return tuple(re.split(r"[./]", name))


def _layer(segments: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int, ...]] | None:
    """The outermost list of layers in a name: the names that lead to it, and the number of the layer."""
    for place, segment in enumerate(segments):
        before, rest = segments[:place], segments[place + 1 :]
        number = int(rest[0]) if rest and rest[0].isdigit() else None
        if match := _U_NET.fullmatch(segment):
            return (*before, "u-net"), (_PARTS[match[1]], number or 0)
        if number is not None and (match := _GROUPED.fullmatch(segment)):
            return (*before, "groups"), (int(match[1]), number)
        if match := _NUMBERED.fullmatch(segment):
            return (*before, "numbered"), (int(match[1]),)
        if number is not None and _LIST.fullmatch(segment):
            return (*before, segment), (number,)
    return None


def _outside(segments: tuple[str, ...], stacks: Mapping[tuple[str, ...], list[tuple[int, ...]]]) -> Place | None:
    shared = {stack: _common(stack[:-1], segments) for stack in stacks}
    longest = max(shared.values(), default=0)
    nearest = [stack for stack, length in shared.items() if length == longest]
    if len(nearest) != 1 or (longest == 0 and len(stacks) > 1):
        return None  # none, or it cannot be told to which of several it belongs
    own = ".".join(segments[longest:])
    layers = len(stacks[nearest[0]])
    if _BEFORE.search(own):
        return (0, layers)
    return (layers - 1, layers) if _AFTER.search(own) else None


def _common(first: Iterable[str], second: Iterable[str]) -> int:
    length = 0
    for a, b in zip(first, second, strict=False):
        if a != b:
            break
        length += 1
    return length
