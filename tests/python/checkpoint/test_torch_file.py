import json
import pickle
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.checkpoint import Checkpoint, open_checkpoint
from retain.errors import CheckpointError
from safetensors.torch import load_file, save_file

torch = pytest.importorskip("torch")

NUMBERS = [
    *(getattr(torch, name) for name in ("bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint64")),
    *(getattr(torch, name) for name in ("float16", "bfloat16", "float32", "float64", "complex64")),
    *(getattr(torch, name) for name in ("float8_e4m3fn", "float8_e5m2")),
]


def save(path: Path, contents: Any, **options: Any) -> Path:
    torch.save(contents, path, **options)
    return path


def opened(path: Path) -> Checkpoint:
    return open_checkpoint(path, allow_pickle=True)


def refuse(path: Path, match: str) -> None:
    with pytest.raises(CheckpointError, match=match) as error:
        opened(path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600


def stored(checkpoint: Checkpoint, name: str) -> bytes:
    info = checkpoint.tensors[name]
    return info.file.read_bytes()[info.offset : info.offset + info.nbytes]


def as_bytes(tensor: Any) -> bytes:
    return tensor.detach().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes()


def as_safetensors(checkpoint: Checkpoint, path: Path) -> dict[str, Any]:
    """Header and bytes, one after the other, are a safetensors file."""
    path.write_bytes(checkpoint.headers[0].raw + b"".join(stored(checkpoint, name) for name in checkpoint.tensors))
    return load_file(path)


def test_every_tensor_lies_where_it_is_said_to(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = {str(dtype): torch.randint(0, 2, (3, 5)).to(dtype) for dtype in NUMBERS}
    state |= {"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 4), "parameter": torch.nn.Parameter(torch.randn(7))}
    checkpoint = opened(save(tmp_path / "policy.pt", state))
    assert (checkpoint.kind, checkpoint.is_bare, checkpoint.sidecars) == ("pickle", True, ())
    assert checkpoint.tensors.keys() == state.keys()
    for name, tensor in state.items():
        assert checkpoint.tensors[name].shape == tuple(tensor.shape)
        assert stored(checkpoint, name) == as_bytes(tensor), name


@given(st.lists(st.tuples(st.sampled_from(NUMBERS), st.lists(st.integers(0, 5), max_size=3)), max_size=6), st.data())
@settings(deadline=None, max_examples=25)
def test_offsets_are_right_for_any_state(
    tmp_path_factory: pytest.TempPathFactory, description: list[Any], data: st.DataObject
) -> None:
    tensors = [torch.arange(torch.Size(shape).numel()).to(dtype).reshape(shape) for dtype, shape in description]
    state = {f"t{number}.weight": tensor for number, tensor in enumerate(tensors)}
    state["last"] = data.draw(st.sampled_from([*tensors, torch.ones(2)]))  # tied to another, or not
    path = tmp_path_factory.mktemp("any")
    checkpoint = opened(save(path / "x.pt", state))
    assert all(stored(checkpoint, name) == as_bytes(tensor) for name, tensor in state.items())


def test_parts_of_a_storage_are_read_where_they_lie(tmp_path: Path) -> None:
    whole = torch.arange(20, dtype=torch.float32)
    state = {"head": whole[:4], "tail": whole[12:].reshape(2, 4), "tied": whole, "again": whole}
    checkpoint = opened(save(tmp_path / "views.pt", state))
    assert all(stored(checkpoint, name) == as_bytes(tensor) for name, tensor in state.items())
    assert checkpoint.tensors["tied"] == checkpoint.tensors["again"]


def test_the_header_is_that_of_a_safetensors_file_of_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = {"b": torch.randn(3, 4).bfloat16(), "a": torch.randn(5), "c": torch.arange(3), "d": torch.randn(0, 2)}
    checkpoint = opened(save(tmp_path / "policy.pth", state))
    assert checkpoint.headers[0].metadata == {"format": "pt"}
    made = as_safetensors(checkpoint, tmp_path / "model.safetensors")
    assert made.keys() == state.keys()
    assert all(torch.equal(made[name], tensor) for name, tensor in state.items())
    again = open_checkpoint(tmp_path / "model.safetensors")
    assert [(name, info.dtype, info.shape) for name, info in again.tensors.items()] == [
        (name, info.dtype, info.shape) for name, info in checkpoint.tensors.items()
    ]


W = torch.arange(6, dtype=torch.float32).reshape(2, 3)


@pytest.mark.parametrize(
    ("contents", "names", "notes"),
    [
        ({"w": W}, ["w"], []),
        ({"model": {"w": W}}, ["w"], []),
        ({"state_dict": {"w": W}, "epoch": 3}, ["w"], ["read the tensors in 'state_dict' of x.pt; left out 'epoch'"]),
        ({"model": {"model": {"w": W}, "lr": 0.1}}, ["w"], ["read the tensors in 'model' of x.pt; left out 'lr'"]),
        ({"model": {"vision": {"w": W}, "head": {"b": W}}}, ["vision.w", "head.b"], []),
        ({"module.w": W, "module.x.b": W}, ["w", "x.b"], ["left out 'module.' before every name in x.pt"]),
        ({"_orig_mod.w": W}, ["w"], ["left out '_orig_mod.' before every name in x.pt"]),
        (
            {"model": {"w": W}, "ema": {"w": W + 1}},
            ["w"],
            ["read the tensors in 'ema' (averaged weights) of x.pt; left out 'model'"],
        ),
        (
            {"model": {"w": W}, "ema": {"shadow": [W], "decay": 0.9}},
            ["w"],
            ["read the tensors in 'model' of x.pt; left out 'ema'"],
        ),
        ({"module.w": W, "other.b": W}, ["module.w", "other.b"], []),
    ],
)
def test_containers_and_prefixes_of_training_tools(
    tmp_path: Path, contents: Any, names: list[str], notes: list[str]
) -> None:
    checkpoint = opened(save(tmp_path / "x.pt", contents))
    assert sorted(checkpoint.tensors) == sorted(names)
    assert list(checkpoint.notes) == notes


def test_averaged_weights_are_read_where_a_file_has_both(tmp_path: Path) -> None:
    checkpoint = opened(save(tmp_path / "x.pt", {"model": {"w": W}, "ema": {"w": W + 1}}))
    assert stored(checkpoint, "w") == as_bytes(W + 1)


CYCLE: dict[str, Any] = {}
CYCLE["model"] = CYCLE


@pytest.mark.parametrize(
    ("contents", "match"),
    [
        ({"w": W.t()}, r"stores 'w' \[3, 2\] not in the order .* strides \[1, 3\]; .* \.contiguous\(\)"),
        ({"w": W[:1].expand(4, 3)}, r"strides \[0, 1\]"),
        ({"w": torch._neg_view(W)}, "not in the order of its elements"),
        ({"w": W.to_sparse()}, "sparse_coo"),
        ({"w": W.to(torch.complex128)}, "complex128"),
        ({"w": W, "step": 3}, "holds .step. of the type int among its tensors"),
        ({"w": W, 3: W}, "has the key 3 where tensors have names"),
        ({"w\n": W}, r"has the key 'w\\n'"),
        ([W], "of the type list, not tensors by name"),
        ({}, "holds no tensors"),
        ({"model": {}}, "holds no tensors"),
        (CYCLE, "holds"),
        (torch.nn.Linear(2, 2), r"holds a torch\.nn\.modules\.linear\.Linear where only tensors are read; save"),
        ({"w": W, "cfg": Path("x")}, r"holds a pathlib\.\w+ where only tensors are read"),
    ],
)
def test_what_is_not_plain_tensors_is_refused_by_name(tmp_path: Path, contents: Any, match: str) -> None:
    refuse(save(tmp_path / "x.pt", contents), match)


def test_pickles_need_to_be_allowed(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is a pickle, .* give --allow-pickle"):
        open_checkpoint(save(tmp_path / "x.pt", {"w": W}))


def test_code_in_a_pickle_is_not_run(tmp_path: Path) -> None:
    witness = tmp_path / "witness"

    class Hostile:
        def __reduce__(self) -> Any:
            return Path.touch, (witness,)

    save(tmp_path / "x.pt", {"w": Hostile()}, pickle_module=pickle)
    refuse(tmp_path / "x.pt", "where only tensors are read")
    assert not witness.exists()


def rewritten(source: Path, target: Path, method: int, **replaced: bytes) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", method) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, replaced.get(entry.filename.rpartition("/")[2], old.read(entry)))
    return target


def test_files_that_torch_did_not_write_so_are_refused(tmp_path: Path) -> None:
    good = save(tmp_path / "good.pt", {"w": torch.randn(1000)})
    refuse(save(tmp_path / "legacy.pt", {"w": W}, _use_new_zipfile_serialization=False), "not a zip archive")
    (tmp_path / "empty.pt").write_bytes(b"")
    refuse(tmp_path / "empty.pt", "not a zip archive")
    (tmp_path / "cut.pt").write_bytes(good.read_bytes()[:-200])
    refuse(tmp_path / "cut.pt", "damaged zip archive")
    (tmp_path / "noise.pt").write_bytes(b"PK\x03\x04" + bytes(100))
    refuse(tmp_path / "noise.pt", "damaged zip archive")
    refuse(rewritten(good, tmp_path / "packed.pt", zipfile.ZIP_DEFLATED), "compressed")
    refuse(rewritten(good, tmp_path / "big.pt", zipfile.ZIP_STORED, byteorder=b"big"), "not written on a little-endian")
    refuse(rewritten(good, tmp_path / "short.pt", zipfile.ZIP_STORED, **{"0": b"abc"}), "does not hold the 4000 bytes")
    refuse(rewritten(good, tmp_path / "junk.pt", zipfile.ZIP_STORED, **{"data.pkl": b"junk"}), "where only tensors")


def test_an_archive_packed_again_without_alignment_is_never_misread(tmp_path: Path) -> None:
    """Torch may work out where records should begin instead of looking, so this depends on torch."""
    tensor = torch.randn(1000)
    packed = rewritten(save(tmp_path / "good.pt", {"w": tensor}), tmp_path / "packed.pt", zipfile.ZIP_STORED)
    found = None
    with suppress(CheckpointError):
        found = stored(opened(packed), "w")
    assert found in (None, as_bytes(tensor))


def test_sharded_pickles_are_one_checkpoint(tmp_path: Path) -> None:
    shards = [f"pytorch_model-{number}-of-00002.bin" for number in ("00001", "00002")]
    for number, shard in enumerate(shards):
        save(tmp_path / shard, {f"layer{number}": W + number})
    weight_map = {f"layer{number}": shard for number, shard in enumerate(shards)}
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    (tmp_path / "config.json").write_text('{"model_type": "openvla"}')
    (tmp_path / "training_args.bin").write_bytes(b"")
    checkpoint = opened(tmp_path)
    assert (checkpoint.kind, checkpoint.is_bare, checkpoint.index) == ("pickle", False, index)
    assert checkpoint.sidecars == (Path("config.json"),)
    assert [stored(checkpoint, f"layer{number}") for number in (0, 1)] == [as_bytes(W), as_bytes(W + 1)]
    index.unlink()
    assert list(opened(tmp_path).tensors) == ["layer0", "layer1"]
    save_file({"layer0": W}, tmp_path / "model.safetensors")
    assert opened(tmp_path).kind == "huggingface"  # safetensors go first, and their pickled copies stay behind
    assert opened(tmp_path).sidecars == (Path("config.json"),)


def test_a_pickled_adapter_is_an_adapter(tmp_path: Path) -> None:
    factors = {"lora_A": torch.randn(2, 5), "lora_B": torch.randn(3, 2)}
    tensors = {f"base_model.model.q.{name}.weight": tensor for name, tensor in factors.items()}
    save(tmp_path / "adapter_model.bin", tensors)
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 2, "lora_alpha": 4}')
    checkpoint = opened(tmp_path)
    assert (checkpoint.kind, checkpoint.adapters["q.weight"].scale) == ("peft", 2.0)


def test_torch_is_imported_for_torch_files_alone(tmp_path: Path) -> None:
    save_file({"w": W}, tmp_path / "model.safetensors")
    code = (
        "import sys; from retain.checkpoint import open_checkpoint, read_statistics; "
        f"read_statistics(open_checkpoint({str(tmp_path)!r}, allow_pickle=True)); "
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
