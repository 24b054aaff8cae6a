"""Laws that hold for any tensors, dtypes, shards and threads."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from retain.merge import merge

from .policies import Array, read_weights, write_weights

DTYPES = ("BF16", "F16", "F32", "F64")
LARGEST = {"BF16": 2.0**100, "F16": 2.0**12, "F32": 2.0**100, "F64": 2.0**300}


@dataclass(frozen=True)
class Ends:
    """Two ends of one model: tensors with values that `dtype` holds exactly, and how each end is cut into shards."""

    base: dict[str, Array]
    finetuned: dict[str, Array]
    dtype: str
    shards: tuple[int, int]
    order: tuple[int, ...]


@st.composite
def ends(draw: st.DrawFn) -> Ends:
    dtype = draw(st.sampled_from(DTYPES))
    count = draw(st.integers(1, 5))
    values = st.floats(-LARGEST[dtype], LARGEST[dtype], width=64)
    base, tuned = {}, {}
    for number in range(count):
        shape = draw(npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6))
        first = draw(npst.arrays(np.float64, shape, elements=values))
        change = draw(npst.arrays(np.bool_, shape))
        base[f"action.w{number}"] = first
        tuned[f"action.w{number}"] = np.where(change, draw(npst.arrays(np.float64, shape, elements=values)), first)
    shards = draw(st.tuples(st.integers(1, count), st.integers(1, count)))
    order = tuple(draw(st.permutations(range(count))))
    return Ends(base, tuned, dtype, shards, order)


def write(place: Path, made: dict[str, Array], dtype: str, shards: int, order: Sequence[int] | None = None) -> Path:
    """A checkpoint in shards; `order` permutes which tensor is in which."""
    place.mkdir()
    names = list(made)
    names = names if order is None else [names[index] for index in order]
    weight_map = {}
    for number in range(shards):
        file = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        part = {name: made[name] for name in names[number::shards]}
        write_weights(place / file, part, dtype)
        weight_map |= dict.fromkeys(part, file)
    (place / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return place


def read(place: Path) -> dict[str, Array]:
    return {name: values for file in sorted(place.glob("*.safetensors")) for name, values in read_weights(file).items()}


def same(a: dict[str, Array], b: dict[str, Array]) -> bool:
    """Equal bits, the sign of zero included."""
    return a.keys() == b.keys() and all(
        np.array_equal(a[name], b[name]) and np.array_equal(np.signbit(a[name]), np.signbit(b[name])) for name in a
    )


@given(found=ends(), threads=st.integers(1, 4))
@settings(deadline=None, max_examples=40)
def test_the_ends_are_exact_and_shards_and_threads_change_nothing(found: Ends, threads: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        base = write(place / "base", found.base, found.dtype, found.shards[0])
        tuned = write(place / "tuned", found.finetuned, found.dtype, found.shards[1], found.order)
        whole = write(place / "whole", found.finetuned, found.dtype, 1)
        p, f = read(base), read(tuned)
        quick = {"threads": threads, "sync": False, "hashing": False}
        merge(base, tuned, place / "zero", 0.0, **quick)
        merge(base, tuned, place / "one", 1.0, **quick)
        merge(base, tuned, place / "half", 0.5, **quick)
        merge(base, whole, place / "half1", 0.5, threads=1, sync=False)
        assert same(read(place / "zero"), p)
        assert same(read(place / "one"), f)
        half = read(place / "half")
        assert same(half, read(place / "half1"))
        for tensor, values in half.items():
            low, high = np.minimum(p[tensor], f[tensor]), np.maximum(p[tensor], f[tensor])
            assert ((low <= values) & (values <= high)).all()
            assert np.array_equal(values[p[tensor] == f[tensor]], p[tensor][p[tensor] == f[tensor]])


@given(found=ends(), first=st.sampled_from([0.25, 0.5, 0.75]), second=st.sampled_from([0.25, 0.5]))
@settings(deadline=None, max_examples=20)
def test_two_steps_towards_the_same_end_are_one(found: Ends, first: float, second: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        base = write(place / "base", found.base, "F64", 1)
        tuned = write(place / "tuned", found.finetuned, "F64", 1)
        merge(base, tuned, place / "step1", first, sync=False, hashing=False)
        # From the intermediate on: 1 − (1 − a)(1 − b); back at the base: a·b.
        merge(place / "step1", tuned, place / "on", second, sync=False, hashing=False)
        merge(base, place / "step1", place / "back", second, sync=False, hashing=False)
        merge(base, tuned, place / "on1", 1 - (1 - first) * (1 - second), sync=False, hashing=False)
        merge(base, tuned, place / "back1", first * second, sync=False, hashing=False)
        p, f = read(base), read(tuned)
        for twice, once in (("on", "on1"), ("back", "back1")):
            a, b = read(place / twice), read(place / once)
            for tensor in a:
                size = np.abs(p[tensor]) + np.abs(f[tensor])
                assert (np.abs(a[tensor] - b[tensor]) <= 2.0**-50 * size).all()


@given(found=ends(), alpha=st.floats(0.0, 1.0))
@settings(deadline=None, max_examples=20)
def test_the_mirror_image_is_the_same_merge(found: Ends, alpha: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        base = write(place / "base", found.base, "F64", 1)
        tuned = write(place / "tuned", found.finetuned, "F64", 1)
        merge(base, tuned, place / "there", alpha, sync=False, hashing=False)
        merge(tuned, base, place / "back", 1.0 - alpha, sync=False, hashing=False)
        a, b, p, f = (read(place / name) for name in ("there", "back", "base", "tuned"))
        for tensor in a:
            size = np.abs(p[tensor]) + np.abs(f[tensor])
            assert (np.abs(a[tensor] - b[tensor]) <= 2.0**-50 * size).all()
