"""Geometry of task vectors against plain numpy, and Model Stock's α against the signal that it is to find."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from retain.choose.geometry import measure_geometry
from retain.errors import MergeError
from retain.merge import merge
from retain.merge.methods.model_stock import ratio

from ..merge.policies import finetuned, weights, write_policy  # noqa: TID252

COMPONENTS = ("vision", "language", "action")


def flat(made, component=""):
    return np.concatenate(
        [v.ravel() for n, v in sorted(made.items()) if n.startswith(component) and v.dtype.kind == "f"]
    )


def runs(folder: Path, base, signal: float, error: float, count: int):
    """Policies that share one update and have another each; the shared one comes last."""
    shared = finetuned(base, seed=7, size=signal)
    made = [finetuned(shared, seed=10 + run, size=error) for run in range(count)]
    paths = [write_policy(folder / f"run{run}", one, "F64") for run, one in enumerate(made)]
    return write_policy(folder / "base", base, "F64"), paths, made, shared


def test_updates_and_cosines_are_those_of_the_weights(tmp_path):
    base = weights()
    place, paths, made, _ = runs(tmp_path, base, 1e-3, 2e-3, 3)
    found = measure_geometry(place, paths, threads=1)
    assert tuple(found.components) == COMPONENTS
    for name in ("", *COMPONENTS):
        movement = found.components[name] if name else found.whole
        updates = [flat(one, name) - flat(base, name) for one in made]
        lengths = [np.linalg.norm(update) for update in updates]
        assert movement.relative_update == pytest.approx(np.array(lengths) / np.linalg.norm(flat(base, name)))
        pairs = [(i, j) for i in range(3) for j in range(i)]
        cosines = [updates[i] @ updates[j] / (lengths[i] * lengths[j]) for i, j in pairs]
        assert movement.cosine == pytest.approx(np.mean(cosines))
        assert movement.alpha_of_one == movement.cosine
        assert movement.alpha_of_mean == pytest.approx(3 * np.mean(cosines) / (1 + 2 * np.mean(cosines)))


@pytest.mark.parametrize("error", [0.5e-3, 1e-3, 2e-3])
@pytest.mark.parametrize("count", [2, 4])
def test_the_two_alphas_bring_the_mean_and_one_run_nearest_to_what_they_share(tmp_path, error, count):
    base = weights(size=4000)
    place, paths, made, shared = runs(tmp_path, base, 1e-3, error, count)
    signal = flat(shared) - flat(base)
    updates = [flat(one) - flat(base) for one in made]

    def nearest(update):
        return update @ signal / (update @ update)

    whole = measure_geometry(place, paths, threads=1).whole
    assert whole.alpha_of_mean == pytest.approx(nearest(np.mean(updates, axis=0)), abs=0.02)
    assert whole.alpha_of_one == pytest.approx(np.mean([nearest(update) for update in updates]), abs=0.02)


@given(st.integers(2, 6), st.floats(1e-6, 1.0))
def test_the_mean_may_go_further_than_one_run_and_neither_beyond_it(count, cosine):
    products = tuple(tuple(1.0 if i == j else cosine for j in range(count)) for i in range(count))
    assert cosine <= ratio(products) + 1e-12
    assert ratio(products) <= 1.0 + 1e-12


def test_a_single_run_has_lengths_but_no_angles(tmp_path):
    place, paths, *_ = runs(tmp_path, weights(), 1e-3, 1e-3, 1)
    found = measure_geometry(place, paths, threads=1)
    assert found.whole.relative_update[0] > 0
    assert (found.whole.cosine, found.whole.alpha_of_mean, found.whole.alpha_of_one) == (None, None, None)


def test_a_component_that_one_run_left_alone_has_no_angle_and_the_others_have(tmp_path):
    base = weights()
    place, paths, made, _ = runs(tmp_path, base, 1e-3, 1e-3, 2)
    frozen = {name: base[name] if name.startswith("language") else values for name, values in made[1].items()}
    paths[1] = write_policy(tmp_path / "frozen", frozen, "F64")
    found = measure_geometry(place, paths, threads=1)
    assert found.components["language"].relative_update[1] == 0.0
    assert found.components["language"].cosine is None
    assert found.components["vision"].cosine is not None


def test_runs_that_point_apart_leave_the_base_as_it_is(tmp_path):
    base = weights()
    there = finetuned(base, seed=1)
    back = {name: values if values.dtype.kind == "i" else 2 * base[name] - values for name, values in there.items()}
    paths = [write_policy(tmp_path / name, one, "F64") for name, one in (("there", there), ("back", back))]
    whole = measure_geometry(write_policy(tmp_path / "base", base, "F64"), paths, threads=1).whole
    assert whole.cosine == pytest.approx(-1.0)
    assert (whole.alpha_of_mean, whole.alpha_of_one) == (0.0, 0.0)


def test_what_cannot_be_merged_is_not_compared(tmp_path):
    place, paths, *_ = runs(tmp_path, weights(), 1e-3, 1e-3, 2)
    with pytest.raises(MergeError, match="found no finetuned policy"):
        measure_geometry(place, [])
    broken = finetuned(weights())
    broken["action.scale"] = np.asarray(np.nan)
    other = write_policy(tmp_path / "broken", broken, "F64")
    with pytest.raises(MergeError, match=r"NaN or infinite: action\.scale"):
        measure_geometry(place, [*paths, other])
    with pytest.raises(MergeError, match=r"NaN or infinite"):
        merge(place, other, tmp_path / "merged", 0.5)
