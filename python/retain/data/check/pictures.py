"""Whether every camera's pictures are there, decode, and are as many as the frames."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from retain.data.check.finding import Finding, first_few
from retain.data.check.rows import FETCH_AGAIN, Rows
from retain.data.reader import Dataset
from retain.data.video import VideoFacts, examine
from retain.errors import DatasetError

_OFF_RATE = 0.01


def check_pictures(data: Dataset, rows: Rows, *, every_frame: bool) -> Iterator[Finding]:
    """All cameras.

    Args:
        data: The dataset.
        rows: Its numbers; pictures in parquet are looked at only where all files can be read.
        every_frame: Decode all pictures, which takes as long as training's first epoch does; otherwise every video file
            is read packet by packet and the first and last picture of each episode are decoded.
    """
    for name, feature in data.features.items():
        if feature.dtype == "video":
            yield from first_few(_videos(data, name, every_frame=every_frame))
        elif feature.dtype == "image" and rows.whole:
            yield from first_few(_images(data, name, every_frame=every_frame))


def _images(data: Dataset, name: str, *, every_frame: bool) -> Iterator[Finding]:
    for episode, (start, stop) in enumerate(data.episode_bounds.tolist()):
        wanted = np.arange(start, stop) if every_frame else np.array([start, stop - 1])
        try:
            data.images(name, wanted)
        except DatasetError as error:
            yield Finding("broken", "picture", str(error), FETCH_AGAIN, episode=episode, channel=name)


def _videos(data: Dataset, name: str, *, every_frame: bool) -> Iterator[Finding]:
    try:
        places = data.where.video_places(name)
    except DatasetError as error:
        yield Finding("broken", "video", str(error), "record or convert the dataset again", channel=name)
        return
    lengths = data.where.episode_lengths()
    for number, path in enumerate(places.paths):
        episodes = np.flatnonzero(places.file == number)
        first = places.first[episodes]
        wanted = (
            None
            if every_frame
            else np.unique(np.concatenate([first, np.maximum(first, first + lengths[episodes] - 1)]))
        )
        try:
            facts = examine(path, data.fps, data.features[name].shape, wanted)
        except DatasetError as error:
            episode = int(episodes[0]) if len(episodes) == 1 else None
            yield Finding(
                "broken",
                "video",
                str(error),
                FETCH_AGAIN,
                episode=episode,
                channel=name,
                file=str(path.relative_to(data.path)),
            )
            continue
        yield from _against(facts, data, name, str(path.relative_to(data.path)), episodes, first + lengths[episodes])


def _against(
    facts: VideoFacts,
    data: Dataset,
    name: str,
    path: str,
    episodes: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> Iterator[Finding]:
    """A video's frames against those that its episodes need of it."""
    if abs(facts.fps / data.fps - 1) > _OFF_RATE:
        yield Finding(
            "broken",
            "video",
            f"{path} has {facts.fps:.4g} frames/s; info.json says {data.fps}",
            "frames are found by their time: encode the video again at the dataset's rate, or correct fps",
            channel=name,
            file=path,
        )
        return
    for episode, end in zip(episodes.tolist(), ends.tolist(), strict=True):
        if end > facts.frames:
            yield Finding(
                "broken",
                "video",
                f"{path} has {facts.frames} frames; episode {episode} needs {end}",
                "the video was cut off, or frames were dropped while recording: record the episode again",
                episode=episode,
                channel=name,
                file=path,
            )
