import argparse

import pytest
from retain.cli import finetune as command
from retain.cli.finetune_options import asked_config
from retain.errors import PolicyError, TrainingError
from retain.finetune.configuration import TrainingConfig
from retain.finetune.presets import ADAPTERS_LR, PEAK_LR, PRESETS, preset, table


def asked(*words):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return asked_config(parser.parse_args(["compact-base", "--data", "d", "-o", "o", *words]))


def test_what_is_not_asked_for_is_the_default():
    assert asked() == TrainingConfig()


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_decides_what_is_not_given(name):
    config, one = asked("--preset", name), PRESETS[name]
    assert (config.steps, config.batch_size, config.warmup, config.ema) == (
        one.steps, one.batch_size, one.warmup, one.ema,
    )  # fmt: skip
    assert config.lr == PEAK_LR["compact"]
    given = asked("--preset", name, "--steps", "7", "--lr", "0.5")
    assert (given.steps, given.lr, given.batch_size) == (7, 0.5, one.batch_size)


def test_a_preset_for_adapters_has_their_rate():
    assert asked("--preset", "few-shot-50", "--lora-rank", "8").lr == ADAPTERS_LR


def test_more_demonstrations_are_learned_from_longer_and_each_is_seen_a_few_times():
    ordered = sorted(PRESETS.values(), key=lambda one: one.demonstrations)
    assert [one.steps for one in ordered] == sorted(one.steps for one in ordered)
    for one in ordered:
        assert 4 <= one.steps * one.batch_size / (300 * one.demonstrations) <= 10
        assert one.warmup == one.steps // 20
        assert 5 <= (1 - one.ema) * one.steps <= 12


def test_help_shows_every_number_of_every_preset():
    shown = table()
    for name, one in PRESETS.items():
        assert name in shown
        assert f"{one.steps} steps of {one.batch_size}" in shown
    assert table() in command.EXAMPLES


def test_an_unknown_preset_and_a_base_that_is_none_are_refused():
    with pytest.raises(TrainingError, match="--preset many is not known; expected few-shot-10"):
        preset("many")
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    words = ["nowhere", "--data", "d", "-o", "o", "--preset", "few-shot-10"]
    with pytest.raises(PolicyError, match="nowhere is not a policy directory"):
        asked_config(parser.parse_args(words))


def test_freezing_nothing_is_not_the_familys_own_freezing():
    assert asked().freeze is None
    assert asked("--freeze", "none").freeze == ()
    assert asked("--freeze", "vision,language").freeze == ("vision", "language")
