"""Jobs on a Ray cluster: one actor per processor, which keeps its simulations and the policy it used last."""

import re
import socket
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from retain.errors import EvaluationError, RetainError, require
from retain.evaluate.jobs import Done, Finished, Job, Worker
from retain.evaluate.rollout import Outcome
from retain.evaluate.travel import directories, moved, read, write
from retain.worlds import World

LOCAL = "local"
"""The address that starts a cluster on this machine."""

_CONNECT_S = 5.0
_STORE_BYTES = 256 * 2**20  # of a cluster that is started here; outcomes are small, and so is a compact policy
_LOOK_S = 1.0
"""How often finished episodes of unfinished jobs are counted."""

_LEAVE_S = 5.0
_TELL = "tell"
"""The actor's threads that answer while another one plays."""


class _Actor:
    """Lives on the cluster. `run` has a thread to itself, in which rendering contexts are made and used."""

    def __init__(self, world: World, sims: int) -> None:
        self._world, self._sims = world, sims
        self._worker: Worker | None = None
        self._folder: TemporaryDirectory[str] | None = None
        self._lock, self._left = Lock(), False
        self._played = 0

    def ready(self) -> None:
        """Returns once the cluster has found room for this actor."""

    def run(self, job: Job, origins: Mapping[Path, tuple[str, Any]]) -> list[Outcome]:
        """Play, after fetching each of the policy's directories that has not come before.

        Args:
            job: Whose source names directories of another machine.
            origins: These directories → a name, and the reference to their files.
        """
        if self._worker is None:
            self._worker = Worker(self._world, self._sims)
        places = {origin: self._arrived(*parcel) for origin, parcel in origins.items()}
        return self._worker.run(replace(job, source=moved(job.source, places)), self._finished)

    def _arrived(self, name: str, files: Any) -> Path:
        with self._lock:
            if self._left:
                raise EvaluationError("the evaluation has ended")
            if self._folder is None:
                self._folder = TemporaryDirectory(prefix="retain-policies-")
            place = Path(self._folder.name) / name
            if not place.exists():
                write(require("ray", extra="ray").get(files), place)
            return place

    def _finished(self) -> None:
        self._played += 1

    def played(self) -> int:
        """Episodes played since this actor was made."""
        return self._played

    def leave(self) -> None:
        """Remove the policies from this node's disk, now and for good, whatever `run` is doing."""
        with self._lock:
            self._left = True
            if self._folder is not None:
                self._folder.cleanup()


class RayCluster:
    """See `retain.evaluate.workers.Executor`. Policies travel with their files, so nodes need no common disk.

    Args:
        world: Where the episodes are played.
        sims: Simulations beside each other per actor.
        address: Of the cluster, such as head:6379, or auto on one of its nodes; "local" starts one on this machine.
        workers: Processors of a cluster that is started here; one that runs is used with all that it has.

    Raises:
        MissingExtraError: Ray is not installed.
        EvaluationError: The cluster cannot be reached.
    """

    def __init__(self, world: World, sims: int, address: str, workers: int) -> None:
        self._world, self._sims = world, sims
        self._ray = require("ray", extra="ray")
        _connect(self._ray, address, workers)
        self.workers = max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def run(self, jobs: Sequence[Job], done: Done, finished: Finished) -> None:
        """Carry out jobs; see `Executor.run`.

        Raises:
            EvaluationError: An actor died.
            RetainError: What a job raised on the cluster.
        """
        errors = self._ray.exceptions
        try:
            self._run(jobs, done, finished)
        except errors.RayTaskError as error:
            if isinstance(error.cause, RetainError):
                raise error.cause from None
            raise EvaluationError(f"a worker of the Ray cluster failed: {error.cause}") from error
        except errors.RayActorError as error:
            why = str(error).strip().splitlines()[-1]
            raise EvaluationError(f"a worker of the Ray cluster died ({why}); run it again") from error

    def close(self) -> None:
        """Disconnect; a cluster that was started here stops."""
        self._ray.shutdown()

    def _run(self, jobs: Sequence[Job], done: Done, finished: Finished) -> None:
        ray = self._ray
        actor = ray.remote(num_cpus=1, concurrency_groups={_TELL: 2})(_Actor)
        hired = [actor.remote(self._world, self._sims) for _ in range(min(len(jobs), self.workers))]
        # An actor gets its first job when it is there: while others use the cluster it may have to wait for them.
        busy: dict[Any, tuple[Any, Job | None]] = {hands.ready.remote(): (hands, None) for hands in hired}
        parcels: dict[Path, tuple[str, Any]] = {}
        there: list[Any] = []
        waiting, told = list(jobs)[::-1], 0
        try:
            while waiting or any(job for _, job in busy.values()):
                ended, _ = ray.wait(list(busy), num_returns=1, timeout=_LOOK_S)
                for reference in ended:
                    hands, job = busy.pop(reference)
                    found = ray.get(reference)
                    if job is None:
                        there.append(hands)
                    else:
                        done(job, found)
                    if waiting:
                        job = waiting.pop()
                        busy[hands.run.remote(job, self._sent(job, parcels))] = (hands, job)
                now = sum(ray.get([hands.played.options(concurrency_group=_TELL).remote() for hands in there]))
                if now > told:
                    finished(now - told)
                    told = now
        finally:
            leaving = [hands.leave.options(concurrency_group=_TELL).remote() for hands in there]
            if leaving:
                ray.wait(leaving, num_returns=len(leaving), timeout=_LEAVE_S)
            for hands in hired:
                ray.kill(hands)

    def _sent(self, job: Job, parcels: dict[Path, tuple[str, Any]]) -> dict[Path, tuple[str, Any]]:
        """The job's directories, each put into the object store once, whatever the number of jobs and actors."""
        origins = directories(job.source)
        for origin in origins:
            if origin not in parcels:
                parcels[origin] = (str(len(parcels)), self._ray.put(read(origin)))
        return {origin: parcels[origin] for origin in origins}


def _connect(ray: Any, address: str, workers: int) -> None:
    if address.startswith("ray://"):
        # Ray's client needs grpcio, the same Python to the patch level, and sends every policy through a proxy.
        raise EvaluationError(
            f"{address} is an address of Ray's client, which is not used here; run this on a node of the cluster"
            " with --ray auto"
        )
    if ray.is_initialized():
        raise EvaluationError("this process is connected to a Ray cluster already; call ray.shutdown() first")
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    _check_listening(address)
    here = {"num_cpus": workers, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
    try:
        with warnings.catch_warnings():
            # A hint about variables that concern accelerators; actors here ask for none.
            warnings.filterwarnings("ignore", "Tip: In future versions of Ray", FutureWarning)
            ray.init(address=address, **(here if address == LOCAL else {}), **quiet)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise _nothing_there(address, next(iter(str(error).splitlines()), type(error).__name__)) from error


def _check_listening(address: str) -> None:
    """Ray itself keeps trying for minutes where nothing listens."""
    found = re.fullmatch(r"([^/:]+):(\d+)", address)
    if found is None:
        return
    try:
        socket.create_connection((found[1], int(found[2])), timeout=_CONNECT_S).close()
    except OSError as error:
        raise _nothing_there(address, str(error)) from error


def _nothing_there(address: str, reason: str) -> EvaluationError:
    return EvaluationError(
        f"there is no Ray cluster at {address} ({reason}); start one with `ray start --head`, or give --ray local"
    )
