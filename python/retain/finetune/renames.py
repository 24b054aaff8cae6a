"""What a dataset calls a camera or channel where the policy calls it something else."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from retain.errors import DatasetError, TrainingError


@dataclass(frozen=True)
class Renames:
    """Recorded names and the policy's names for the same things.

    A dataset that has no such name is left as it is, so one list serves a mixture of datasets.

    Attributes:
        pairs: (recorded, the policy's), without `observation.images.`.
    """

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Renames":
        """Read `THEIRS=OURS`.

        Raises:
            TrainingError: One is not of this form, or a name is renamed twice.
        """
        pairs: list[tuple[str, str]] = []
        for text in texts:
            recorded, equals, name = (part.strip().removeprefix("observation.images.") for part in text.partition("="))
            if not (equals and recorded and name):
                raise TrainingError(f"found --rename {text}; expected --rename RECORDED=POLICY, such as top=front")
            if recorded in dict(pairs):
                raise TrainingError(f"--rename gives {recorded} two names, {dict(pairs)[recorded]} and {name}")
            pairs.append((recorded, name))
        return cls(tuple(pairs))

    def recorded(self, name: str, present: Collection[str]) -> str:
        """What a dataset with the names `present` calls the policy's `name`.

        Raises:
            DatasetError: Several of its names are renamed to this one.
        """
        found = [recorded for recorded, ours in self.pairs if ours == name and recorded in present]
        if len(found) > 1:
            raise DatasetError(f"--rename makes {' and '.join(found)} of one dataset {name}; leave one out")
        return found[0] if found else name

    def check_used(self, names: Collection[str]) -> None:
        """Make sure that every recorded name is somebody's.

        Args:
            names: All cameras and channels of all datasets.

        Raises:
            TrainingError: One is nowhere.
        """
        for recorded, ours in self.pairs:
            if recorded not in names:
                raise TrainingError(
                    f"--rename {recorded}={ours}: no dataset has {recorded}; they have {', '.join(sorted(names))}"
                )
