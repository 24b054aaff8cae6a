"""`retain bench loop` with its result in benchmarks/results/loop.json.

    python benchmarks/loop.py [options of `retain bench loop`]

A goal that is missed is in the result and told; it is no failure of the benchmark.
"""

import sys
from pathlib import Path

from retain.cli.main import main

RESULT = Path(__file__).parent / "results" / "loop.json"

if __name__ == "__main__":
    code = main(["bench", "loop", "--output", str(RESULT), *sys.argv[1:]])
    sys.exit(0 if code == 1 else code)
