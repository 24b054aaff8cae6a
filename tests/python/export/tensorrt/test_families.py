"""Every family that is exported: NVIDIA's parser takes its graphs in each precision, and knows each weight by name."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from retain.bundle import Bundle
from retain.bundle.engine_plans import Precision
from retain.export.export import export_policy
from retain.export.tensorrt.build import build_engines
from retain.export.tensorrt.network import linked_weights, read_network, unknown_weights
from retain.export.tensorrt.precision import with_products_in

from ...installed_tensorrt_rtx import needs_tensorrt_rtx, without_gpu  # noqa: TID252 (tests are no package)
from ...policy.act.lerobot_files import adopt_act  # noqa: TID252
from ...policy.act.tiny_act import act_policy  # noqa: TID252
from ...policy.pi0 import tiny  # noqa: TID252
from ...policy.pi0.lerobot_files import adopt_pi0  # noqa: TID252
from ...policy.smolvla.lerobot_files import adopt_smolvla  # noqa: TID252
from ...policy.smolvla.small import small_policy  # noqa: TID252

pytestmark = needs_tensorrt_rtx


def act(directory: Path) -> Path:
    return adopt_act(act_policy(0), directory)


def smolvla(directory: Path) -> Path:
    return adopt_smolvla(small_policy(), directory)


def smolvla_in_bfloat16(directory: Path) -> Path:
    import torch

    return adopt_smolvla(small_policy(), directory, dtype=torch.bfloat16)


def pi0(directory: Path) -> Path:
    return adopt_pi0(tiny.policy("pi0"), directory)


def pi05_in_bfloat16(directory: Path) -> Path:
    import torch

    return adopt_pi0(tiny.policy("pi05"), directory, torch.bfloat16)


FAMILIES: list[Callable[[Path], Path]] = [act, smolvla, smolvla_in_bfloat16, pi0, pi05_in_bfloat16]


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.__name__)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    directory = tmp_path_factory.mktemp(request.param.__name__)
    export_policy(request.param(directory / "policy"), directory / "bundle")
    return Bundle.open(directory / "bundle")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_graphs_are_read_and_weights_known(bundle: Bundle, precision: Precision) -> None:
    for graph in bundle.manifest.graphs.all:
        model = with_products_in(onnx.load(bundle.file(graph.file), load_external_data=False), precision)
        network = read_network(model, bundle.file(graph.file), without_gpu().flavour)
        weights = [tensor.name for tensor in linked_weights(model)]
        assert len(weights) > 20
        assert unknown_weights(network, weights) == []


def test_engines_are_built(bundle: Bundle) -> None:
    sidecar = build_engines(bundle.path, bundle.manifest.graphs, without_gpu(), "bf16", 1e-4)
    assert set(sidecar.plans) == ({"prefix"} if bundle.manifest.graphs.step is None else {"prefix", "step"})
