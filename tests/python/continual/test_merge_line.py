"""The policies that methods make of a base and ends, against the formulas in fp64."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from retain.continual import METHODS, End, State, merge_line, replay_shares
from retain.errors import MergeError
from retain.merge.sequence import add_skill

from ..merge import oracle  # noqa: TID252 (tests are no package that could be named)
from ..merge.policies import file_bytes, finetuned, read_weights, weights, write_policy  # noqa: TID252

WEIGHTS = "model.safetensors"


def chain(directory: Path, skills: int) -> tuple[Path, list[Path]]:
    """A base in fp64 and ends that moved ever further from it."""
    made = weights()
    base = write_policy(directory / "base", made, "F64")
    ends = []
    for number in range(skills):
        made = finetuned(made, seed=number + 1, size=0.1)
        ends.append(write_policy(directory / f"end{number}", made, "F64"))
    return base, ends


def floats(policy: Path) -> dict[str, np.ndarray]:
    return {name: values for name, values in read_weights(policy / WEIGHTS).items() if values.dtype.kind == "f"}


def close(found: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> bool:
    """Within some ulps of fp64: merges are rounded once each, the oracle at every operation."""
    return all(np.allclose(found[name], wanted[name], rtol=0, atol=1e-14) for name in wanted)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(alphas=st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_sequential_is_equation_four_and_the_closed_form(alphas, tmp_path_factory):
    place = tmp_path_factory.mktemp("line")
    base, ends = chain(place, len(alphas))
    merge_line(base, ends, alphas, "sequential", place / "out", sync=False)
    p = floats(base)
    policy = p
    for alpha, end in zip(alphas, ends, strict=True):
        policy = {name: (1 - alpha) * policy[name] + alpha * values for name, values in floats(end).items()}
    assert close(floats(place / "out"), policy)
    # θ̃_n = θ_0 + Σ_k α_k·∏_{j>k}(1−α_j)·(θ_ft,k − θ_0)
    kept = [alpha * np.prod([1 - later for later in alphas[k + 1 :]]) for k, alpha in enumerate(alphas)]
    wanted = {
        name: values + sum(w * (floats(end)[name] - values) for w, end in zip(kept, ends, strict=True))
        for name, values in p.items()
    }
    assert close(floats(place / "out"), wanted)


def test_sequential_is_what_merge_continue_makes_bit_for_bit(tmp_path):
    base, ends = chain(tmp_path, 3)
    merge_line(base, ends, [0.5, {"vision": 1.0, "default": 0.25}, 0.75], "sequential", tmp_path / "line", sync=False)
    start = base
    for number, alpha in enumerate([0.5, {"vision": 1.0, "default": 0.25}, 0.75]):
        add_skill(start, ends[number], tmp_path / f"after{number}", alpha, sync=False)
        start = tmp_path / f"after{number}"
    assert (tmp_path / "line" / WEIGHTS).read_bytes() == (start / WEIGHTS).read_bytes()


@settings(max_examples=10, deadline=None)
@given(strengths=st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_parallel_is_the_base_plus_the_sum_of_task_vectors(strengths, tmp_path_factory):
    place = tmp_path_factory.mktemp("line")
    base, ends = chain(place, len(strengths))
    merge_line(base, ends, strengths, "parallel", place / "out", sync=False)
    wanted = {
        name: values + sum(s * (floats(end)[name] - values) for s, end in zip(strengths, ends, strict=True))
        for name, values in floats(base).items()
    }
    assert close(floats(place / "out"), wanted)


def test_without_strengths_parallel_is_the_mean_of_the_ends(tmp_path):
    base, ends = chain(tmp_path, 3)
    merge_line(base, ends, None, "parallel", tmp_path / "out", sync=False)
    wanted = {name: np.mean([floats(end)[name] for end in ends], axis=0) for name in floats(base)}
    assert close(floats(tmp_path / "out"), wanted)


def test_parallel_ties_trims_and_elects_signs(tmp_path):
    base, ends = chain(tmp_path, 3)
    merge_line(base, ends, 0.6, "parallel-ties", tmp_path / "out", sync=False)
    p, fs, out = read_weights(base / WEIGHTS), [read_weights(end / WEIGHTS) for end in ends], floats(tmp_path / "out")
    wanted = {name: oracle.ties(p[name], [f[name] for f in fs], (1.0,) * 3, 0.6, 0.2) for name in out}
    assert close(out, wanted)


@settings(max_examples=10, deadline=None)
@given(alphas=st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_anchored_is_one_merge_of_the_base_with_the_last_end(alphas, tmp_path_factory):
    place = tmp_path_factory.mktemp("line")
    base, ends = chain(place, len(alphas))
    merge_line(base, ends, alphas, "anchored", place / "out", sync=False)
    f = floats(ends[-1])
    wanted = {name: (1 - alphas[-1]) * values + alphas[-1] * f[name] for name, values in floats(base).items()}
    assert close(floats(place / "out"), wanted)


def test_a_sequence_takes_in_what_each_finetuning_changed_at_its_alpha(tmp_path):
    base, alphas = write_policy(tmp_path / "base", weights(), "F64"), (0.5, 0.25, 0.75)
    policy, ends, changes = base, [], []
    for number, alpha in enumerate(alphas):
        start = read_weights(policy / WEIGHTS)
        ends.append(write_policy(tmp_path / f"end{number}", finetuned(start, seed=number + 1, size=0.1), "F64"))
        changes.append({name: alpha * (values - start[name]) for name, values in floats(ends[-1]).items()})
        policy = tmp_path / f"after{number}"
        merge_line(base, ends, alphas[: number + 1], "sequential", policy, sync=False)
    wanted = {name: values + sum(change[name] for change in changes) for name, values in floats(base).items()}
    assert close(floats(policy), wanted)


def test_the_merges_of_a_sequence_and_an_anchored_line_weigh_changes_alike(tmp_path):
    # So what tells the two apart is what finetuning does from either start, and the replay, not the merge.
    made, alpha = weights(), 0.7
    base = write_policy(tmp_path / "base", made, "F64")
    chain_end, policy, chained, stepped = made, base, [], []
    for number in range(3):
        chain_end = finetuned(chain_end, seed=number + 1, size=0.1)
        chained.append(write_policy(tmp_path / f"chained{number}", chain_end, "F64"))
        end = finetuned(read_weights(policy / WEIGHTS), seed=number + 1, size=0.1)  # the same change, from θ̃
        stepped.append(write_policy(tmp_path / f"stepped{number}", end, "F64"))
        policy = tmp_path / f"after{number}"
        merge_line(base, stepped, alpha, "sequential", policy, sync=False)
    merge_line(base, chained, alpha, "anchored", tmp_path / "anchored", sync=False)
    assert close(floats(policy), floats(tmp_path / "anchored"))


def test_where_the_next_finetuning_starts():
    base, policy, ends = Path("base"), Path("policy"), (End(Path("a")), End(Path("b")))
    state = State(base, policy, ends)
    assert METHODS["sequential"].start(state) == policy
    assert METHODS["parallel"].start(state) == METHODS["parallel-ties"].start(state) == base
    assert METHODS["anchored"].start(state) == Path("b")
    assert all(method.start(State(base, base)) == base for method in METHODS.values())


@given(replay=st.floats(0.01, 0.99), earlier=st.integers(1, 20))
def test_the_replay_share_is_split_evenly_over_all_earlier_skills(replay, earlier):
    shares = replay_shares(replay, earlier)
    assert len(shares) == earlier
    assert len(set(shares)) == 1
    assert sum(shares) == pytest.approx(replay)


def test_without_replay_or_earlier_skills_nothing_is_mixed():
    assert replay_shares(0.0, 3) == replay_shares(0.5, 0) == ()


def test_inputs_are_never_changed_and_nothing_is_left_beside_the_output(tmp_path):
    base, ends = chain(tmp_path, 3)
    before = file_bytes(tmp_path)
    merge_line(base, ends, 0.5, "sequential", tmp_path / "out", sync=False)
    after = {name: data for name, data in file_bytes(tmp_path).items() if not name.startswith("out/")}
    assert after == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "end0", "end1", "end2", "out"]


def test_impossible_lines_are_one_sentence(tmp_path):
    base, ends = chain(tmp_path, 2)
    out = tmp_path / "out"
    with pytest.raises(MergeError, match="no continual method 'serial'; expected one of anchored, sequential"):
        merge_line(base, ends, 0.5, "serial", out)
    with pytest.raises(MergeError, match="found 1 alphas for 2 finetuned policies"):
        merge_line(base, ends, [0.5], "sequential", out)
    with pytest.raises(MergeError, match="none was given; without one the policy is the base"):
        merge_line(base, [], 0.5, "parallel", out)
    with pytest.raises(MergeError, match="TIES takes a mean"):
        merge_line(base, ends, [0.5, 0.6], "parallel-ties", out)
    with pytest.raises(MergeError, match="one alpha by component for all skills, or one number for each"):
        merge_line(base, ends, [0.5, {"default": 0.6}], "parallel", out)
    with pytest.raises(MergeError, match="the replay share is 1; it must be at least 0 and less than 1"):
        replay_shares(1.0, 2)
    assert not out.exists()
