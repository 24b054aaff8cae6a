"""The directories that today's training tools leave, with their real file names and small tensors."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from retain.checkpoint import open_checkpoint, read_statistics
from retain.errors import CheckpointError
from safetensors.numpy import save_file

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
LIMITS = {"min": [-1.0, -2.0], "max": [1.0, 2.0], "q01": [-0.9, -1.9], "q99": [0.9, 1.9]}


def write(directory: Path, **files: Any) -> Path:
    """Files by name, "__" for a dot and "/" as "___": tensors for safetensors, an object for JSON, else bytes."""
    for coded, content in files.items():
        file = directory / coded.replace("___", "/").replace("__", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".safetensors":
            save_file({name: np.full(2, value, np.float32) for name, value in content.items()}, file)
        elif file.suffix == ".json":
            file.write_text(json.dumps(content))
        else:
            file.write_bytes(content)
    return directory


def write_shards(directory: Path, prefix: str = "model") -> Path:
    shards = [shard.replace("model", prefix) for shard in SHARDS]
    directory.mkdir(parents=True, exist_ok=True)
    for number, shard in enumerate(shards):
        save_file({f"layer{number}": np.full(2, number, np.float32)}, directory / shard)
    weight_map = {f"layer{number}": shard for number, shard in enumerate(shards)}
    (directory / f"{prefix}.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return directory


def refuse(path: Path, match: str) -> None:
    with pytest.raises(CheckpointError, match=match):
        open_checkpoint(path)


def lerobot_step(step: Path, *, ema: bool) -> Path:
    for name, value in (("pretrained_model", 1.0), ("pretrained_model_ema", 2.0))[: 1 + ema]:
        write(step / name, model__safetensors={"w": value}, config__json={"type": "act"})
    return write(step, training_state___training_step__json={"step": 4})


def value(path: Path) -> float:
    checkpoint = open_checkpoint(path)
    info = checkpoint.tensors["w"]
    return float(np.frombuffer(info.file.read_bytes()[info.offset :], np.float32)[0])


@pytest.mark.parametrize(("ema", "expected"), [(True, 2.0), (False, 1.0)])
def test_a_step_of_lerobots_is_its_averaged_weights_where_it_has_them(
    tmp_path: Path, ema: bool, expected: float
) -> None:
    lerobot_step(tmp_path / "run" / "checkpoints" / "000004", ema=ema)
    (tmp_path / "run" / "checkpoints" / "last").symlink_to("000004")
    for path in ("000004", "last"):
        opened = open_checkpoint(tmp_path / "run" / "checkpoints" / path)
        assert value(tmp_path / "run" / "checkpoints" / path) == expected
        assert opened.path.name == path
        assert (opened.kind, opened.sidecars) == ("lerobot", (Path("config.json"),))
        assert len(opened.notes) == 1
        assert opened.notes[0].startswith(f"read the {'averaged (EMA) ' if ema else ''}weights in pretrained_model")
    refuse(tmp_path / "run", "is a training run, not a policy; give .*checkpoints/last")


def test_what_was_asked_for_is_read_although_averaged_weights_lie_beside_it(tmp_path: Path) -> None:
    step = lerobot_step(tmp_path / "000004", ema=True)
    assert value(step / "pretrained_model") == 1.0
    assert open_checkpoint(step / "pretrained_model").notes == (
        "read as asked, though averaged (EMA) weights lie beside it in pretrained_model_ema",
    )
    assert value(step / "pretrained_model_ema") == 2.0
    assert open_checkpoint(step / "pretrained_model_ema").notes == ()


def test_openpi_in_torch(tmp_path: Path) -> None:
    """What train_pytorch.py and the converter write; the asset's name may be a repository's, with a slash."""
    statistics = {"norm_stats": {"actions": {"mean": [1.0, 2.0], "std": [3.0, 4.0]}, "state": {"q01": [5.0]}}}
    write(
        tmp_path,
        model__safetensors={"action_in_proj.weight": 1.0},
        optimizer__pt=b"",
        metadata__pt=b"",
        assets___physical_intelligence___libero___norm_stats__json=statistics,
    )
    checkpoint = open_checkpoint(tmp_path)
    asset = "assets/physical_intelligence/libero/norm_stats.json"
    assert (checkpoint.kind, checkpoint.sidecars) == ("openpi", (Path(asset),))
    found = read_statistics(checkpoint)
    assert found is not None
    assert found.source == asset
    assert found.values == {
        f"{asset}.norm_stats.actions.mean": (1.0, 2.0),
        f"{asset}.norm_stats.actions.std": (3.0, 4.0),
        f"{asset}.norm_stats.state.q01": (5.0,),
    }


def test_openvla_before_and_after_finetuning_names_its_statistics_alike(tmp_path: Path) -> None:
    action = {"action": {**LIMITS, "mask": [True, False]}, "num_transitions": 5}
    base = write_shards(tmp_path / "base")
    write(base, config__json={"model_type": "openvla", "norm_stats": {"bridge": action}})
    tuned = write_shards(tmp_path / "tuned")
    write(
        tuned,
        config__json={"model_type": "openvla", "norm_stats": {"bridge": action}},
        dataset_statistics__json={"libero": action},
    )
    first, second = (read_statistics(open_checkpoint(path)) for path in (base, tuned))
    assert first is not None
    assert second is not None
    assert (first.source, second.source) == ("config.json", "dataset_statistics.json")
    assert first.values["dataset_statistics.json.bridge.action.q01"] == (-0.9, -1.9)
    assert first.values["dataset_statistics.json.bridge.action.mask"] == (1.0, 0.0)
    assert {name.replace("bridge", "libero") for name in first.values} == second.values.keys()


def test_an_openvla_oft_step_is_its_folded_weights(tmp_path: Path) -> None:
    step = write_shards(tmp_path / "run--5000_chkpt")
    write(
        step,
        config__json={"model_type": "openvla"},
        dataset_statistics__json={"libero": {"action": LIMITS}},
        lora_adapter___adapter_config__json={"peft_type": "LORA", "r": 2, "lora_alpha": 4},
        lora_adapter___adapter_model__safetensors={"w": 1.0},
        lora_adapter___README__md=b"",
    )
    (step / "action_head--5000_checkpoint.pt").write_bytes(b"a pickle")
    checkpoint = open_checkpoint(step)
    assert (checkpoint.kind, list(checkpoint.tensors)) == ("huggingface", ["layer0", "layer1"])
    assert checkpoint.sidecars == tuple(
        map(Path, ("action_head--5000_checkpoint.pt", "config.json", "dataset_statistics.json"))
    )
    assert checkpoint.notes == (
        "action_head--5000_checkpoint.pt holds weights of its own, which are copied, not merged",
    )


def test_an_openvla_oft_step_without_folded_weights_is_its_adapter(tmp_path: Path) -> None:
    adapter = tmp_path / "lora_adapter"
    adapter.mkdir()
    factors = {"A": np.ones((2, 5), np.float32), "B": np.ones((3, 2), np.float32)}
    save_file({f"base_model.model.q.lora_{x}.weight": factors[x] for x in "AB"}, adapter / "adapter_model.safetensors")
    write(
        tmp_path,
        lora_adapter___adapter_config__json={"peft_type": "LORA", "r": 2, "lora_alpha": 4},
        dataset_statistics__json={"libero": {"action": LIMITS}},
    )
    (tmp_path / "action_head--5000_checkpoint.pt").write_bytes(b"a pickle")
    checkpoint = open_checkpoint(tmp_path)
    assert (checkpoint.kind, list(checkpoint.adapters)) == ("peft", ["q.weight"])
    assert checkpoint.notes[0].startswith("read the adapter in lora_adapter")
    assert "dataset_statistics.json.libero.action.q99" in read_statistics(checkpoint).values  # type: ignore[union-attr]
    assert [str(file) for file in checkpoint.sidecars] == ["action_head--5000_checkpoint.pt", "dataset_statistics.json"]


def test_groot_keeps_statistics_by_robot(tmp_path: Path) -> None:
    now = write_shards(tmp_path / "n1_7")
    write(now, config__json={"model_type": "Gr00tN1d7"}, statistics__json={"gr1": {"action": {"arm": LIMITS}}})
    before = write_shards(tmp_path / "n1_5")
    metadata = {"gr1": {"statistics": {"action": {"arm": LIMITS}}, "modalities": {"video": {"fps": 20}}}}
    write(before, config__json={"model_type": "gr00t_n1_5"}, experiment_cfg___metadata__json=metadata)
    expected = {f"statistics.json.gr1.action.arm.{name}": tuple(values) for name, values in LIMITS.items()}
    for path, source in ((now, "statistics.json"), (before, "experiment_cfg/metadata.json")):
        found = read_statistics(open_checkpoint(path))
        assert found is not None
        assert (found.source, found.values) == (source, expected)


def test_a_run_of_the_hugging_face_trainer_leaves_its_training_behind(tmp_path: Path) -> None:
    run = write_shards(tmp_path / "run")
    write_shards(run / "checkpoint-500")
    write_shards(run / "checkpoint-1000")
    write(
        run,
        config__json={"model_type": "Gr00tN1d7"},
        trainer_state__json={},
        training_args__bin=b"",
        optimizer__pt=b"",
        rng_state_0__pth=b"",
        global_step1000___zero__pt=b"",
        wandb___log__txt=b"",
        processor___processor_config__json={},
    )
    assert [str(file) for file in open_checkpoint(run).sidecars] == ["config.json", "processor/processor_config.json"]
    for file in (*run.glob("*.safetensors"), run / "model.safetensors.index.json"):
        file.unlink()
    refuse(run, "is a training run, not a policy; give one of its steps, as .*checkpoint-1000")


def test_of_several_indices_the_plain_one_counts(tmp_path: Path) -> None:
    write_shards(tmp_path)
    write_shards(tmp_path, "model.fp16")
    checkpoint = open_checkpoint(tmp_path)
    assert [header.file.name for header in checkpoint.headers] == list(SHARDS)
    assert checkpoint.sidecars == ()
    other = "model.fp16.safetensors.index.json"
    note = f"read the shards of model.safetensors.index.json; those of {other} were not read and are left behind"
    assert checkpoint.notes == (note,)
    (tmp_path / "model.safetensors.index.json").rename(tmp_path / "other.safetensors.index.json")
    refuse(tmp_path, "has several shard indices")


def test_shards_beside_a_whole_file_are_ambiguous(tmp_path: Path) -> None:
    write(write_shards(tmp_path), model__safetensors={"w": 1.0})
    refuse(tmp_path, r"has model\.safetensors and also the shards of .*index\.json, and nothing says which count")


@pytest.mark.parametrize("mark", ["_CHECKPOINT_METADATA", "params/_METADATA", "params/manifest.ocdbt"])
def test_jax_checkpoints_are_sent_to_their_converter(tmp_path: Path, mark: str) -> None:
    (tmp_path / mark).parent.mkdir(exist_ok=True)
    (tmp_path / mark).write_text("{}")
    refuse(tmp_path, r"is a JAX checkpoint \(Orbax\), .*convert_jax_model_to_pytorch\.py")


def test_distributed_shards_are_sent_to_their_converter(tmp_path: Path) -> None:
    (tmp_path / "pretrained_model" / "pytorch_model_fsdp_0").mkdir(parents=True)
    refuse(tmp_path / "pretrained_model", "convert them with lerobot-convert-dcp")
    refuse(tmp_path, "convert them with lerobot-convert-dcp")
