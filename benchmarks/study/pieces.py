"""Datasets and trained policies: made once, kept under a name that says everything that decides them."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from retain.policy import resolve

from study.protocol import BASE, DEMONSTRATIONS, OLD_EPISODES, REPLAY_EPISODES
from study.recipes import OLD, REPLAY, Recipe

WORK = Path("build/study")
"""Everything that can be made again lies here; delete it to start over."""


def slug(words: str) -> str:
    """Words as part of a file name: "place the red block near right" → "place-red-near-right"."""
    return "-".join(word for word in words.split() if word not in ("the", "block", "on"))


def demonstrations(target: str, seed: int, episodes: int = DEMONSTRATIONS) -> Path:
    """Demonstrations of a skill in the narrow patch."""
    path = WORK / "data" / f"{slug(target)}-{episodes}-s{seed}"
    return _recorded(path, ["--skill", target, "--episodes", str(episodes), "--seed", str(seed)])


def mix(name: str) -> Path:
    """Episodes of the pretraining mix: all that co-finetuning draws from, or a small replay buffer."""
    episodes = {OLD: OLD_EPISODES, REPLAY: REPLAY_EPISODES}[name]
    options = ["--pretraining", "--episodes", str(episodes), "--seed", "7", "--workers", "2"]
    return _recorded(WORK / "data" / f"{name}-{episodes}", options)


def _recorded(path: Path, options: Sequence[str]) -> Path:
    if not path.exists():
        command = [sys.executable, "-m", "retain.cli", "record", *options, "-o", str(path)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


@dataclass(frozen=True)
class Training:
    """One finetuning.

    Attributes:
        recipe: How.
        target: The skill, in words.
        seed: Of demonstrations, batches and noise.
        base: A policy directory or name.
        replayed: Demonstrations of other skills with their share of every batch: (skill, share).
    """

    recipe: Recipe
    target: str
    seed: int
    base: str = BASE
    replayed: tuple[tuple[str, float], ...] = ()

    @property
    def key(self) -> str:
        """A name that no other training has."""
        described = json.dumps([asdict(self), DEMONSTRATIONS, OLD_EPISODES, REPLAY_EPISODES], sort_keys=True)
        return (
            f"{self.recipe.name}/{slug(self.target)}-s{self.seed}-{hashlib.sha256(described.encode()).hexdigest()[:8]}"
        )

    @property
    def path(self) -> Path:
        """The finetuned policy's directory."""
        return WORK / "policies" / self.key

    def copy(self, step: int) -> Path:
        """The policy after that many steps."""
        if step == self.recipe.config.steps:
            return self.path
        return self.path / "training" / f"step-{step:06d}"

    @property
    def done(self) -> bool:
        """Whether the policy is there."""
        return (self.path / "config.json").is_file()


def train_all(trainings: Iterable[Training], workers: int, say: Callable[[str], None]) -> None:
    """Carry out the trainings that are missing, one thread each, `workers` at a time; an interrupted one goes on."""
    missing = [one for one in dict.fromkeys(trainings) if not one.done]
    if not missing:
        return
    for one in missing:  # recorded here, because two trainings may want the same data
        demonstrations(one.target, one.seed)
        for skill, _ in one.replayed:
            demonstrations(skill, one.seed)
        for name, _ in one.recipe.co_data:
            mix(name)
    say(f"training {len(missing)} policies")
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(_train, one): one for one in missing}
        for number, future in enumerate(as_completed(futures), 1):
            future.result()
            say(f"  {number}/{len(missing)} {futures[future].key}")


def _train(one: Training) -> None:
    import torch
    from retain.data import Dataset
    from retain.finetune.mixture import CoData
    from retain.finetune.run import Start, run_training

    torch.set_num_threads(1)
    started = one.path / "training"
    # Without a state to resume from there is nothing worth keeping.
    if started.exists() and not (started / "resume.safetensors").exists():
        shutil.rmtree(one.path)
    co_data = [CoData(Dataset(mix(name)), share) for name, share in one.recipe.co_data]
    co_data += [CoData(Dataset(demonstrations(skill, one.seed)), share) for skill, share in one.replayed]
    base = str(_untrained(one)) if one.recipe.scratch else one.base
    start = Start(base, Dataset(demonstrations(one.target, one.seed)), tuple(co_data))
    config = replace(one.recipe.config, seed=one.seed)
    quiet: Callable[[str], None] = lambda _: None  # noqa: E731
    run_training(start, config, one.path, resume=started.exists(), say=quiet, warn=quiet)


def _untrained(one: Training) -> Path:
    """The base's architecture, units and words with random weights."""
    import torch
    from retain.policy import load_policy, save_policy
    from retain.policy.compact.model import CompactPolicy

    path = WORK / "policies" / "untrained" / f"s{one.seed}"
    if not path.exists():
        base = load_policy(resolve(one.base))
        assert isinstance(base, CompactPolicy)
        torch.manual_seed(one.seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_policy(CompactPolicy(base.spec, base.config, base.tokenizer), path)
    return path
