"""The commands that are compared: retain, copies, a torch script, mergekit."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from merge_checkpoints import weight_files
from merge_rounds import Way

HERE = Path(__file__).parent
LLAMA_COMPONENTS = {
    "attention": r".*\.self_attn\..*",
    "mlp": r".*\.mlp\..*",
    "rest": r"(?!.*\.(?:self_attn|mlp)\.).*",
}
TIES_DENSITY = 0.2


def retain(pair: Path, output: Path, name: str, *options: str, outputs: Sequence[Path] = (), alpha: str = "0.5") -> Way:
    """`retain merge`, with the report's statistics; without waiting for the disk, as cp does not either."""
    command = [sys.executable, "-m", "retain.cli", "merge", str(pair / "base"), str(pair / "finetuned")]
    command += ["--alpha", *alpha.split(), "-o", str(output), "--json", *options]
    return Way(name, command, outputs or [output], reports=True)


def llama_options() -> list[str]:
    """Components for names that no family of policies claims."""
    return [word for name, pattern in LLAMA_COMPONENTS.items() for word in ("--component", f"{name}={pattern}")]


def cp(pair: Path, output: Path, *, sync: bool = False) -> Way:
    """`cp -r` of as many bytes and files as the output has; with sync, until they are on the disk."""
    source = pair / "base"
    if not sync:
        return Way("cp -r", ["cp", "-r", str(source), str(output)], [output])
    files = " ".join(f"'{output / file.name}'" for file in weight_files(source))
    return Way("cp -r, sync", ["sh", "-c", f"cp -r '{source}' '{output}' && sync {files}"], [output])


def copy(pair: Path, output: Path) -> Way:
    """The fastest copy that was found; without site packages, which it does not need."""
    command = [sys.executable, "-S", "-E", str(HERE / "merge_copy.py"), str(pair / "base"), str(output)]
    return Way("copy, 2 threads", command, [output])


def torch_script(pair: Path, output: Path, rounds: int) -> Way:
    """A careful script of twenty lines."""
    command = [sys.executable, str(HERE / "merge_torch.py"), str(pair / "base"), str(pair / "finetuned"), str(output)]
    return Way("torch script, 2 threads", [*command, "0.5", "2"], [output], rounds=rounds)


def mergekit(binaries: Path, pair: Path, output: Path, method: str, rounds: int) -> Way:
    """mergekit-yaml, computing in fp32 and storing bf16, as its authors advise.

    Raises:
        SystemExit: It is not there.
    """
    program = binaries / "mergekit-yaml"
    if not program.exists():
        raise SystemExit(f"{program} is missing; --mergekit takes the bin directory of an environment with mergekit")
    base, finetuned = str(pair / "base"), str(pair / "finetuned")
    asked: dict[str, dict[str, Any]] = {
        "linear": {"models": [{"model": end, "parameters": {"weight": 0.5}} for end in (base, finetuned)]},
        "slerp": {"models": [{"model": finetuned}], "base_model": base, "parameters": {"t": 0.5}},
        "ties": {
            "models": [{"model": finetuned, "parameters": {"weight": 1.0, "density": TIES_DENSITY}}],
            "base_model": base,
            "parameters": {"lambda": 0.5},
        },
    }
    config = pair / f"mergekit-{method}.yaml"  # YAML, because JSON is
    config.write_text(
        json.dumps({"merge_method": method, **asked[method], "dtype": "float32", "out_dtype": "bfloat16"})
    )
    command = [str(program), str(config), str(output), "--quiet", "--no-copy-tokenizer", "--num-threads", "2"]
    return Way(f"mergekit {method}", command, [output], rounds=rounds)


def mergekit_versions(binaries: Path) -> dict[str, str]:
    """The version of mergekit and that of the torch that it runs on."""
    script = "import json, importlib.metadata as m; print(json.dumps({n: m.version(n) for n in ('mergekit', 'torch')}))"
    done = subprocess.run([str(binaries / "python"), "-c", script], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def sample(directory: Path, tensors: Sequence[str], nbytes: int = 1 << 16) -> dict[str, bytes]:
    """The first bytes of some tensors, wherever a tool has put them."""
    found = {}
    for path in weight_files(directory):
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
            for name in set(tensors) & header.keys():
                begin, end = header[name]["data_offsets"]
                file.seek(8 + length + begin)
                found[name] = file.read(min(nbytes, end - begin))
    return found


def share_equal(first: dict[str, bytes], second: dict[str, bytes]) -> float:
    """How many 16-bit weights of two samples are the same bits."""
    pairs = [(a, b) for name in first for a, b in zip(_words(first[name]), _words(second[name]), strict=True)]
    return sum(a == b for a, b in pairs) / len(pairs)


def _words(data: bytes) -> "memoryview[int]":
    return memoryview(data).cast("H")
