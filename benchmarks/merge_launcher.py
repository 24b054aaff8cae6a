"""Start processes and say what they used, from a process that is small itself.

The kernel counts the memory of the process that forks as the start of every child's peak; under a benchmark with its
tables and imports that is 35 MiB, under this one, started with -S -E, about 10. One request a line on stdin, a JSON
object with `command`, `stdout` and `stderr` (paths); one answer a line on stdout, a JSON object: `code`, `wall_s`,
`cpu_s`, `peak_mib`, `disk_read_gb`.
"""

import json
import os
import sys
import time


def main() -> None:
    """Answer until stdin ends."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for line in sys.stdin:
        request = json.loads(line)
        to_files = [
            (os.POSIX_SPAWN_OPEN, fd, request[name], flags, 0o600) for fd, name in ((1, "stdout"), (2, "stderr"))
        ]
        started = time.perf_counter()
        child = os.posix_spawnp(request["command"][0], request["command"], os.environ, file_actions=to_files)
        _, status, usage = os.wait4(child, 0)
        answer = {
            "wall_s": time.perf_counter() - started,
            "code": os.waitstatus_to_exitcode(status),
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "peak_mib": usage.ru_maxrss / 1024,
            "disk_read_gb": usage.ru_inblock * 512 / 1e9,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
