"""Copy a directory with two threads: the least that anything can cost which reads one checkpoint and writes another.

    python benchmarks/merge_copy.py FROM TO

sendfile into preallocated files, because it moves every byte once: on the machine of the results it took 71 ms for
0.5 GB, pread with pwrite (which a merge has to use) 83 ms, copy_file_range 117 ms and `cp -r` 133 ms.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

BLOCK = 1 << 18
STRETCH = 1 << 25


def main(source: str, target: str) -> None:
    """Copy all files of a flat directory: one thread from the first byte on, one from the last stretch back.

    Two threads that write to one file wait for its lock, so they meet only where no other file is left.
    """
    Path(target).mkdir()
    stretches: deque[tuple[Path, int, int]] = deque()
    for path in sorted(Path(source).iterdir()):
        size = path.stat().st_size
        with (Path(target) / path.name).open("xb") as file:
            if size:
                os.posix_fallocate(file.fileno(), 0, size)
        stretches += [(path, begin, min(begin + STRETCH, size)) for begin in range(0, size, STRETCH)]

    def copy(take: Callable[[], tuple[Path, int, int]]) -> None:
        while True:
            try:
                path, begin, end = take()
            except IndexError:
                return
            with path.open("rb") as reader, (Path(target) / path.name).open("r+b", buffering=0) as writer:
                writer.seek(begin)
                while begin < end:
                    begin += os.sendfile(writer.fileno(), reader.fileno(), begin, min(BLOCK, end - begin))

    threads = [threading.Thread(target=copy, args=(take,)) for take in (stretches.popleft, stretches.pop)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for path in Path(source).iterdir():
        if (Path(target) / path.name).stat().st_size != path.stat().st_size:
            raise SystemExit(f"{path.name} was not copied")


if __name__ == "__main__":
    main(*sys.argv[1:])
