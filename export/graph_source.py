"""Where a bundle's graphs come from: traced from the policy in PyTorch, or taken over from another bundle."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from retain.bundle import WEIGHTS_FILE, Bundle, GoldenCase
from retain.bundle.contents import Golden, Graphs
from retain.checkpoint import open_checkpoint
from retain.errors import ExportError
from retain.merge.families import detect_family
from retain.policy import PolicySpec
from retain.policy.configuration_file import read_configuration
from retain.policy.units import in_si

from .golden import ATOL, GOLDEN_FILE
from .linked_weights import Layout, link, relink

Stages = Callable[[str], AbstractContextManager[None]]

GraphSource = Callable[[Path, PolicySpec, Stages], tuple[Graphs, Golden]]
"""(directory with the policy, its spec, stages) → the graphs and golden outputs that it wrote there."""


def fresh_graphs(directory: Path, spec: PolicySpec, stages: Stages) -> tuple[Graphs, Golden]:
    """Trace the policy in PyTorch, link the graphs to its weights, record golden outputs from PyTorch.

    Raises:
        ExportError: The policy cannot be expressed, or not without weights of its own in the graph.
    """
    with stages("load"):
        import torch
        from retain.policy import load_policy

        from .golden import record_from_policy
        from .graphs import PREFIX_FILE, STEP_FILE, signature, trace

        policy = load_policy(directory)
        parameters = {name: tensor.numpy() for name, tensor in policy.state_dict().items()}
    with stages("trace"):
        prefix, step = trace(policy)
    with stages("link"):
        layout = _layout(directory)
        for model, file in ((prefix, PREFIX_FILE), (step, STEP_FILE)):
            if model is not None:
                onnx.save(link(model, layout, parameters), directory / file)
    with stages("record"):
        record_from_policy(policy, spec).save(directory / GOLDEN_FILE)
    # Gone before an engine is opened: both hold the weights.
    del policy, parameters
    by = f"PyTorch {torch.__version__.partition('+')[0]}"
    graphs = Graphs(prefix=signature(prefix, PREFIX_FILE), step=None if step is None else signature(step, STEP_FILE))
    return graphs, Golden(file=GOLDEN_FILE, atol=ATOL, recorded_by=by, graphs_checked_by=by)


def reused_graphs(donor: Bundle) -> GraphSource:
    """The graphs of another bundle, pointed at new weights of the same layout. No PyTorch.

    Raises:
        BundleError: The donor's graphs or golden inputs were changed.
    """
    graphs, golden = donor.manifest.graphs, donor.manifest.golden
    donor.verify(*(graph.file for graph in graphs.all), golden.file)

    def source(directory: Path, spec: PolicySpec, stages: Stages) -> tuple[Graphs, Golden]:
        with stages("link"):
            _check_same_architecture(donor, directory, spec)
            layout = _layout(directory)
            for graph in graphs.all:
                model = onnx.load(donor.file(graph.file), load_external_data=False)
                onnx.save(relink(model, layout), directory / graph.file)
            inputs = GoldenCase.load(donor.file(golden.file))
            state = spec.normalization.state.physical(inputs.prefix_inputs["state"].astype(np.float32))
            inputs.only_inputs(state).save(directory / GOLDEN_FILE)
        return graphs, Golden(
            file=GOLDEN_FILE, atol=golden.atol, recorded_by=None, graphs_checked_by=golden.graphs_checked_by
        )

    return source


def _check_same_architecture(donor: Bundle, directory: Path, spec: PolicySpec) -> None:
    recorded, donor_architecture = read_configuration(donor.path)
    donor_spec = in_si(recorded)
    _, architecture = read_configuration(directory)
    differing = sorted(
        name for name in {*architecture, *donor_architecture} if architecture.get(name) != donor_architecture.get(name)
    )
    # Units and the integration are outside the graphs and may differ.
    comparable = replace(
        donor_spec,
        normalization=spec.normalization,
        flow=spec.flow if donor_spec.action_width == spec.action_width else donor_spec.flow,
        dt_s=spec.dt_s,
        n_action_steps=spec.n_action_steps,
        max_trained_delay=spec.max_trained_delay,
    )
    if differing or comparable != spec:
        what = f"another {', '.join(differing)}" if differing else "other cameras, channels or sizes"
        raise ExportError(
            f"the graphs of {donor.path} are those of a {donor_spec.family} policy with {what};"
            " export without --graph-from"
        )


def _layout(directory: Path) -> Layout:
    """Where the weights lie; of two tied tensors, one may stand for both."""
    checkpoint = open_checkpoint(directory / WEIGHTS_FILE)
    stored = checkpoint.tensors
    family = detect_family({}, stored)
    pairs = family.aliases if family is not None else ()
    tied = {
        name: other for pair in pairs for name, other in (pair, pair[::-1]) if name not in stored and other in stored
    }
    return Layout(stored, {**tied, **checkpoint.aliases})
