"""Small LeRobotDatasets v2.1 and v2.0, written file by file as LeRobot 0.3.3 lays them out."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from retain.data import pictures
from retain.data.video import VideoFile, choose_encoder

from .episodes import CAMERA, JOINTS, STATE, episode

FPS = 10
PER_CHUNK = 2
"""So that three episodes need two chunks."""


def lines(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def statistics(values: np.ndarray) -> dict[str, list]:
    values = values.reshape(len(values), -1).astype(float)
    found = {name: getattr(values, name)(axis=0).tolist() for name in ("min", "max", "mean", "std")}
    return {**found, "count": [len(values)]}


def of_pictures(frames: np.ndarray) -> dict[str, list]:
    found = statistics(frames.reshape(-1, 3) / 255)
    shaped = {name: np.reshape(values, (3, 1, 1)).tolist() for name, values in found.items() if name != "count"}
    return {**shaped, "count": [len(frames)]}


def write_old(
    path: Path,
    lengths: tuple[int, ...] = (5, 9, 3),
    dtype: str = "video",
    tasks: tuple[str, ...] = ("lift the cup", "push the cup"),
    size: int = 32,
    version: str = "v2.1",
) -> list[dict[str, np.ndarray]]:
    """A dataset on disk and the episodes that it was made of."""
    episodes = [episode(length, seed, size) for seed, length in enumerate(lengths)]
    (path / "meta").mkdir(parents=True)
    start, rows, stats = 0, [], []
    for number, frames in enumerate(episodes):
        length, task = lengths[number], number % len(tasks)
        columns = {name: pa.array(frames[name].tolist(), pa.list_(pa.float32(), 3)) for name in (STATE, "action")}
        if dtype == "image":
            files = pa.array(pictures.encode(frames[CAMERA]), pa.binary())
            columns[CAMERA] = pa.StructArray.from_arrays([files, pa.nulls(length, pa.string())], ["bytes", "path"])
        else:
            video = path / f"videos/chunk-{number // PER_CHUNK:03d}/{CAMERA}/episode_{number:06d}.mp4"
            file = VideoFile(video, FPS, (size, size), choose_encoder("h264"))
            file.add(frames[CAMERA])
            file.close()
        count = np.arange(length)
        columns |= {
            "timestamp": pa.array(count / FPS, pa.float32()),
            "frame_index": pa.array(count),
            "episode_index": pa.array(np.full(length, number)),
            "index": pa.array(count + start),
            "task_index": pa.array(np.full(length, task)),
        }
        data = path / f"data/chunk-{number // PER_CHUNK:03d}/episode_{number:06d}.parquet"
        data.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), data)
        rows.append({"episode_index": number, "tasks": [tasks[task]], "length": length})
        measured = {STATE: statistics(frames[STATE]), "action": statistics(frames["action"])}
        stats.append({"episode_index": number, "stats": {**measured, CAMERA: of_pictures(frames[CAMERA])}})
        start += length
    lines(path / "meta/episodes.jsonl", rows)
    lines(path / "meta/tasks.jsonl", [{"task_index": index, "task": task} for index, task in enumerate(tasks)])
    if version == "v2.1":
        lines(path / "meta/episodes_stats.jsonl", stats)
    else:
        together = {name: np.concatenate([frames[name] for frames in episodes]) for name in episodes[0]}
        whole = {name: statistics(together[name]) for name in (STATE, "action")} | {
            CAMERA: of_pictures(together[CAMERA])
        }
        (path / "meta/stats.json").write_text(json.dumps(whole))
    features = {
        CAMERA: {"dtype": dtype, "shape": [size, size, 3], "names": ["height", "width", "channels"]},
        **{name: {"dtype": "float32", "shape": [3], "names": {"motors": JOINTS}} for name in (STATE, "action")},
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
        **{
            name: {"dtype": "int64", "shape": [1], "names": None}
            for name in ("frame_index", "episode_index", "index", "task_index")
        },
    }
    info = {
        "codebase_version": version,
        "robot_type": "toy",
        "total_episodes": len(lengths),
        "total_frames": start,
        "total_tasks": len(tasks),
        "total_videos": len(lengths) if dtype == "video" else 0,
        "total_chunks": -(-len(lengths) // PER_CHUNK),
        "chunks_size": PER_CHUNK,
        "fps": FPS,
        "splits": {"train": f"0:{len(lengths)}"},
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        "features": features,
    }
    (path / "meta/info.json").write_text(json.dumps(info))
    return episodes
