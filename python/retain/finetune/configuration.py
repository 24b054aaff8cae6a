"""How a policy is trained. No torch here."""

from dataclasses import dataclass
from typing import Literal, get_args

from retain.errors import TrainingError

Precision = Literal["float32", "bf16"]
Statistics = Literal["base", "data"]


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides the result, besides the start and the data.

    Attributes:
        steps: Optimizer steps.
        batch_size: Observations per step, however many processes and turns compute them.
        accumulate: Turns in which each process computes its part of a batch, for batches that exceed its memory.
        precision: What the network computes in; weights, their mean and the optimizer are float32 either way.
        lr: Peak learning rate of AdamW.
        warmup: Steps over which the rate rises linearly; it falls as a half cosine over all steps.
        weight_decay: AdamW's.
        clip: Largest norm of the gradient.
        ema: Decay of the running mean of the weights, which is the result. About 1 - 10 / steps: .98 for some hundred
            steps, .998 for some thousand.
        jitter: Standard deviation of the brightness noise, relative; colour casts get 30 % of it.
        early_share: Share of each batch drawn from the first frames of an episode, where nothing but the picture says
            which way to go. Without it, a policy that starts from scratch long does well enough blind.
        insulate: Keep the flow's gradient out of the backbone (see `CompactPolicy.loss`).
        freeze: Components that are not trained: vision, language, action. None is what the family's own finetuning
            freezes (see `retain.finetune.trainable`).
        l2_sp: Strength λ of the pull towards the start, λ/2 ‖θ − θ_start‖² (L2-SP, arXiv 1802.01483).
        lora_rank: Rank of low-rank adapters beside linear layers, which are then all that is trained (LoRA, arXiv
            2106.09685); 0 trains the weights themselves.
        lora_targets: Regular expression of the full names of the layers that get adapters; None is the family's own
            (see `retain.finetune.adapters`).
        lora_alpha: The adapters' scale times their rank: W + (lora_alpha / lora_rank) B A.
        stats: Whose normalization the result has. `base` keeps the two mergeable; `data` measures the demonstrations.
        train_delays: Committed rows that the result learns to go on from: of each chunk in training, the first d ~
            U{0 .. train_delays} are given clean and carry no loss (training-time real-time chunking, arXiv 2512.05964).
            0 is the family's plain loss; None is as many as the base was trained for, so that nothing is unlearnt.
        delay_probability: Share of the chunks for which a d is drawn; None is the family's: 1, as in the paper and in
            LeRobot, and `CompactConfig.delay_probability` for compact.
        keep_every: Steps between copies of the policy that are kept beside the result; 0 keeps none.
        seed: Decides every batch and every noise.
        save_every: Steps between saves of the state that --resume continues from.
    """

    steps: int = 300
    batch_size: int = 64
    accumulate: int = 1
    precision: Precision = "float32"
    lr: float = 1e-4
    warmup: int = 20
    weight_decay: float = 1e-4
    clip: float = 1.0
    ema: float = 0.98
    jitter: float = 0.1
    early_share: float = 0.0
    insulate: bool = False
    freeze: tuple[str, ...] | None = None
    l2_sp: float = 0.0
    lora_rank: int = 0
    lora_alpha: float = 16.0
    lora_targets: str | None = None
    stats: Statistics = "base"
    train_delays: int | None = None
    delay_probability: float | None = None
    keep_every: int = 0
    seed: int = 0
    save_every: int = 250

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            TrainingError: One of them is impossible.
        """
        for name in ("steps", "batch_size", "accumulate", "save_every"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} is {getattr(self, name)}, expected 1 or more")
        for name in ("lr", "clip", "lora_alpha"):
            if not getattr(self, name) > 0:
                raise TrainingError(f"{name} is {getattr(self, name)}, expected more than 0")
        for name in ("warmup", "weight_decay", "jitter", "l2_sp", "lora_rank", "keep_every"):
            if getattr(self, name) < 0:
                raise TrainingError(f"{name} is {getattr(self, name)}, expected 0 or more")
        if not 0 <= self.early_share <= 1:
            raise TrainingError(f"early_share is {self.early_share}, expected 0 to 1")
        if not 0 <= self.ema < 1:
            raise TrainingError(f"ema is {self.ema}, expected at least 0 and less than 1")
        for name, known in (("precision", get_args(Precision)), ("stats", get_args(Statistics))):
            if getattr(self, name) not in known:
                raise TrainingError(f"{name} is {getattr(self, name)}, expected {' or '.join(known)}")
        if self.train_delays is not None and self.train_delays < 0:
            raise TrainingError(f"train_delays is {self.train_delays}, expected 0 or more")
        if self.delay_probability is not None and not 0 < self.delay_probability <= 1:
            raise TrainingError(
                f"delay_probability is {self.delay_probability}, expected more than 0 and at most 1; without committed"
                " rows it is --train-delays 0"
            )
        if self.batch_size % self.accumulate:
            raise TrainingError(
                f"a batch of {self.batch_size} cannot be computed in {self.accumulate} equal turns; change --batch-size"
                " or --accumulate"
            )
        if self.lora_targets is not None and not self.lora_rank:
            raise TrainingError("found lora_targets but no lora_rank; give --lora-rank too")
        if self.lora_rank and self.freeze:
            raise TrainingError(
                f"found lora_rank {self.lora_rank} and freeze {', '.join(self.freeze)}; adapters freeze everything else"
                " already, so give one of the two"
            )
