"""π0 and π0.5 at a size for tests: everything but the numbers is as at full size."""

import torch
from retain.policy import ActionChannel, Affine, CameraSpec, Channel, FlowSpec, Normalization, PolicySpec
from retain.policy.pi0.configuration import GemmaSizes, Pi0Config, SiglipSizes
from retain.policy.pi0.pi0 import Pi0Policy
from retain.policy.pi0.pi05 import Pi05Policy
from retain.policy.pi0.state_text import OPENING, STATE
from tokenizers import Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.normalizers import Replace
from tokenizers.pre_tokenizers import Digits, Sequence, Split
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer

INSTRUCTIONS = ["pick up the red block", "open the upper drawer, then wait", "stop"]
FAMILIES = ("pi0", "pi05")
HORIZON = 6


def gemma_like_tokenizer(max_tokens, corpus=INSTRUCTIONS):
    """Byte-pair encoding in which, as in Gemma's, a space is ▁ in front of its word and every digit stands alone."""
    tokenizer = Tokenizer(BPE(unk_token="<unk>", byte_fallback=False))
    tokenizer.normalizer = Replace(" ", "▁")
    tokenizer.pre_tokenizer = Sequence([Split(Regex("▁+[^▁]*|[^▁]+"), "isolated"), Digits(individual_digits=True)])
    alphabet = [chr(code) for code in range(32, 127)] + ["\n", "▁"]
    trainer = BpeTrainer(
        vocab_size=240,
        special_tokens=["<pad>", "<eos>", "<bos>", "<unk>"],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    texts = [f"Task: {text}, State: 1 20 255;\nAction: " for text in corpus]
    tokenizer.train_from_iterator([*corpus, *texts], trainer)
    tokenizer.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    tokenizer.enable_truncation(max_tokens)
    tokenizer.enable_padding(length=max_tokens, pad_id=0, pad_token="<pad>")
    return tokenizer


def spec(family, cameras=(("front", 40, 56), ("wrist", 28, 28))):
    return PolicySpec(
        family=family,
        cameras=tuple(CameraSpec(*camera) for camera in cameras),
        state=(Channel("elbow", "rad"), Channel("shoulder", "rad"), Channel("gripper", "1")),
        action=(ActionChannel("shoulder", "rad", "delta", "linear"), ActionChannel("gripper", "1", "absolute", "hold")),
        dt_s=0.02,
        horizon=HORIZON,
        n_action_steps=4,
        max_tokens=16,
        flow=FlowSpec(steps=4, width=8),
        max_trained_delay=0,
        opening=OPENING if family == "pi05" else "",
        suffix=STATE if family == "pi05" else "\n",
        normalization=Normalization(Affine((0.1, 0.2, 0.5), (1.0, 2.0, 0.5)), Affine((0.0, 0.3), (0.25, 0.5))),
    )


def config(family, **sizes):
    return Pi0Config(
        **{
            "family": family,
            "language": GemmaSizes(width=32, depth=3, mlp_width=48, heads=8, kv_heads=1, head_dim=8),
            "expert": GemmaSizes(width=24, depth=3, mlp_width=40, heads=8, kv_heads=1, head_dim=8),
            "vision": SiglipSizes(width=16, depth=2, mlp_width=20, heads=2, patch=14),
            "vocabulary": 256,
            "image_size": 56,
            "state_width": 8,
            "action_width": 8,
            **sizes,
        }
    )


def randomize(module, seed=0):
    """Every parameter a number of its own: norms, biases and π0.5's zeros too, which would hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            scale = 0.3 if parameter.ndim < 2 else parameter[0].numel() ** -0.5
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)


def policy(family, cameras=None, **sizes):
    return policy_of(spec(family) if cameras is None else spec(family, cameras), **sizes)


def policy_of(spec_, **sizes):
    """Random weights for a spec of one's own."""
    made = {"pi0": Pi0Policy, "pi05": Pi05Policy}[spec_.family](
        spec_, config(spec_.family, **sizes), gemma_like_tokenizer(spec_.max_tokens)
    )
    randomize(made)
    return made.eval()


def observation(policy, seed=1, batch=3):
    """Images, tokens, mask and normalized state, as `prefix` takes them."""
    generator = torch.Generator().manual_seed(seed)
    images = [
        torch.randint(0, 256, (batch, camera.height, camera.width, 3), generator=generator, dtype=torch.uint8)
        for camera in policy.spec.cameras
    ]
    tokens = torch.randint(3, policy.config.vocabulary, (batch, policy.spec.max_tokens), generator=generator)
    # Rows of different length, one of them full.
    length = torch.tensor([policy.spec.max_tokens, 5, policy.spec.max_tokens - 3])[:batch]
    mask = torch.arange(policy.spec.max_tokens) < length[:, None]
    state = torch.randn(batch, len(policy.spec.state), generator=generator)
    return [images, torch.where(mask, tokens, 0), mask, state]


def rows(policy, seed=2, batch=3):
    """x and t of a step, a time of its own for every row."""
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, policy.spec.horizon, policy.spec.action_width)
    return torch.randn(shape, generator=generator), torch.rand(shape[:2], generator=generator)
