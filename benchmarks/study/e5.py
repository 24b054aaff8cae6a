"""E5, pretraining scale: bases that saw 15 %, 50 % and all of the tasks, equally long, then the same finetuning."""

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from retain.finetune.configuration import TrainingConfig
from retain.sim import PRETRAINING, Skill
from retain.sim.wording import instruction

from study.measure import Candidate, Cell, base, measure, merged
from study.pieces import WORK, Training, train_all
from study.protocol import SEEDS, TARGETS
from study.recipes import TASK_FT
from study.results import write_json, write_outcomes
from study.statistics import Group, difference, mean
from study.store import Store

SHARES = (0.15, 0.5, 1.0)
EPISODES = 2400
"""Of the whole mix; a share of the tasks keeps the episodes of these tasks."""

GROUNDING = TrainingConfig(
    steps=300, batch_size=48, lr=1e-3, warmup=50, jitter=0.0, ema=0.9, early_share=0.99, insulate=True, save_every=300
)
ACTING = TrainingConfig(steps=1300, batch_size=48, lr=1e-3, warmup=100, ema=0.995, early_share=0.3, save_every=200)
"""The two stages of the shipped base, shorter, the same for every share."""

TARGET = TARGETS[0]
ALPHAS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
SUITES = {"id": 25, "ood-position": 34, "ood-combined": 17, "generalist": 50}
OOD = ("ood-position", "ood-combined")


@dataclass(frozen=True)
class Pretraining:
    """A base of its own.

    Attributes:
        share: Of the pretraining skills.
    """

    share: float

    @property
    def skills(self) -> list[Skill]:
        """Which skills it sees: drawn once, smaller shares within larger ones, the target's relation in none."""
        order = np.random.default_rng(15).permutation(len(PRETRAINING))
        return [PRETRAINING[index] for index in order[: round(self.share * len(PRETRAINING))]]

    @property
    def path(self) -> Path:
        """The base's directory."""
        return WORK / "bases" / f"share-{self.share:g}-{EPISODES}-{ACTING.steps}"


def pretrain(workers: int, say: Callable[[str], None]) -> None:
    """Make the bases that are missing."""
    missing = [one for one in map(Pretraining, SHARES) if not (one.path / "config.json").exists()]
    if not missing:
        return
    dataset = _mix(workers)
    say(f"pretraining {len(missing)} bases")
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for done in pool.map(_pretrain, missing, [dataset] * len(missing)):
            say(f"  {done}")


def _mix(workers: int) -> Path:
    import subprocess
    import sys

    path = WORK / "data" / f"pretraining-{EPISODES}"
    if not path.exists():
        options = ["--pretraining", "--episodes", str(EPISODES), "--seed", "11", "--workers", str(workers)]
        command = [sys.executable, "-m", "retain.cli", "record", *options, "-o", str(path)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


def _pretrain(one: Pretraining, dataset: Path) -> str:
    import torch
    from retain.data import Dataset
    from retain.finetune.batches import BatchSampler, Source
    from retain.finetune.chunks import read_frames
    from retain.finetune.trainer import train
    from retain.policy import load_policy, save_policy
    from retain.policy.compact.model import CompactPolicy

    torch.set_num_threads(1)
    shipped = load_policy("compact-base")
    assert isinstance(shipped, CompactPolicy)
    # Units, words and sizes are the shipped base's for every share, so that nothing but the tasks differs.
    torch.manual_seed(0)
    policy: Any = CompactPolicy(shipped.spec, shipped.config, shipped.tokenizer)
    data = Dataset(dataset)
    frames = _of_skills(read_frames(data, policy.spec), {words for skill in one.skills for words in _said(skill)})
    source = Source.encode(frames, policy)
    for name, config in (("ground", GROUNDING), ("act", ACTING)):
        folder = one.path.parent / f"{one.path.name}-training" / name
        finished = folder / "policy"
        if finished.exists():
            policy = load_policy(finished)
            continue
        folder.mkdir(parents=True, exist_ok=True)
        resume = (folder / "resume.safetensors").exists()
        policy = train(policy, BatchSampler(policy.spec, config, source), config, folder, resume=resume)
        save_policy(policy, finished)
    save_policy(policy, one.path)
    return f"{one.path.name}: {len(one.skills)} skills, {len(frames)} frames"


def _said(skill: Skill) -> Iterable[str]:
    from retain.sim.wording import wordings

    return wordings(skill, "train")


def _of_skills(frames: Any, words: set[str]) -> Any:
    """The frames of some instructions; episodes stay whole because an episode has one instruction."""
    from retain.finetune.chunks import Frames

    keep = np.array([task in words for task in frames.tasks])[frames.task_index]
    number = np.cumsum(keep) - 1
    return Frames(
        images=[image[keep] for image in frames.images],
        state=frames.state[keep],
        actions=frames.actions[keep],
        last=number[frames.last[keep]],
        tasks=frames.tasks,
        task_index=frames.task_index[keep],
    )


def finetuning(share: float, seed: int) -> Training:
    """The same recipe for every base."""
    return Training(TASK_FT, TARGET, seed, str(Pretraining(share).path))


def policy(share: float, seed: int, alpha: float) -> Candidate:
    """The merge at α between a base and what was finetuned from it."""
    one = finetuning(share, seed)
    return base(one.base) if alpha == 0 else merged(one.key, one.path, alpha, start=one.base)


def run(workers: int, say: Callable[[str], None]) -> None:
    """Pretrain, finetune, measure, write the results."""
    pretrain(workers, say)
    train_all([finetuning(share, seed) for share in SHARES for seed in SEEDS], workers, say)
    wanted = [
        Cell(policy(share, seed, alpha), TARGET, seed, suite, n)
        for share in SHARES
        for seed in SEEDS
        for alpha in ALPHAS
        for suite, n in SUITES.items()
    ]
    kept = measure(wanted, workers, say)
    write_outcomes("E5", wanted, kept)
    write_json("E5", tables(kept))


def tables(kept: Store) -> dict[str, Any]:
    """Success over α for every base; the gain of the best fixed inner α over finetuning."""
    columns = {"id": ("id",), "ood-test": OOD, "generalist": ("generalist",)}

    def groups(share: float, alpha: float, suites: tuple[str, ...]) -> list[Group]:
        found = []
        for seed in SEEDS:
            parts = [Cell(policy(share, seed, alpha), TARGET, seed, suite, SUITES[suite]) for suite in suites]
            found.append(np.concatenate([kept.successes(cell.place, cell.n) for cell in parts]))
        return found

    curves = {
        f"{share:g}": {
            name: [{"alpha": alpha} | vars(mean(groups(share, alpha, suites))) for alpha in ALPHAS]
            for name, suites in columns.items()
        }
        for share in SHARES
    }
    gains = {
        f"{share:g}": {
            f"{alpha:g}": {
                name: vars(difference(groups(share, 1.0, suites), groups(share, alpha, suites)))
                for name, suites in columns.items()
            }
            for alpha in ALPHAS[1:-1]
        }
        for share in SHARES
    }
    tasks = {f"{share:g}": [instruction(skill) for skill in Pretraining(share).skills] for share in SHARES}
    return {"target": TARGET, "curves": curves, "gain over finetuned": gains, "skills": tasks}
