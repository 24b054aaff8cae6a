"""Golden inputs and outputs, recorded from PyTorch: another program, other kernels, the same numbers."""

from typing import TYPE_CHECKING

import numpy as np
from retain.bundle import GoldenCase
from retain.errors import ExportError
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from retain.policy import Policy, PolicySpec

SEED = 20251208
ATOL = 1e-4
"""Largest error allowed in normalized units; float32 implementations of one policy agree to about 1e-6."""

GOLDEN_FILE = "golden.safetensors"
INSTRUCTION = "place the red block near right"
_NOTHING = np.zeros(0, np.float32)


def record_from_policy(policy: "Policy", spec: "PolicySpec") -> GoldenCase:
    """Seeded inputs, and what the policy makes of them in PyTorch.

    The single step has a different flow time in every row, as real-time chunking does; the chunk is integrated as the
    manifest's flow says.

    Args:
        policy: In the units that it was trained in.
        spec: Of the same policy in SI, as the bundle speaks.
    """
    import torch

    generator = np.random.default_rng(SEED)
    images = {
        f"image.{camera.role}": generator.integers(0, 256, (1, camera.height, camera.width, 3), dtype=np.uint8)
        for camera in spec.cameras
    }
    shape = (1, spec.horizon, spec.action_width)
    x, noise = (generator.standard_normal(shape, dtype=np.float32) for _ in range(2))
    t = generator.random(shape[:2], dtype=np.float32)
    state = spec.normalization.state.physical(generator.standard_normal((1, len(spec.state)), dtype=np.float32))
    normalized = spec.normalization.state.normalize(state)
    instruction = instruction_for(policy)
    tokens, mask = policy.encode([instruction])
    flows = spec.flow is not None
    with torch.no_grad():
        context = policy.prefix(
            [torch.from_numpy(image) for image in images.values()], tokens, mask, torch.from_numpy(normalized)
        )
        velocity = policy.step(torch.from_numpy(x), torch.from_numpy(t), context).numpy() if flows else _NOTHING
        chunk = policy.draw(context, 1, noise if flows else None).numpy()
    return GoldenCase(
        instruction=instruction,
        prefix_inputs={
            **images,
            **({"tokens": tokens.numpy(), "token_mask": mask.numpy()} if spec.max_tokens else {}),
            "state": normalized,
        },
        prefix_outputs={name: tensor.numpy() for name, tensor in context.items()},
        x=x if flows else _NOTHING,
        t=t if flows else _NOTHING,
        velocity=velocity,
        noise=noise if flows else _NOTHING,
        chunk=chunk,
        state=state,
        actions=spec.decode_actions(chunk[..., : len(spec.action)], state),
    )


def instruction_for(policy: "Policy") -> str:
    """As many words of `INSTRUCTION` as this policy reads: another tokenizer may spell each of them in many pieces."""
    if policy.spec.max_tokens == 0:
        return ""
    unlimited = Tokenizer.from_str(policy.tokenizer.to_str())
    unlimited.no_truncation()
    unlimited.no_padding()
    words = INSTRUCTION.split()
    said = [" ".join(words[:count]) for count in range(len(words), 0, -1)]
    for sentence in (*said, *(words[0][:letters] for letters in range(len(words[0]) - 1, 0, -1))):
        if 0 < len(unlimited.encode(policy.spec.sentence(sentence)).ids) <= policy.spec.max_tokens:
            return sentence
    raise ExportError(
        f"the policy reads {policy.spec.max_tokens} tokens and its tokenizer spells even {words[0][0]!r} with more;"
        " check max_tokens and tokenizer.json"
    )
