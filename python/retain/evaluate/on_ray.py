"""Jobs on a Ray cluster: one actor per processor, which keeps its simulations and the policy it used last."""

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from retain.errors import EvaluationError, require
from retain.evaluate.jobs import Done, Job, Worker
from retain.evaluate.travel import Files, directories, read, settled
from retain.worlds import World

LOCAL = "local"
"""The address that starts a cluster on this machine."""

_CONNECT_S = 5.0
_STORE_BYTES = 256 * 2**20  # of a cluster that is started here; outcomes are small, and so is a compact policy


class _Actor:
    """Lives on the cluster."""

    def __init__(self, world: World, sims: int) -> None:
        self._worker = Worker(world, sims)
        self._folder = TemporaryDirectory(prefix="retain-policies-")

    def run(self, job: Job, origins: Sequence[Path], *arrived: Files) -> Any:
        files = dict(zip(origins, arrived, strict=True))
        return self._worker.run(replace(job, source=settled(job.source, files, Path(self._folder.name))))

    def close(self) -> None:
        self._worker.arena.close()
        self._folder.cleanup()


def run_on_ray(
    jobs: Sequence[Job],
    address: str,
    *,
    workers: int,
    sims: int,
    done: Done,
    finished: Callable[[int], None],
    world: World,
) -> None:
    """Carry out jobs on a cluster. Policies travel with their files, so nodes need no common disk.

    Args:
        jobs: In an order in which neighbours share a policy.
        address: Of the cluster's head, such as ray://head:10001 or auto; "local" starts one on this machine.
        workers: Processors of a cluster that is started here; one that runs is used with all that it has.
        sims: Simulations beside each other per actor.
        done: Receives each job's outcomes, in any order.
        finished: Called with the number of episodes just done.
        world: Where the episodes are played.

    Raises:
        MissingExtraError: Ray is not installed.
        EvaluationError: The cluster cannot be reached, or an actor died.
    """
    if not jobs:
        return
    ray = require("ray", extra="ray")
    _connect(ray, address, workers)
    try:
        _run(ray, jobs, sims, done, finished, world)
    except ray.exceptions.RayActorError as error:
        raise EvaluationError("a worker of the Ray cluster died, perhaps for want of memory; run it again") from error
    except ray.exceptions.RayTaskError as error:
        raise EvaluationError(f"a worker of the Ray cluster failed: {error.cause}") from error
    finally:
        ray.shutdown()


def _check_listening(address: str) -> None:
    """Ray itself keeps trying for minutes where nothing listens."""
    found = re.fullmatch(r"(?:ray://)?([^/:]+):(\d+)", address)
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


def _connect(ray: Any, address: str, workers: int) -> None:
    if ray.is_initialized():
        raise EvaluationError("this process is connected to a Ray cluster already; call ray.shutdown() first")
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    _check_listening(address)
    try:
        if address == LOCAL:
            ray.init(address=LOCAL, num_cpus=workers, object_store_memory=_STORE_BYTES, **quiet)
        else:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise _nothing_there(address, next(iter(str(error).splitlines()), type(error).__name__)) from error


def _run(ray: Any, jobs: Sequence[Job], sims: int, done: Done, finished: Callable[[int], None], world: World) -> None:
    count = max(1, min(len(jobs), int(ray.cluster_resources().get("CPU", 1))))
    actor = ray.remote(num_cpus=1)(_Actor)
    idle = [actor.remote(world, sims) for _ in range(count)]
    sent: dict[Path, Any] = {}
    waiting = list(jobs)[::-1]
    busy: dict[Any, tuple[Job, Any]] = {}
    while waiting or busy:
        while waiting and idle:
            job, hands = waiting.pop(), idle.pop()
            # A policy's files are put into the object store once, whatever the number of jobs and actors.
            origins = directories(job.source)
            for origin in origins:
                if origin not in sent:
                    sent[origin] = ray.put(read(origin))
            reference = hands.run.remote(job, origins, *(sent[origin] for origin in origins))
            busy[reference] = (job, hands)
        ready, _ = ray.wait(list(busy), num_returns=1)
        for reference in ready:
            job, hands = busy.pop(reference)
            done(job, ray.get(reference))
            finished(len(job.episodes))
            idle.append(hands)
    ray.get([hands.close.remote() for hands in idle])
