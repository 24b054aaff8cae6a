"""What a prefix hands over may be called as its family likes, but for what else the graphs have of that name."""

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from retain.errors import ExportError
from retain.export.graphs import trace
from retain.policy import ActionChannel, Affine, CameraSpec, Channel, FlowSpec, Normalization, PolicySpec
from torch import Tensor, nn

UNITS = Affine((0.0, 0.0), (1.0, 1.0))
JOINTS = ("elbow", "shoulder")


class Handing(nn.Module):
    """A policy of a few sums, whose prefix hands over one tensor under a name of choice."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.gain = nn.Parameter(torch.tensor([2.0, 3.0]))
        self.spec = PolicySpec(
            family="compact",
            cameras=(CameraSpec("front", 4, 4),),
            state=tuple(Channel(joint, "rad") for joint in JOINTS),
            action=tuple(ActionChannel(joint, "rad", "absolute", "linear") for joint in JOINTS),
            dt_s=0.1,
            horizon=3,
            n_action_steps=3,
            max_tokens=0,
            flow=FlowSpec(steps=2),
            max_trained_delay=0,
            normalization=Normalization(UNITS, UNITS),
        )

    def prefix(self, images: list[Tensor], tokens: Tensor, mask: Tensor, state: Tensor) -> dict[str, Tensor]:
        return {self.name: (state + images[0].float().mean()) * self.gain + 1}

    def step(self, x: Tensor, t: Tensor, context: dict[str, Tensor]) -> Tensor:
        return ((x + t[..., None]) + context[self.name][:, None]) * self.gain + 1


@pytest.mark.parametrize("name", ["memory", "add", "add_1", "mul", "state_1", "val_0"])
def test_a_name_of_the_exporters_is_free_for_what_the_prefix_hands_over(name: str) -> None:
    policy = Handing(name)
    prefix, step = trace(policy)  # type: ignore[arg-type]
    assert step is not None
    assert [output.name for output in prefix.graph.output] == [name]
    assert [value.name for value in step.graph.input] == ["x", "t", name]
    generator = np.random.default_rng(0)
    x, t, memory = (generator.random(shape, np.float32) for shape in ((1, 3, 2), (1, 3), (1, 2)))
    for tensor in step.graph.initializer:
        if tensor.name == "gain":
            tensor.CopyFrom(onnx.numpy_helper.from_array(policy.gain.detach().numpy(), "gain"))
    (velocity,) = ReferenceEvaluator(step).run(None, {"x": x, "t": t, name: memory})
    expected = policy.step(*map(torch.from_numpy, (x, t)), {name: torch.from_numpy(memory)}).detach().numpy()
    np.testing.assert_allclose(velocity, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x", "'x', as the graphs call another of their inputs and outputs; call it something else than image.front"),
        ("velocity", "'velocity', as the graphs call another"),
        ("state", "'state', as the graphs call another"),
        ("gain", "'gain', which is the name of a weight"),
    ],
)
def test_a_name_that_something_else_needs_is_refused(name: str, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        trace(Handing(name))  # type: ignore[arg-type]
