"""Which committed rows a training shows, and what its result says of itself."""

import json
from dataclasses import replace

import pytest
import torch
from retain.cli.main import main
from retain.errors import TrainingError
from retain.finetune.configuration import TrainingConfig
from retain.finetune.delays import trained_delay
from retain.finetune.run import Start, run_training
from retain.finetune.scratch import MAX_TRAINED_DELAY, scratch_policy
from retain.policy import load_policy, save_policy
from safetensors.torch import load_file

from ..policy.act.tiny_act import act_spec  # noqa: TID252 (tests are no package that could be named)
from .smolvla_files import record_video, write_adopted

CONFIG = TrainingConfig(steps=4, batch_size=2, lr=1e-3, warmup=1, ema=0.5, save_every=2)


@pytest.fixture
def base(dataset, sizes, tmp_path):
    """A compact policy, of chunks of 16 rows, trained for 6 committed ones."""
    path = tmp_path / "base"
    save_policy(scratch_policy(dataset, sizes, seed=0)[0], path)
    return path


@pytest.fixture(scope="module")
def smolvla(tmp_path_factory):
    """Chunks of 6 rows, adopted as trained for 3 committed ones, and demonstrations."""
    pytest.importorskip("transformers")
    pytest.importorskip("av")
    folder = tmp_path_factory.mktemp("smolvla")
    return write_adopted(folder), record_video(folder / "demos", seed=1)


def finetune(base, data, output, config=CONFIG, **options):
    said = []
    start = Start(None if base is None else str(base), data)
    run_training(start, config, output, say=said.append, warn=said.append, **options)
    return said


def weights(output):
    return load_file(output / "model.safetensors")


def same(one, other):
    one, other = weights(one), weights(other)
    return all(torch.equal(one[name], other[name]) for name in one)


def rows(output):
    return load_policy(output).spec.max_trained_delay


def test_without_being_told_a_training_goes_on_with_what_the_base_learnt(base, dataset, smolvla, tmp_path):
    said = finetune(base, dataset, tmp_path / "compact")
    assert rows(tmp_path / "compact") == rows(base) == MAX_TRAINED_DELAY
    assert "committed rows: 0 to 6 of 16, 0.6 s of 30% of the chunks" in said
    said = finetune(*smolvla, tmp_path / "smolvla")
    assert rows(tmp_path / "smolvla") == rows(smolvla[0]) == 3
    assert "committed rows: 0 to 3 of 6, 0.3 s" in said


def test_the_result_says_what_the_training_showed_more_or_less_than_the_base(base, dataset, smolvla, tmp_path):
    for start, several in (((base, dataset), (0, 7)), (smolvla, (0, 2, 5))):
        outputs = []
        for asked in several:
            outputs.append(tmp_path / f"{start[0].parent.name}-{asked}")
            said = finetune(*start, outputs[-1], replace(CONFIG, steps=2, train_delays=asked, keep_every=1))
            assert rows(outputs[-1]) == rows(outputs[-1] / "training/step-000001") == asked
            assert any("the start was trained for" in sentence for sentence in said) == (asked < rows(start[0]))
        assert not any(same(outputs[0], other) for other in outputs[1:])


def test_a_lerobot_policys_own_files_stay_what_they_were(smolvla, tmp_path):
    """LeRobot refuses a config.json with a key it does not know."""
    base = smolvla[0]
    finetune(*smolvla, tmp_path / "out", replace(CONFIG, train_delays=2))
    for file in base.glob("*.json"):
        same_bytes = (tmp_path / "out" / file.name).read_bytes() == file.read_bytes()
        assert same_bytes == (file.name != "retain.json"), file.name
    assert json.loads((tmp_path / "out/retain.json").read_text())["max_trained_delay"] == 2


def test_a_new_compact_policy_learns_as_many_as_it_is_told(dataset, tmp_path):
    finetune(None, dataset, tmp_path / "out", replace(CONFIG, steps=1, train_delays=4))
    assert rows(tmp_path / "out") == 4


def test_the_probability_decides_how_many_chunks_have_committed_rows(base, dataset, tmp_path):
    finetune(base, dataset, tmp_path / "as-it-is", replace(CONFIG, train_delays=6))
    finetune(base, dataset, tmp_path / "the-same", replace(CONFIG, delay_probability=0.3))
    finetune(base, dataset, tmp_path / "more", replace(CONFIG, delay_probability=0.9))
    assert same(tmp_path / "as-it-is", tmp_path / "the-same")
    assert not same(tmp_path / "as-it-is", tmp_path / "more")


class StopHereError(Exception):
    """Stands for whatever ends a process between two steps."""


def test_a_resumed_run_draws_the_same_rows_and_refuses_others(smolvla, tmp_path):
    config = replace(CONFIG, train_delays=2, delay_probability=0.7)

    def stop(line):
        if line.step == 3:
            raise StopHereError

    finetune(*smolvla, tmp_path / "whole", config)
    with pytest.raises(StopHereError):
        finetune(*smolvla, tmp_path / "halved", config, on_step=stop)
    with pytest.raises(TrainingError, match="started with train_delays 2, now it is 3"):
        finetune(*smolvla, tmp_path / "halved", replace(config, train_delays=3), resume=True)
    finetune(*smolvla, tmp_path / "halved", config, resume=True)
    assert same(tmp_path / "whole", tmp_path / "halved")
    assert rows(tmp_path / "halved") == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_delays": -1}, "train_delays is -1, expected 0 or more"),
        ({"delay_probability": 0.0}, "more than 0 and at most 1; without committed rows it is --train-delays 0"),
        ({"delay_probability": 1.5}, "delay_probability is 1.5"),
    ],
)
def test_what_no_policy_can_learn_is_refused(change, message):
    with pytest.raises(TrainingError, match=message):
        TrainingConfig(**change)


def test_what_this_policy_cannot_learn_is_refused_before_anything_is_written(base, dataset, tmp_path):
    for change, message in (
        ({"train_delays": 16}, r"a chunk of this compact has 16 rows, .* expected at most 8"),
        ({"train_delays": 0, "delay_probability": 0.5}, "no committed rows are trained; give --train-delays"),
    ):
        with pytest.raises(TrainingError, match=message):
            finetune(base, dataset, tmp_path / "out", replace(CONFIG, **change))
        assert not (tmp_path / "out").exists()
    with pytest.raises(TrainingError, match=r"act regresses its chunk: only a flow .* --strategy ensemble"):
        trained_delay(act_spec(), TrainingConfig(train_delays=2))
    assert trained_delay(act_spec(), TrainingConfig()) == 0


def test_a_base_whose_sizes_say_that_none_are_shown_needs_a_probability(dataset, sizes, tmp_path):
    save_policy(scratch_policy(dataset, replace(sizes, delay_probability=0.0), seed=0)[0], tmp_path / "never")
    with pytest.raises(TrainingError, match="none would ever be shown; give --delay-probability"):
        finetune(tmp_path / "never", dataset, tmp_path / "out")
    finetune(tmp_path / "never", dataset, tmp_path / "told", replace(CONFIG, delay_probability=0.5))
    finetune(tmp_path / "never", dataset, tmp_path / "none", replace(CONFIG, train_delays=0))
    assert (rows(tmp_path / "told"), rows(tmp_path / "none")) == (MAX_TRAINED_DELAY, 0)


def test_more_than_half_a_chunk_is_trained_and_told(base, dataset, tmp_path):
    said = finetune(base, dataset, tmp_path / "out", replace(CONFIG, steps=1, train_delays=9))
    assert any("no more than 8 of them are ever used" in sentence for sentence in said)


def test_the_command_takes_both_options(base, dataset, tmp_path, capsys):
    words = ["finetune", str(base), "--data", str(dataset.path), "--steps", "1", "--batch-size", "2"]
    assert main([*words, "--train-delays", "3", "--delay-probability", "0.5", "-o", str(tmp_path / "out")]) == 0
    asked = json.loads((tmp_path / "out/training/config.json").read_text())
    assert (asked["train_delays"], asked["delay_probability"]) == (3, 0.5)
    assert rows(tmp_path / "out") == 3
    capsys.readouterr()
