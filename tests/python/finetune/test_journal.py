import json

import pytest
from retain.errors import MissingExtraError, TrainingError
from retain.finetune.equipment import Equipment
from retain.finetune.journal import StepLog, open_journals


def line(step):
    return StepLog(step=step, loss=1 / step, lr=1e-3, grad_norm=2.0, seconds=0.1)


def write(folder, steps, keep=0, also=()):
    with open_journals(folder, keep, also, {"lr": 1e-3}) as journal:
        for step in steps:
            journal(line(step))


def test_a_continued_log_forgets_what_was_written_after_the_last_save(tmp_path):
    write(tmp_path, range(1, 6))
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 6, "lo')  # cut off in the middle
    write(tmp_path, range(4, 8), keep=3)
    assert [json.loads(text)["step"] for text in (tmp_path / "log.jsonl").read_text().splitlines()] == list(range(1, 8))


def test_a_process_that_does_not_write_writes_nothing(tmp_path):
    with open_journals(tmp_path, 0, ("tensorboard",), silent=True) as journal:
        journal(line(1))
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_reads_every_step_once_after_a_resume(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write(tmp_path, range(1, 6), also=("tensorboard",))
    write(tmp_path, range(4, 8), keep=3, also=("tensorboard",))
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert set(events.Tags()["scalars"]) == {"train/loss", "train/lr", "train/grad_norm"}
    scalars = events.Scalars("train/loss")
    assert [one.step for one in scalars] == list(range(1, 8))
    assert [one.value for one in scalars] == pytest.approx([1 / step for step in range(1, 8)])


def test_wandb_writes_a_run_offline_and_continues_it(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    folder = tmp_path / "out/training"
    folder.mkdir(parents=True)
    write(folder, range(1, 4), also=("wandb",))
    name = (folder / "wandb_run").read_text()
    write(folder, range(4, 6), keep=3, also=("wandb",))
    assert (folder / "wandb_run").read_text() == name
    runs = list((folder / "wandb").glob(f"offline-run-*-{name}"))
    assert runs
    assert all(any(run.glob("*.wandb")) for run in runs)


@pytest.mark.parametrize("extra", ["tensorboard", "wandb"])
def test_a_journal_that_is_not_installed_names_its_extra(tmp_path, monkeypatch, extra):
    from retain.finetune import journal

    def absent(package, extra):
        raise MissingExtraError(package, extra)

    monkeypatch.setattr(journal, "require", absent)
    with (
        pytest.raises(MissingExtraError, match=rf"pip install 'retain-vla\[{extra}\]'"),
        open_journals(tmp_path, 0, (extra,)),
    ):
        pass


def test_an_unknown_journal_is_refused():
    with pytest.raises(TrainingError, match="--log csv is not known; expected tensorboard or wandb"):
        Equipment(log=("csv",))
