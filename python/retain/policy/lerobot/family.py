"""What LeRobot's families say each in a way of its own: keys of config.json, units of the network, words.

Sources: LeRobot 0.4 to 0.6, configuration_{act,smolvla,pi0,pi05}.py and processor_{act,smolvla,pi0,pi05}.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retain.errors import PolicyError


@dataclass(frozen=True)
class Speech:
    """How a family takes its instruction.

    Attributes:
        step: Registry name of the preprocessor's step that completes the sentence.
        tokenizer: The model whose tokenizer its published policies have, a repository of the Hub.
        opening: What its preprocessor puts before an instruction, and
        suffix: what behind.
        state_tokens: Places of `tokenizer_max_length` that each number of the state takes: its words are put in by the
            network.
        other_tokens: Places that what stands behind them takes.
    """

    step: str
    tokenizer: str
    opening: str = ""
    suffix: str = "\n"
    state_tokens: int = 0
    other_tokens: int = 0

    def places_beside(self, state: int) -> int:
        """Of `tokenizer_max_length`, those that no instruction takes, for a state of so many numbers."""
        return self.state_tokens * state + self.other_tokens


@dataclass(frozen=True)
class Family:
    """How a family's config.json says what all of them must say.

    Attributes:
        flow_steps: Key of the number of Euler steps; None for families that regress.
        speech: None for families without language.
        mode: LeRobot's normalization of state and action, where nothing else is said; a key of
            `retain.checkpoint.normalizer.STATISTICS_OF`.
    """

    flow_steps: str | None
    speech: Speech | None
    mode: str = "MEAN_STD"

    def words(self, document: Mapping[str, Any], state: int) -> int:
        """Length of the padded instruction, T, for a state of so many numbers.

        Raises:
            PolicyError: What stands beside the instruction leaves no place for it.
        """
        if self.speech is None:
            return 0
        length, taken = int(document[TOKENS]), self.speech.places_beside(state)
        if length <= taken:
            raise PolicyError(
                f"{TOKENS} is {length}, of which the state's {state} numbers take {taken}: none is left for the"
                f" instruction; set it to more than {taken} in config.json"
            )
        return length - taken


TOKENS = "tokenizer_max_length"
"""Key of the length of the padded sentence, in every family with language."""

_PALIGEMMA = "google/paligemma-3b-pt-224"

FAMILIES: Mapping[str, Family] = {
    "act": Family(flow_steps=None, speech=None),
    "smolvla": Family(
        flow_steps="num_steps",
        speech=Speech("smolvla_new_line_processor", "HuggingFaceTB/SmolVLM2-500M-Video-Instruct"),
    ),
    "pi0": Family(flow_steps="num_inference_steps", speech=Speech("pi0_new_line_processor", _PALIGEMMA)),
    "pi05": Family(
        flow_steps="num_inference_steps",
        # A space and three digits for each number, then ";\nAction: " (retain.policy.pi0.state_text).
        speech=Speech(
            "pi05_prepare_state_tokenizer_processor_step",
            _PALIGEMMA,
            opening="Task: ",
            suffix=", State:",
            state_tokens=4,
            other_tokens=8,
        ),
        mode="QUANTILES",
    ),
}
"""The families of LeRobot that run here, by `type`."""
