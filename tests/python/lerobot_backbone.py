"""What LeRobot's SmolVLA asks the Hub for, in a directory: a backbone's sizes and a tokenizer of a few words."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FAKE, WHOLE = 4, 5
"""Ids of the tokens around an image and before a whole one."""


def write_backbone(directory: Path, document: Mapping[str, Any]) -> Path:
    """Write it.

    Args:
        directory: To make.
        document: The backbone's config.json.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers

    marks = {"image_token": "<image>", "fake_image_token": "<fake>", "global_image_token": "<global>",
             "end_of_utterance_token": "<end>"}  # fmt: skip
    words = ["<unk>", "<s>", "<|im_end|>", *marks.values(), "pick", "up", "the", "block"]
    tokenizer = Tokenizer(models.WordLevel({word: row for row, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    directory.mkdir()
    tokenizer.save(str(directory / "tokenizer.json"))
    files = {
        "config": document,
        "tokenizer_config": {
            "tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "bos_token": "<s>",
            "eos_token": "<|im_end|>", "pad_token": "<|im_end|>", "extra_special_tokens": marks,
        },
        "preprocessor_config": {"image_processor_type": "SmolVLMImageProcessor"},
        "video_preprocessor_config": {"video_processor_type": "SmolVLMVideoProcessor"},
        "processor_config": {"processor_class": "SmolVLMProcessor", "image_seq_len": 64},
    }  # fmt: skip
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content))
    return directory
