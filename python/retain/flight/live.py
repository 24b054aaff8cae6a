"""A run as it goes on, in the rerun viewer: read from the file that the loop is writing, by a process of its own.

A viewer inside the loop's process would share the interpreter with it; this one can only lag, by the second that the
recorder gathers before it writes.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from retain.errors import FlightError, require
from retain.flight import messages as m
from retain.flight.mcap_file import Ending, messages

POLL_S = 0.05
TICKS_PER_S = 50.0
"""Enough for the eye; the file keeps all."""

_SERIES = ("policy", "planned", "sent", "measured")
_TIMELINE = "monotonic"


def watch(path: Path, stream: Any, goes_on: Callable[[], bool] = lambda: True) -> int:
    """Send a flight to rerun until its file is complete.

    Args:
        path: A file that `retain run --record` is writing, or has written.
        stream: A rerun.RecordingStream with a sink: a viewer, or a file.
        goes_on: Asked while nothing new comes; False ends the watch.

    Returns:
        How many messages were shown.

    Raises:
        FlightError: It is no flight.
        MissingExtraError: rerun or mcap is not installed.
    """
    view = _View(stream)

    def patience() -> bool:
        time.sleep(POLL_S)
        return goes_on()

    ending, shown = Ending(), 0
    for topic, number, data in messages(path, lambda _: True, ending, patience):
        if shown == 0:
            view.begin(path, ending.metadata.get("retain.run"))
        shown += view.show(topic, number, data)
    return shown


class _View:
    def __init__(self, stream: Any) -> None:
        self._rr = require("rerun", "live")
        self._stream = stream
        self._channels: list[str] = []
        self._next_tick_ns = 0

    def begin(self, path: Path, head: dict[str, str] | None) -> None:
        if head is None:
            raise FlightError(f"{path} is no flight of retain; make one with `retain run --record FILE`")
        self._channels = json.loads(head["channels"])
        words = "\n".join(f"{name}: {value}" for name, value in sorted(head.items()))
        self._stream.log("run", self._rr.TextDocument(words), static=True)

    def show(self, topic: str, number: int, data: bytes) -> bool:
        """Whether the message was worth showing."""
        if topic == m.TICK:
            return self._tick(data)
        if topic == m.EVENT:
            event = m.decode_event(data)
            self._at(event.time_ns)
            level = self._rr.TextLogLevel.ERROR if event.is_fault else self._rr.TextLogLevel.INFO
            self._stream.log("event", self._rr.TextLog(event.text, level=level))
            return True
        if topic.startswith((m.SEEN, m.CAMERA)):
            picture = m.decode_picture(number, data)
            self._at(picture.sensor_ns)
            self._stream.log(topic, self._rr.Image(picture.rgb))
            return True
        return False

    def _tick(self, data: bytes) -> bool:
        columns = m.decode_ticks([data], len(self._channels))
        time_ns = int(columns["time_ns"][0])
        if time_ns < self._next_tick_ns:
            return False
        self._next_tick_ns = time_ns + round(1e9 / TICKS_PER_S)
        self._at(time_ns)
        for series in _SERIES:
            for name, value in zip(self._channels, columns[series][0], strict=True):
                if np.isfinite(value):
                    self._stream.log(f"{name}/{series}", self._rr.Scalars(float(value)))
        self._stream.log("lateness_ms", self._rr.Scalars(1e3 * float(columns["lateness_s"][0])))
        return True

    def _at(self, time_ns: int) -> None:
        self._stream.set_time(_TIMELINE, duration=np.timedelta64(time_ns, "ns"))
