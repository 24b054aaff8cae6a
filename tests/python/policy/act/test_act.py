from dataclasses import replace

import pytest
import torch
from retain.checkpoint.normalizer import Normalized
from retain.errors import PolicyError
from retain.policy import ActionChannel, Affine, CameraSpec, Channel, FlowSpec, Normalization
from retain.policy.act.configuration import ACTConfig
from retain.policy.act.model import ACTPolicy
from retain.policy.act.pictures import NormalizedPicture

from ...merge.tensor_lists import read_shapes  # noqa: TID252 (tests are no package that could be named)
from .tiny_act import IMAGENET, SIZES, STATISTICS, act_policy, act_spec, batch_of, observation


def wide_spec(state: int, action: int, horizon: int):
    spec = act_spec(horizon)
    return replace(
        spec,
        state=tuple(Channel(f"s{index}", "rad") for index in range(state)),
        action=tuple(ActionChannel(f"a{index}", "rad", "absolute", "linear") for index in range(action)),
        normalization=Normalization(Affine((0.0,) * state, (1.0,) * state), Affine((0.0,) * action, (1.0,) * action)),
    )


def test_tensors_have_lerobots_names_and_shapes():
    with torch.device("meta"):
        policy = ACTPolicy(wide_spec(14, 14, 100), ACTConfig(), STATISTICS)
    assert {name: tuple(tensor.shape) for name, tensor in policy.state_dict().items()} == read_shapes("act")


def test_without_the_variational_objective_its_tensors_are_absent():
    expected = read_shapes("act_without_vae")  # deeper, normalized first, with a simulator's own state
    config = ACTConfig(use_vae=False, vision_backbone="resnet34", pre_norm=True, n_decoder_layers=7)
    action, width = expected["model.action_head.weight"]
    state = expected["model.encoder_robot_state_input_proj.weight"][1]
    horizon = expected["model.decoder_pos_embed.weight"][0]
    assert width == config.dim_model
    with torch.device("meta"):
        policy = ACTPolicy(wide_spec(state, action, horizon), config, STATISTICS)
    found = {name: tuple(tensor.shape) for name, tensor in policy.state_dict().items()}
    simulators = {"model.encoder_env_state_input_proj.weight", "model.encoder_env_state_input_proj.bias"}
    assert expected.keys() - found.keys() == simulators
    assert {name for name in found if found[name] != expected.get(name)} == {
        "model.encoder_1d_feature_pos_embed.weight"
    }


def test_the_prefix_is_the_chunk_and_there_is_no_step():
    policy = act_policy()
    context = policy.prefix(*observation(policy))
    assert list(context) == ["chunk"]
    assert context["chunk"].shape == (2, 7, 3)
    assert context["chunk"].dtype == torch.float32
    with pytest.raises(PolicyError, match="no flow"):
        policy.step(context["chunk"], torch.zeros(2, 7), context)


def test_observations_of_a_batch_do_not_see_each_other():
    policy = act_policy()
    images, tokens, mask, state = observation(policy, 3)
    together = policy.prefix(images, tokens, mask, state)["chunk"]
    for row in range(3):
        alone = policy.prefix([image[row : row + 1] for image in images], tokens[:1], mask[:1], state[row : row + 1])
        torch.testing.assert_close(alone["chunk"][0], together[row], atol=1e-5, rtol=1e-5)


def test_every_camera_and_the_state_are_seen():
    policy = act_policy()
    images, tokens, mask, state = observation(policy)
    before = policy.prefix(images, tokens, mask, state)["chunk"]
    changed = [policy.prefix(images, tokens, mask, state + 1)["chunk"]]
    for camera in range(2):
        others = [image.flip(1) if number == camera else image for number, image in enumerate(images)]
        changed.append(policy.prefix(others, tokens, mask, state)["chunk"])
    assert all((after - before).abs().max() > 1e-4 for after in changed)


def test_each_camera_is_normalized_by_its_own_statistics():
    policy = act_policy()
    images = observation(policy)[0]
    for role, image, found in zip(("top", "wrist"), images, policy._normalize(images), strict=True):
        statistics = STATISTICS[role]
        expected = (image.double() / 255 - torch.tensor(statistics.low)) / torch.tensor(statistics.high)
        torch.testing.assert_close(found.double(), expected.permute(0, 3, 1, 2), atol=1e-5, rtol=1e-5)


def test_ranges_are_taken_to_minus_one_and_one_and_no_statistics_change_nothing():
    image = torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8)
    ranges = Normalized("VISUAL", "MIN_MAX", 1e-8, (0.0, 0.2, 0.5), (1.0, 0.2, 1.0))
    found = NormalizedPicture(ranges)(image).flatten()
    torch.testing.assert_close(found, torch.tensor([-1.0, -1.0, 1.0]))
    torch.testing.assert_close(NormalizedPicture(None)(image).flatten(), torch.tensor([0.0, 0.2, 1.0]))
    with pytest.raises(PolicyError, match="each of 3 colours"):
        NormalizedPicture(Normalized("VISUAL", "MEAN_STD", 1e-8, (0.0,), (1.0,)))


def test_statistics_of_pictures_are_no_weights_but_change_what_is_seen():
    policy = act_policy()
    other = ACTPolicy(policy.spec, policy.config, {}).eval()
    assert all(name.startswith("model.") for name in policy.state_dict())
    other.load_state_dict(policy.state_dict(), strict=True)
    arguments = observation(policy)
    assert (other.prefix(*arguments)["chunk"] - policy.prefix(*arguments)["chunk"]).abs().max() > 1e-4


def divergence_of(policy, batch):
    mean, log_variance = policy.model.encode_latent(batch.state, batch.actions, batch.is_pad)
    normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
    return torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(-1).mean()


def test_the_training_loss_is_l1_and_the_latents_divergence():
    policy = act_policy(dropout=0.0, kl_weight=2.5).train()
    is_pad = torch.tensor([[False] * 7, [False] * 4 + [True] * 3])
    batch = batch_of(policy, is_pad)
    found = policy.loss(batch, torch.Generator().manual_seed(5))
    # The same latent, by the same generator: its first draw is the seed of dropout.
    generator = torch.Generator().manual_seed(5)
    torch.randint(2**62, (), generator=generator)
    mean, log_variance = policy.model.encode_latent(batch.state, batch.actions, is_pad)
    latent = mean + log_variance.exp().sqrt() * torch.randn(mean.shape, generator=generator)
    chunk = policy.model(policy._normalize(batch.images), batch.state, latent)
    distance = (
        sum((chunk[item, row] - batch.actions[item, row]).abs().sum() for item, row in (~is_pad).nonzero().tolist())
        / batch.actions.numel()
    )
    torch.testing.assert_close(found, distance + 2.5 * divergence_of(policy, batch), atol=1e-5, rtol=1e-5)


def test_evaluation_compares_what_the_robot_would_do():
    policy = act_policy()
    batch = batch_of(policy)
    chunk = policy.prefix(batch.images, batch.tokens, batch.mask, batch.state)["chunk"]
    torch.testing.assert_close(policy.loss(batch), (chunk - batch.actions).abs().mean())


@pytest.mark.parametrize("training", [True, False])
def test_rows_beyond_the_episode_teach_nothing(training):
    policy = act_policy().train(training)
    is_pad = torch.tensor([[False] * 7, [False] * 4 + [True] * 3])
    batch = batch_of(policy, is_pad)
    scribbled = replace(
        batch, actions=torch.where(is_pad[..., None], torch.full_like(batch.actions, 50), batch.actions)
    )
    losses = [policy.loss(one, torch.Generator().manual_seed(1)) for one in (batch, scribbled)]
    torch.testing.assert_close(losses[0], losses[1])


def test_the_loss_is_a_function_of_the_generators_seed_and_leaves_torchs_own_alone():
    policy = act_policy(dropout=0.3).train()
    batch = batch_of(policy)
    before = torch.random.get_rng_state()
    losses = [policy.loss(batch, torch.Generator().manual_seed(seed)).item() for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]
    assert torch.equal(torch.random.get_rng_state(), before)


def test_bfloat16_arithmetic_gives_about_the_same_loss():
    policy = act_policy(dropout=0.0).train()
    batch = batch_of(policy, torch.tensor([[False] * 7, [False] * 4 + [True] * 3]))
    exact = policy.loss(batch, torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = policy.loss(batch, torch.Generator().manual_seed(0))
    assert rounded.dtype == torch.float32
    assert rounded.item() == pytest.approx(exact.item(), rel=0.02)


@pytest.mark.parametrize("use_vae", [True, False])
def test_every_parameter_learns(use_vae):
    policy = act_policy(use_vae=use_vae).train()
    policy.loss(batch_of(policy), torch.Generator().manual_seed(0)).backward()
    silent = [
        name for name, parameter in policy.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    # Without the variational objective the latent is always 0, and LeRobot's projection of it a bias with idle weights.
    assert silent == ([] if use_vae else ["model.encoder_latent_input_proj.weight"])


def test_a_few_steps_of_training_fit_a_chunk_and_leave_the_frozen_norms_alone():
    torch.manual_seed(0)
    spec = replace(act_spec(), cameras=(CameraSpec("top", 32, 32),))
    policy = ACTPolicy(spec, ACTConfig(**SIZES, dropout=0.0, use_vae=False), {"top": IMAGENET})
    batch = batch_of(policy, count=1)
    frozen = {name: buffer.clone() for name, buffer in policy.named_buffers()}
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-3)
    start = policy.eval().loss(batch).item()
    policy.train()
    for step in range(50):
        optimizer.zero_grad()
        policy.loss(batch, torch.Generator().manual_seed(step)).backward()
        optimizer.step()
    assert policy.eval().loss(batch).item() < 0.5 * start
    assert all(torch.equal(buffer, frozen[name]) for name, buffer in policy.named_buffers())


def test_insulation_is_refused_where_there_is_no_flow():
    policy = act_policy()
    with pytest.raises(PolicyError, match="no flow whose gradient"):
        policy.loss(batch_of(policy), insulate=True)


@pytest.mark.parametrize(
    ("changes", "statistics", "sentence"),
    [
        ({"flow": FlowSpec(3)}, STATISTICS, "no flow and 0 tokens"),
        ({"max_tokens": 12}, STATISTICS, "no flow and 0 tokens"),
        ({}, {"front": IMAGENET}, "cameras top, wrist, statistics were given for front"),
        ({"cameras": ()}, {}, "cameras none"),
    ],
)
def test_a_spec_that_does_not_fit_is_refused(changes, statistics, sentence):
    with pytest.raises(PolicyError, match=sentence):
        ACTPolicy(replace(act_spec(), **changes), ACTConfig(**SIZES), statistics)
