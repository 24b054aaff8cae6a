"""Training: finetuning a policy on demonstrations, alone or mixed with the data it came from, and pretraining."""

from retain.finetune.configuration import TrainingConfig

__all__ = ["TrainingConfig"]
