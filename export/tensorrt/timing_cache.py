"""How long each kernel took on this GPU, kept between builds: the second build of a policy measures little again."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from retain.engine.gpu import Gpu

from .flavour import Flavour


def timing_cache_file(flavour: Flavour, gpu: Gpu | None) -> Path:
    """`~/.cache/retain/tensorrt/…` (or under XDG_CACHE_HOME), one file per library release and GPU."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    machine = "no-gpu" if gpu is None else f"{gpu.name}-sm{gpu.compute_capability}".replace(" ", "_").replace("/", "_")
    return root / "retain" / "tensorrt" / f"{flavour.name}-{flavour.version}-{machine}.timing"


def use_timing_cache(config: Any, file: Path) -> None:
    """Give a builder what earlier builds measured. A file of another release is as good as none."""
    known = file.read_bytes() if file.is_file() else b""
    cache = config.create_timing_cache(known)
    if cache is None or not config.set_timing_cache(cache, False):
        config.set_timing_cache(config.create_timing_cache(b""), False)


def keep_timing_cache(config: Any, file: Path) -> None:
    """Write what was measured. A cache that cannot be written costs time at the next build, so it is no error."""
    cache = config.get_timing_cache()
    if cache is None:
        return
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
        partial.write_bytes(bytes(cache.serialize()))
        partial.replace(file)
