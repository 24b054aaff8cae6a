"""A bundle in a few lines, for `retain inspect`."""

from pydantic import JsonValue

from retain.bundle.bundle import Bundle
from retain.bundle.contents import WEIGHTS_FILE


def describe(bundle: Bundle) -> list[tuple[str, str]]:
    """(what, value) rows in reading order: where the policy comes from, what it sees and says, what it is made of."""
    manifest = bundle.manifest
    action, flow, graphs = manifest.action, manifest.flow, manifest.graphs
    recorder = manifest.golden.recorded_by or "whoever opens it first"
    weights = manifest.files[WEIGHTS_FILE]
    graph_bytes = sum(manifest.files[graph.file].bytes for graph in graphs.all)
    cameras = ", ".join(
        f"{camera.role} {camera.width}×{camera.height} {camera.color}" for camera in manifest.observation.cameras
    )
    return [
        ("bundle", str(bundle.path)),
        ("policy family", manifest.family),
        ("merge", _merge_words(manifest.merge)),
        ("cameras", cameras or "none"),
        ("state", ", ".join(f"{channel.name} [{channel.unit}]" for channel in manifest.observation.state)),
        ("action", ", ".join(f"{channel.name} [{channel.unit}] {channel.mode}" for channel in action.channels)),
        ("chunk", f"{action.horizon} rows of {action.dt_s:g} s, {action.n_action_steps} executed per inference"),
        ("flow", "none: the chunk is regressed" if flow is None else f"{flow.steps} steps, {flow.noise} noise"),
        ("longest trained delay", f"{manifest.max_trained_delay} rows"),
        ("weights", f"{WEIGHTS_FILE}, {weights.bytes / 1e6:.2f} MB, SHA-256 {weights.sha256[:16]}…"),
        ("graphs", f"{' + '.join(graph.file for graph in graphs.all)}, {graph_bytes / 1e3:.0f} kB without weights"),
        (
            "golden",
            f"recorded by {recorder}, atol {manifest.golden.atol:g}",
        ),
    ]


def _merge_words(merge: dict[str, JsonValue] | None) -> str:
    if merge is None:
        return "not merged"
    alpha = merge.get("alpha")
    if isinstance(alpha, dict):
        values = set(map(str, alpha.values()))
        alpha = values.pop() if len(values) == 1 else " ".join(f"{name}={value}" for name, value in alpha.items())
    return f"{merge.get('method')}, alpha {alpha} (0 is the base, 1 the finetuned policy)"
