"""Write mergekit-0.1.5.safetensors: small seeded policies and what mergekit's own functions make of them.

Run by hand, in an environment with mergekit 0.1.5 (the tests only read the file):

    python3 -m venv /tmp/mergekit && /tmp/mergekit/bin/pip install torch==2.13.0 mergekit==0.1.5
    /tmp/mergekit/bin/python tests/python/merge/peers/make_mergekit_fixture.py

The file holds, for fp32 and bf16, the ends as `DTYPE.END.TENSOR` and the results as `DTYPE.CASE.TENSOR`; its metadata
describe every case. mergekit computes in fp32 and rounds to bf16 at the end, as its authors advise.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from mergekit.merge_methods.api import merge_tensors
from safetensors.torch import save_file

FIXTURE = Path(__file__).parent / "mergekit-0.1.5.safetensors"
SHAPES = {"matrix": (24, 40), "vector": (64,)}
SKILLS = ["skill0", "skill1", "skill2"]
DENSITY = 0.25  # of 960 and of 64 entries: whole numbers, so that conventions of rounding k do not matter

CASES: dict[str, dict[str, Any]] = {
    "linear": {"method": "linear", "ends": ["base", "near"], "parameters": {"weight": [0.7, 0.3]}},
    "soup": {"method": "linear", "ends": SKILLS, "parameters": {"weight": [1.0, 1.0, 1.0]}},
    "slerp_near": {"method": "slerp", "base": "base", "ends": ["near"], "parameters": {"t": 0.3}},
    "slerp_far": {"method": "slerp", "base": "base", "ends": ["skill0"], "parameters": {"t": 0.3}},
    "slerp_updates": {"method": "nuslerp", "base": "base", "ends": SKILLS[:2], "parameters": {"weight": [1.0, 3.0]}},
    "task_arithmetic": {"method": "task_arithmetic", "parameters": {"weight": [1.0, 0.5, -0.25], "lambda": 0.7}},
    "ties": {"method": "ties", "parameters": {"weight": [1.0, 2.0, 1.0], "density": [DENSITY] * 3, "lambda": 0.7}},
    "ties_of_one": {"method": "ties", "ends": ["skill0"], "parameters": {"weight": [1.0], "density": [DENSITY]}},
    "dare_linear": {"method": "dare_linear", "parameters": {"weight": [1.0, 0.5, 2.0], "lambda": 0.7}},
    # dare_ties adds up what agrees unless it is told to normalize; then it is TIES's disjoint mean. The weights are odd
    # ones so that no sum of bf16 updates is exactly zero, where mergekit elects the positive sign.
    "dare_ties": {"method": "dare_ties", "parameters": {"weight": [1.0, 0.731, 1.9177], "normalize": True}},
    "della_linear": {"method": "della_linear", "parameters": {"weight": [1.0, 0.5, 2.0], "lambda": 0.7}},
    "della": {"method": "della", "parameters": {"weight": [1.0, 0.731, 1.9177], "lambda": 0.7}},
    "model_stock": {"method": "model_stock", "parameters": {}},
    "model_stock_of_two": {"method": "model_stock", "ends": SKILLS[:2], "parameters": {}},
}

RANDOM_CASES: dict[str, dict[str, Any]] = {
    "random.dare_linear": {"method": "dare_linear", "parameters": {"weight": [1.0], "density": [0.3]}},
    "random.della_linear": {
        "method": "della_linear",
        "parameters": {"weight": [1.0], "density": [0.5], "epsilon": [0.3]},
    },
}
RANDOM_SHAPE = (256, 64)


def make_ends(dtype: torch.dtype, seed: int) -> dict[str, dict[str, torch.Tensor]]:
    """A base, one policy near it, and three skills whose updates have a part in common."""
    random = torch.Generator().manual_seed(seed)
    ends: dict[str, dict[str, torch.Tensor]] = {end: {} for end in ("base", "near", *SKILLS)}
    for name, shape in SHAPES.items():
        base, shared = (0.02 * torch.randn(shape, generator=random) for _ in range(2))
        ends["base"][name] = base.to(dtype)
        ends["near"][name] = (base + 2e-4 * torch.randn(shape, generator=random)).to(dtype)
        for skill in SKILLS:
            ends[skill][name] = (base + 0.3 * shared + 0.005 * torch.randn(shape, generator=random)).to(dtype)
    return ends


def has_tied_threshold(ends: dict[str, dict[str, torch.Tensor]]) -> bool:
    """Whether trimming at DENSITY would cut between equal magnitudes, where mergekit keeps some of them."""
    for end in SKILLS:
        for name, base in ends["base"].items():
            size = (ends[end][name].float() - base.float()).abs().flatten().sort(descending=True).values
            keep = int(DENSITY * size.numel())
            if size[keep - 1] == size[keep]:
                return True
    return False


def merge(case: dict[str, Any], tensors: list[torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
    """One tensor by mergekit; the base, where the case has one, comes first."""
    base_index = 0 if "base" in case else None
    parameters = {
        # Parameters of the ends that are not the base are keyed by the end.
        name: dict(zip(range(1, len(tensors)), value, strict=True))
        if isinstance(value, list) and base_index == 0
        else value
        for name, value in case["parameters"].items()
    }
    return merge_tensors(
        tensors, case["method"], parameters=parameters, base_index=base_index, dtype=torch.float32, out_dtype=dtype
    )


def random_figures(case: dict[str, Any]) -> dict[str, torch.Tensor]:
    """What a random method did to a large task vector: share kept by eighth of the rank in the row, factor, L1 norm."""
    tau = torch.randn(RANDOM_SHAPE, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(2)
    merged = merge(case, [torch.zeros(RANDOM_SHAPE), tau], torch.float32)
    kept = merged != 0
    rank = tau.abs().argsort(dim=1).argsort(dim=1)
    eighth = rank * 8 // RANDOM_SHAPE[1]
    share = torch.stack([kept[eighth == i].float().mean() for i in range(8)])
    factors = merged[kept] / tau[kept]
    return {
        "share_kept": share,
        "factors": torch.stack([factors.min(), factors.max()]),
        "l1": merged.abs().sum()[None] / tau.abs().sum(),
    }


def main() -> None:
    """Make the file."""
    assert version("mergekit") == "0.1.5"
    stored: dict[str, torch.Tensor] = {}
    for dtype, label in ((torch.float32, "F32"), (torch.bfloat16, "BF16")):
        seed = next(seed for seed in range(1000) if not has_tied_threshold(make_ends(dtype, seed)))
        ends = make_ends(dtype, seed)
        stored |= {f"{label}.{end}.{name}": tensor for end, made in ends.items() for name, tensor in made.items()}
        for case_name, case in CASES.items():
            case.setdefault("ends", SKILLS)
            if case["method"] != "linear":
                case["base"] = "base"
            order = ([case["base"]] if "base" in case else []) + case["ends"]
            for name in SHAPES:
                stored[f"{label}.{case_name}.{name}"] = merge(case, [ends[end][name] for end in order], dtype)
    for case_name, case in RANDOM_CASES.items():
        case["base"] = "base"
        stored |= {f"{case_name}.{figure}": value for figure, value in random_figures(case).items()}
    # Where the definitions differ on purpose; the test says how. Ends of one base, which is zero.
    equal = torch.tensor([1.0, -1.0, 1.0, 0.5])
    trim = {"base": "base", "method": "ties", "parameters": {"weight": [1.0], "density": [0.5]}}
    stored["different.trimmed_at_equal_magnitudes"] = merge(trim, [torch.zeros(4), equal], torch.float32)
    cancel = {"base": "base", "method": "ties", "parameters": {"weight": [1.0, 1.0]}}
    stored["different.elected_where_updates_cancel"] = merge(
        cancel, [torch.zeros(2), torch.tensor([1.0, 2.0]), torch.tensor([-1.0, 1.0])], torch.float32
    )
    opposite = {"base": "base", "method": "model_stock", "parameters": {}}
    stored["different.stock_of_opposing_updates"] = merge(
        opposite, [torch.zeros(2), torch.tensor([1.0, 0.0]), torch.tensor([-0.5, 0.75**0.5])], torch.float32
    )
    stored = {name: tensor.contiguous().clone() for name, tensor in stored.items()}
    save_file(stored, FIXTURE, {"mergekit": version("mergekit"), "cases": json.dumps({**CASES, **RANDOM_CASES})})
    print(f"{FIXTURE}: {len(stored)} tensors, {FIXTURE.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
