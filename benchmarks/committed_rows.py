"""What becomes of committed rows when a policy is finetuned without them, and merged with its base again.

The shipped base goes on from up to 6 committed rows. It is finetuned on one skill twice, with them and without
(`--train-delays 0`), and merged with both results. Each policy is given the first d rows Y of recorded chunks that it
has not seen, of the skill and of old ones. The figure is how far its next step is from the recorded one, over joints:
rms((x[d] - Y[d-1]) - (Y[d] - Y[d-1])) / rms(Y[d] - Y[d-1]), once drawn with the rows given ("continued") and once
without ("plain"); "on" the recorded path, and "off" it, all rows shifted by half a standard deviation.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from machine import machine_facts
from retain.choose.observations import Observations, observe
from retain.data import Dataset
from retain.evaluate.interpolate import interpolate
from retain.policy import Policy, load_policy

SKILL = "place the red block near right"
ALPHAS = (0.5,)
FRAMES = 128
SHIFT = 0.5
"""Standard deviations of the base's data."""
DELAYS = (2, 5)


def retain(*arguments: str) -> None:
    """Run a command."""
    subprocess.run([sys.executable, "-m", "retain.cli", *arguments], check=True, capture_output=True)


def draw(policy: Policy, seen: Observations, committed: npt.NDArray[np.float32] | None) -> npt.NDArray[np.float32]:
    """Chunks of all observations, normalized, from noise that is the same for every policy."""
    spec, batch = policy.spec, seen.batch
    shape = (len(seen), spec.horizon, spec.action_width)
    noise = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    with torch.no_grad():
        context = policy.prefix(batch.images, batch.tokens, batch.mask, batch.state)
        chunk: npt.NDArray[np.float32] = policy.draw(context, len(seen), noise, committed).numpy()
    return chunk


def measure(policy: Policy, seen: Observations) -> dict[str, dict[str, float]]:
    """All figures by d."""
    joints = [place for place, channel in enumerate(policy.spec.action) if channel.mode == "delta"]
    # Chunks that run beyond their episode's end stand still there.
    whole = ~seen.batch.is_pad.any(1).numpy() if seen.batch.is_pad is not None else np.ones(len(seen), bool)
    recorded = seen.batch.actions.numpy()
    plain = draw(policy, seen, None)
    found = {}
    for d in DELAYS:
        row = {}
        step = (recorded[:, d] - recorded[:, d - 1])[whole][:, joints]
        for name, shift in (("on", 0.0), ("off", SHIFT)):
            given = recorded.copy()
            given[..., joints] += shift
            chunk = draw(policy, seen, given[:, :d])
            for way, drawn in (("continued", chunk), ("plain", plain)):
                apart = (drawn[:, d] - given[:, d - 1])[whole][:, joints] - step
                row[f"{way}_{name}"] = float(np.sqrt(np.square(apart).mean()) / np.sqrt(np.square(step).mean()))
        found[str(d)] = row
    return found


def main() -> None:
    """Finetune twice, merge, measure, print the table and write JSON beside the machine's facts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--episodes", type=int, default=12)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent / "results" / "committed_rows.json")
    args = parser.parse_args()
    facts = machine_facts(("torch",))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for data, options in (
            ("demos", ["--skill", SKILL, "-n", str(args.episodes)]),
            ("new", ["--skill", SKILL, "-n", "10", "--seed", "1"]),
            ("old", ["--pretraining", "-n", "30", "--seed", "1"]),
        ):
            retain("record", *options, "-o", str(folder / data))
        training = ["--data", str(folder / "demos"), "--steps", str(args.steps), "--batch-size", "16", "--lr", "3e-4"]
        retain("finetune", "compact-base", *training, "-o", str(folder / "with"))
        retain("finetune", "compact-base", *training, "--train-delays", "0", "-o", str(folder / "without"))
        base = load_policy("compact-base")
        seen = {kind: observe(Dataset(folder / kind), base, FRAMES, seed=0) for kind in ("new", "old")}
        policies = {"base": base}
        for end in ("with", "without"):
            policies |= {f"{end}, {alpha:g}": interpolate("compact-base", folder / end, alpha) for alpha in ALPHAS}
            policies[f"{end}, 1"] = load_policy(folder / end)
        results = {name: {kind: measure(policy, seen[kind]) for kind in seen} for name, policy in policies.items()}
        says = {name: policy.spec.max_trained_delay for name, policy in policies.items()}
    names = ("continued_on", "plain_on", "continued_off", "plain_off")
    for kind in seen:
        for d in DELAYS:
            print(f"{kind} d={d}".ljust(16) + "".join(f"{name:>15}" for name in names))
            for name, row in results.items():
                print(f"{name:<16}" + "".join(f"{row[kind][str(d)][each]:15.2f}" for each in names))
    document = {"machine": facts, "skill": SKILL, "steps": args.steps, "max_trained_delay": says, "results": results}
    args.output.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
