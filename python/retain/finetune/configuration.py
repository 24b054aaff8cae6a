"""How a policy is trained. No torch here."""

from dataclasses import dataclass

from retain.errors import TrainingError


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides the result, besides the start and the data.

    Attributes:
        steps: Optimizer steps.
        batch_size: Observations per step.
        lr: Peak learning rate of AdamW.
        warmup: Steps over which the rate rises linearly; it falls as a half cosine over all steps.
        weight_decay: AdamW's.
        clip: Largest norm of the gradient.
        ema: Decay of the running mean of the weights, which is the result. About 1 - 10 / steps: .98 for some hundred
            steps, .998 for some thousand.
        jitter: Standard deviation of the brightness noise, relative; colour casts get 30 % of it.
        co_ratio: Share of each batch drawn from the co-training data.
        early_share: Share of each batch drawn from the first frames of an episode, where nothing but the picture says
            which way to go. Without it, a policy that starts from scratch long does well enough blind.
        insulate: Keep the flow's gradient out of the backbone (see `CompactPolicy.loss`).
        seed: Decides every batch and every noise.
        save_every: Steps between saves of the state that --resume continues from.
    """

    steps: int = 300
    batch_size: int = 64
    lr: float = 1e-4
    warmup: int = 20
    weight_decay: float = 1e-4
    clip: float = 1.0
    ema: float = 0.98
    jitter: float = 0.1
    co_ratio: float = 0.0
    early_share: float = 0.0
    insulate: bool = False
    seed: int = 0
    save_every: int = 250

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            TrainingError: One of them is impossible.
        """
        for name in ("steps", "batch_size", "save_every"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} is {getattr(self, name)}, expected 1 or more")
        for name in ("lr", "clip"):
            if not getattr(self, name) > 0:
                raise TrainingError(f"{name} is {getattr(self, name)}, expected more than 0")
        for name in ("warmup", "weight_decay", "jitter"):
            if getattr(self, name) < 0:
                raise TrainingError(f"{name} is {getattr(self, name)}, expected 0 or more")
        if not 0 <= self.early_share <= 1:
            raise TrainingError(f"early_share is {self.early_share}, expected 0 to 1")
        for name in ("ema", "co_ratio"):
            if not 0 <= getattr(self, name) < 1:
                raise TrainingError(f"{name} is {getattr(self, name)}, expected at least 0 and less than 1")
