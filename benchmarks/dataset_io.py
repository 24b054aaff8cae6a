"""How fast are demonstrations written and loaded? Frames per second and bytes per frame, pictures and video."""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import machine_facts
from numpy.typing import NDArray
from retain.data import Dataset, DatasetWriter, camera, vector

CAMERA = "observation.images.front"
CHANNELS = ["shoulder_pan", "shoulder_lift", "elbow", "wrist_1", "wrist_2", "wrist_3", "suction"]


def episodes(count: int) -> list[dict[str, NDArray[Any]]]:
    """Expert episodes of the tabletop, recorded once and written again and again: the writer is what is timed."""
    from retain.sim import Tabletop, pretraining, record_episode

    sim = Tabletop()
    recordings = [record_episode(sim, episode) for episode in pretraining(count, seed=0)]
    sim.close()
    return [recording.frames for recording in recordings]


def measure(dtype: str, frames: int, recorded: list[dict[str, NDArray[Any]]]) -> dict[str, float]:
    """Write a dataset of about this many frames and load everything into memory."""
    features = {CAMERA: camera(64, 64, dtype), "observation.state": vector(CHANNELS), "action": vector(CHANNELS)}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "set"
        started, written = time.perf_counter(), 0
        with DatasetWriter(path, fps=10, robot_type="tabletop", features=features) as writer:
            while written < frames:
                for episode in recorded:
                    writer.add_episode("lift the red block", episode)
                    written += len(episode["action"])
        wrote_s = time.perf_counter() - started
        started = time.perf_counter()
        dataset = Dataset(path)
        dataset.images(CAMERA)
        for name in ("observation.state", "action", "episode_index", "task_index"):
            dataset.column(name)
        loaded_s = time.perf_counter() - started
        stored = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return {
        "frames": written,
        "written_frames_per_s": round(written / wrote_s),
        "loaded_frames_per_s": round(written / loaded_s),
        "bytes_per_frame": round(stored / written),
    }


def main() -> None:
    """Measure, print a table and write JSON beside the machine's facts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent / "results" / "dataset_io.json")
    args = parser.parse_args()
    facts = machine_facts(("numpy", "pyarrow", "pillow", "av"))
    recorded = episodes(60)
    results = {dtype: measure(dtype, args.frames, recorded) for dtype in ("image", "video")}
    print(f"{'stored as':10} {'written/s':>10} {'loaded/s':>10} {'bytes/frame':>12}")
    for dtype, row in results.items():
        print(
            f"{dtype:10} {row['written_frames_per_s']:10} {row['loaded_frames_per_s']:10} {row['bytes_per_frame']:12}"
        )
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps({"machine": facts, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
