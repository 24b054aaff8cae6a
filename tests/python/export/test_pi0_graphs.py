"""π0 and π0.5 as two graphs whose weights stay in the checkpoint."""

import gc
import weakref
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from retain.checkpoint import open_checkpoint
from retain.export.graphs import OPSET, PREFIX_FILE, STEP_FILE, trace
from retain.export.linked_weights import MAX_INLINE_BYTES, STORED_SUFFIX, Layout, link
from safetensors.torch import save_file

from ..policy.pi0 import tiny  # noqa: TID252 (tests are no package that could be named)


def exported_to(directory, policy, dtype=torch.float32):
    weights = directory / "model.safetensors"
    save_file({name: tensor.to(dtype).contiguous() for name, tensor in policy.state_dict().items()}, weights)
    checkpoint = open_checkpoint(weights)
    layout = Layout(checkpoint.tensors, checkpoint.aliases)
    parameters = {name: tensor.numpy() for name, tensor in policy.state_dict().items()}
    traced = trace(policy)
    # At full size a copy of the weights would not fit into memory, nor into one protobuf message.
    assert not [
        tensor
        for model in traced
        for tensor in model.graph.initializer
        if tensor.name in parameters and tensor.raw_data
    ]
    models = [link(model, layout, parameters) for model in traced]
    for model, file in zip(models, (PREFIX_FILE, STEP_FILE), strict=True):
        onnx.save(model, directory / file)
    return models


@pytest.fixture(scope="module", params=tiny.FAMILIES)
def exported(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp(request.param)
    policy = tiny.policy(request.param)
    prefix, step = exported_to(directory, policy)
    return SimpleNamespace(policy=policy, directory=directory, prefix=prefix, step=step)


def run(path, inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, inputs), strict=True))


def feed(policy, images, tokens, mask, state):
    named = {f"image.{camera.role}": image for camera, image in zip(policy.spec.cameras, images, strict=True)}
    named |= {"tokens": tokens, "token_mask": mask, "state": state}
    return {name: tensor.numpy() for name, tensor in named.items()}


def prefix_inputs(directory, policy, observation):
    """A graph has exactly the inputs that it reads."""
    wanted = {value.name for value in onnx.load(directory / PREFIX_FILE, load_external_data=False).graph.input}
    named = feed(policy, *observation)
    assert set(named) == wanted
    return named


def inline_tensors(model):
    yield from (tensor for tensor in model.graph.initializer if not tensor.external_data)
    for node in model.graph.node:
        yield from (attribute.t for attribute in node.attribute if attribute.type == onnx.AttributeProto.TENSOR)


@torch.no_grad()
def test_onnxruntime_gives_pytorchs_context_and_velocity(exported):
    policy, directory = exported.policy, exported.directory
    for seed in range(3):
        images, tokens, mask, state = tiny.observation(policy, seed=seed)
        index = slice(seed, seed + 1)
        observation = [[image[index] for image in images], tokens[index], mask[index], state[index]]
        context = policy.prefix(*observation)
        found = run(directory / PREFIX_FILE, prefix_inputs(directory, policy, observation))
        assert list(found) == list(context)
        for name, tensor in context.items():
            # What stands in padded places is never read; PyTorch and the graph may well differ there.
            np.testing.assert_allclose(found[name], tensor.numpy(), atol=1e-4, rtol=1e-4, err_msg=name)
        x, t = (value[index] for value in tiny.rows(policy, seed=seed))
        velocity = run(directory / STEP_FILE, {"x": x.numpy(), "t": t.numpy(), **found})["velocity"]
        np.testing.assert_allclose(velocity, policy.step(x, t, context).numpy(), atol=1e-4, rtol=0)


@torch.no_grad()
def test_a_chunk_in_onnxruntime_is_pytorchs(exported):
    policy, directory = exported.policy, exported.directory
    images, tokens, mask, state = tiny.observation(policy)
    observation = [[image[:1] for image in images], tokens[:1], mask[:1], state[:1]]
    noise = tiny.rows(policy)[0][:1].numpy()
    expected = policy.draw(policy.prefix(*observation), 1, noise).numpy()
    context = run(directory / PREFIX_FILE, feed(policy, *observation))
    x, steps = noise, policy.spec.flow.steps
    for index in range(steps):
        t = np.full(x.shape[:2], index / steps, np.float32)
        x = x + run(directory / STEP_FILE, {"x": x, "t": t, **context})["velocity"] / np.float32(steps)
    np.testing.assert_allclose(x, expected, atol=1e-4, rtol=0)


def test_every_weight_that_a_gradient_reaches_is_linked_and_nothing_else_is_large(exported):
    linked = set()
    for model in (exported.prefix, exported.step):
        linked |= {tensor.name for tensor in model.graph.initializer if tensor.external_data}
        for tensor in inline_tensors(model):
            assert len(tensor.raw_data) <= MAX_INLINE_BYTES, (tensor.name, len(tensor.raw_data))
        assert model.opset_import[0].version == OPSET
    assert linked == {name for name, parameter in exported.policy.named_parameters() if parameter.requires_grad}


def test_the_backbone_is_in_the_prefix_alone_and_the_expert_in_the_step_alone(exported):
    def linked(model):
        return {tensor.name for tensor in model.graph.initializer if tensor.external_data}

    assert not any("gemma_expert" in name for name in linked(exported.prefix))
    assert not any("paligemma." in name for name in linked(exported.step))
    shared = linked(exported.prefix) & linked(exported.step)
    assert not shared


def test_graphs_hold_no_double_precision_and_no_sequences(exported):
    """TensorRT has neither."""
    for model, file in ((exported.prefix, PREFIX_FILE), (exported.step, STEP_FILE)):
        onnx.checker.check_model(str(exported.directory / file))
        assert not [node.op_type for node in model.graph.node if "Sequence" in node.op_type or node.op_type == "CumSum"]
        casts = [a.i for n in model.graph.node if n.op_type == "Cast" for a in n.attribute if a.name == "to"]
        assert onnx.TensorProto.DOUBLE not in casts


@torch.no_grad()
def test_bfloat16_is_stored_and_float32_is_computed(tmp_path):
    policy = tiny.policy("pi0")
    for parameter in policy.parameters():
        parameter.copy_(parameter.bfloat16())
    prefix, _ = exported_to(tmp_path, policy, torch.bfloat16)
    stored = [tensor.name for tensor in prefix.graph.initializer if tensor.external_data]
    assert stored
    assert all(name.endswith(STORED_SUFFIX) for name in stored)
    images, tokens, mask, state = tiny.observation(policy)
    observation = [[image[:1] for image in images], tokens[:1], mask[:1], state[:1]]
    context = policy.prefix(*observation)
    found = run(tmp_path / PREFIX_FILE, feed(policy, *observation))
    for name, tensor in context.items():
        np.testing.assert_allclose(found[name], tensor.numpy(), atol=1e-4, rtol=1e-4, err_msg=name)


def test_a_traced_policy_is_freed_when_its_last_user_lets_it_go():
    """At full size the engine that checks the bundle would find no memory beside it."""
    policy = tiny.policy("pi05")
    left = [weakref.ref(parameter) for parameter in policy.parameters()]
    gc.disable()  # what is freed is freed by trace
    try:
        graphs = trace(policy)
        del policy
        assert all(graphs)
        assert not [reference for reference in left if reference() is not None]
    finally:
        gc.enable()
