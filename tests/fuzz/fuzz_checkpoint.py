"""Coverage-guided fuzzing of everything that reads checkpoints, with atheris.

    python3 -m venv /tmp/atheris && /tmp/atheris/bin/pip install atheris
    PYTHONPATH=/tmp/atheris/lib/python3.11/site-packages .venv/bin/python -m tests.fuzz.fuzz_checkpoint \
        -max_total_time=600 /tmp/corpus

`--pickle` reads torch files too (then torch is loaded, and everything is slower). What it finds belongs into
tests/fuzz/found, which an ordinary test replays.
"""

import random
import sys
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["retain", "json"]):
    from .hostile_directory import SEPARATOR, try_input
    from .mutations import mutate_input
    from .seeds import SEEDS, torch_seeds


def make_mutator(seeds: list[bytes]) -> Callable[[bytes, int, int], bytes]:
    """A mutator that often starts from a good directory again: libFuzzer prefers small inputs, with little in them."""

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        choose = random.Random(seed)
        if choose.random() < 0.3:
            data = choose.choice(seeds)
        if choose.random() < 0.2:
            chunks = data.split(SEPARATOR)
            index = choose.randrange(len(chunks))
            chunks[index] = bytes(atheris.Mutate(chunks[index] or b"\0", max(len(chunks[index]) + 32, 64)))
            return SEPARATOR.join(chunks)[:max_size]
        return mutate_input(data, seeds, choose)[:max_size]

    return mutate


def main() -> None:
    allow_pickle = "--pickle" in sys.argv
    seeds = torch_seeds() if allow_pickle else SEEDS
    arguments = [argument for argument in sys.argv if argument != "--pickle"]
    for corpus in [Path(argument) for argument in arguments[1:] if not argument.startswith("-")][:1]:
        corpus.mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (corpus / name.replace(" ", "_")).write_bytes(data)
    atheris.Setup(
        [*arguments, "-max_len=65536"],
        lambda data: try_input(bytes(data), allow_pickle=allow_pickle),
        custom_mutator=make_mutator(list(seeds.values())),
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
