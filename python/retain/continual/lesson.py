"""What one more skill is taught from: asked for by the user, or taken from the ledger to teach it again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from retain.continual.line import Line, Mixed, Skill
from retain.continual.methods import replay_shares
from retain.continual.provenance import check_data, place_of, record_data
from retain.errors import ContinualError
from retain.finetune.configuration import TrainingConfig
from retain.merge.merge import Alpha


@dataclass(frozen=True)
class Lesson:
    """How a skill is to be taught.

    Attributes:
        name: What it is called in the ledger.
        instruction: What the robot is told.
        data: Its demonstrations, a LeRobotDataset; None if the finetuned policy is brought without them.
        finetuned: A policy that was finetuned elsewhere; None finetunes here.
        alpha: Its weight in the merge; None is the method's own.
        replay: Share of every batch for the demonstrations of earlier skills together; None is the method's own.
        co_data: Other datasets with their shares of every batch, so that less is forgotten.
        config: All settings of the finetuning.
    """

    name: str
    instruction: str
    data: Path | None
    finetuned: Path | None = None
    alpha: Alpha | None = None
    replay: float | None = None
    co_data: tuple[tuple[Path, float], ...] = ()
    config: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        """Check that there is something to learn from.

        Raises:
            ContinualError: There is not, or too much.
        """
        if self.data is None and self.finetuned is None:
            raise ContinualError("there is nothing to learn from; give --data DEMOS, or --finetuned DIR")
        if self.finetuned is not None and (self.co_data or self.replay is not None):
            raise ContinualError(
                "--finetuned brings a policy that was trained already; leave out what would be mixed in"
            )

    def replay_share(self, line: Line) -> float:
        """What was asked for, or the method's own."""
        return line.method.default_replay if self.replay is None else self.replay

    def mixed(self, line: Line, root: Path) -> tuple[Mixed, ...]:
        """Everything that is mixed into the batches: each earlier skill's demonstrations, then the other data.

        Raises:
            ContinualError: An earlier skill has no demonstrations to replay, or they were changed.
            DatasetError: Other data cannot be read.
        """
        if self.finetuned is not None:
            return ()
        found = []
        shares = replay_shares(self.replay_share(line), len(line.present))
        for skill, share in zip(line.present, shares, strict=False):  # without replay there are no shares
            if skill.data is None:
                raise ContinualError(
                    f"the skill {skill.name!r} was brought without demonstrations, so it cannot be replayed; "
                    "take it out and add it with --data, or give --replay 0"
                )
            check_data(skill.data, root)
            found.append(Mixed(skill.data, share, skill.name))
        return (*found, *(Mixed(record_data(path, root), share) for path, share in self.co_data))


def lesson_of(skill: Skill, root: Path) -> Lesson:
    """The lesson that a skill of the ledger was taught by.

    Raises:
        ContinualError: It was not finetuned here, so it cannot be taught again.
    """
    if skill.training is None or skill.data is None:
        raise ContinualError(
            f"the skill {skill.name!r} was finetuned elsewhere, so it cannot be trained again here; take it out as well"
        )
    return Lesson(
        name=skill.name,
        instruction=skill.instruction,
        data=place_of(skill.data.path, root),
        alpha=skill.alpha,
        replay=skill.replay,
        co_data=tuple((place_of(one.data.path, root), one.share) for one in skill.mixed if one.skill is None),
        config=config_of(skill.training),
    )


def config_of(training: Mapping[str, Any]) -> TrainingConfig:
    """Training settings from the ledger's JSON; what earlier versions did not have keeps its default.

    Raises:
        ContinualError: They are of a later version.
    """
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in training.items()
    }
    try:
        return TrainingConfig(**settings)
    except TypeError as error:
        raise ContinualError(
            f"the line has training settings of a later version of retain ({error}); use that"
        ) from error


def settings_of(config: TrainingConfig) -> dict[str, Any]:
    """Training settings as JSON."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(config).items()}
