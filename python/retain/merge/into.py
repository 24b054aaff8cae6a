"""Merging straight into a live torch module: a sweep over α without a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retain._core import merge as core
from retain.checkpoint.safetensors_header import DTYPE_BYTES
from retain.errors import MergeError, require
from retain.merge.account import Figures, figures
from retain.merge.files import STORED
from retain.merge.merge import Alpha, Policies, prepare
from retain.merge.not_finite import finite_problem
from retain.merge.plan import MergePlan, PlannedUnit
from retain.merge.recipe import Recipe
from retain.merge.stream import Progress, stream, threads_or_all

if TYPE_CHECKING:
    import torch

_OTHER_DTYPES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64",
    "uint16": "U16", "uint32": "U32", "uint64": "U64",
}  # fmt: skip


def into(
    module: "torch.nn.Module",
    base: str | Path,
    finetuned: Policies,
    alpha: Alpha | None = None,
    *,
    components: Mapping[str, str] | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    **recipe: Any,
) -> Figures:
    """Fill a module's parameters and buffers with a merge of checkpoints. Its dtypes and devices stay as they are.

    Tensors in main memory are written in place, without a copy; others (on a GPU, or not contiguous) go through one.

    Args:
        module: Its state dict has the checkpoints' names (with or without the prefix that other formats use).
        base: The base policy: a directory or a safetensors file.
        finetuned: A policy finetuned from it, or several.
        alpha: The weight of the finetuned policy, for all tensors or by component.
        components: User-defined components, name → regular expression of the full tensor name.
        threads: How many threads; None takes as many as there are cores for this process.
        progress: Called about ten times a second with the bytes done since the last call.
        recipe: The other fields of `Recipe`; `dtype` has no meaning here, the module's own dtypes are kept.

    Returns:
        The figures of the merge, by component and layer.

    Raises:
        CheckpointError: A file is missing or broken.
        MergeError: The policies cannot be merged as asked, the module has other tensors, or a weight is not finite; in
            the last case the module's weights are undefined.
    """
    require("torch", extra="train")
    if "dtype" in recipe:
        raise MergeError("a live module keeps its own dtypes; leave dtype out, or convert the module with .to(dtype)")
    # Any float dtype of the ends will do, because the module says what is stored; float64 is never written.
    plan = prepare(base, finetuned, Recipe.of(alpha, dtype="float64", **recipe), components)
    places = _Places(plan, module)
    streamed = stream(
        plan,
        places.outputs,
        places.span,
        threads=threads_or_all(threads),
        sync=False,
        stored=places.stored,
        progress=progress,
    )
    problem = finite_problem(plan, streamed)
    if problem is not None:
        raise MergeError(f"{problem}; the module's weights are undefined now, load it again")
    places.finish()
    return figures(plan, streamed, 0)


class _Places:
    """Where each unit of the plan lies in a module's memory."""

    def __init__(self, plan: MergePlan, module: "torch.nn.Module") -> None:
        import torch

        from retain.merge.families import FAMILIES

        family = next((each for each in FAMILIES if each.name == plan.partition.family), None)
        tensors = {(family.canonical(name) if family else name): t for name, t in module.state_dict().items()}
        self.outputs: list[core.Output] = []
        self.stored: dict[str, str] = {}
        self._index: dict[str, int] = {}
        self._start: dict[str, int] = {}
        self._staged: list[tuple[torch.Tensor, torch.Tensor]] = []
        filled: set[int] = set()
        for name, units in _by_tensor(plan).items():
            tensor = tensors.pop(family.canonical(name) if family else name, None)
            if tensor is None:
                raise MergeError(f"the module has no tensor {name}; it must be the checkpoint's own architecture")
            filled.add(tensor.untyped_storage().data_ptr())
            dtype = _dtype_of(tensor)
            rows = [*units[0].source.shape] if len(units) == 1 else [len(units), *units[0].source.shape]
            if list(tensor.shape) not in (rows, [1, *rows]):  # one row of one is a tensor of one row
                raise MergeError(f"{name} is {list(tensor.shape)} in the module and {rows} in the checkpoint")
            target = tensor
            if tensor.device.type != "cpu" or not tensor.is_contiguous():
                target = torch.empty(tensor.shape, dtype=tensor.dtype)
                self._staged.append((tensor, target))
            self._index.update(dict.fromkeys((unit.name for unit in units), len(self.outputs)))
            self.outputs.append(core.Output.memory(target.data_ptr(), target.numel() * target.element_size()))
            for row, unit in enumerate(units):
                if unit.dtype in STORED.values():
                    self.stored[unit.name] = dtype
                elif unit.dtype != dtype:
                    raise MergeError(f"{name} is {dtype} in the module and {unit.dtype} in the checkpoint")
                self._start[unit.name] = row * unit.source.elements * DTYPE_BYTES[dtype]
        # A tied tensor has no bytes of its own.
        left = [
            name
            for name, tensor in tensors.items()
            if tensor.untyped_storage().data_ptr() not in filled and tensor.numel()
        ]
        if left:
            raise MergeError(
                f"the checkpoint has no {left[0]} ({len(left)} such tensors of the module in all); "
                "it must be the module's own architecture"
            )

    def span(self, variant: int, unit: PlannedUnit) -> core.Span:
        """The place of a unit."""
        return core.Span(self._index[unit.name], self._start[unit.name])

    def finish(self) -> None:
        """Bring what was staged to where it belongs."""
        import torch

        with torch.no_grad():
            for tensor, staged in self._staged:
                tensor.copy_(staged)


def _by_tensor(plan: MergePlan) -> dict[str, list[PlannedUnit]]:
    """The units of each tensor, row after row."""
    found: dict[str, list[PlannedUnit]] = {}
    for unit in plan.units:
        found.setdefault(unit.tensor, []).append(unit)
    return found


def _dtype_of(tensor: "torch.Tensor") -> str:
    name = str(tensor.dtype).removeprefix("torch.")
    found = STORED.get(name) or _OTHER_DTYPES.get(name)
    if found is None:
        raise MergeError(f"the module has a tensor of dtype {name}, which cannot be merged into")
    return found
