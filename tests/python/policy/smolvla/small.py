"""A small SmolVLA: every kind of layer, two cameras of different shapes, padding everywhere."""

import torch
from retain.policy import ActionChannel, Affine, CameraSpec, Channel, FlowSpec, Normalization, PolicySpec
from retain.policy.smolvla import SmolVLAConfig, SmolVLAPolicy
from retain.policy.tokenization import train_tokenizer
from tokenizers import Tokenizer

INSTRUCTIONS = ["lift the red block", "place the blue block near right", "push the green block"]

BACKBONE = {
    "model_type": "smolvlm",
    "scale_factor": 2,
    "text_config": {
        "model_type": "llama", "vocab_size": 96, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 5,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "rms_norm_eps": 1e-5, "pad_token_id": 0,
    },
    "vision_config": {
        "model_type": "smolvlm_vision", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 2, "image_size": 32, "patch_size": 8,
    },
}  # fmt: skip


def small_spec() -> PolicySpec:
    return PolicySpec(
        family="smolvla",
        cameras=(CameraSpec("top", 24, 40), CameraSpec("wrist", 32, 32)),
        state=tuple(Channel(name, "rad") for name in ("shoulder", "elbow", "gripper")),
        action=tuple(ActionChannel(n, "rad", "absolute", "linear") for n in ("shoulder", "elbow", "wrist", "gripper")),
        dt_s=0.1,
        horizon=6,
        n_action_steps=4,
        max_tokens=9,
        flow=FlowSpec(steps=3, width=10),
        max_trained_delay=0,
        normalization=Normalization(
            state=Affine((0.1, 0.2, 0.5), (1.0, 2.0, 0.5)),
            action=Affine((0.0, 0.1, 0.2, 0.5), (0.25, 0.2, 0.3, 0.5)),
        ),
        suffix="\n",
    )


def small_config() -> SmolVLAConfig:
    return SmolVLAConfig(
        max_state_dim=8, max_action_dim=10, resize_imgs_with_padding=(32, 32), num_vlm_layers=4, vlm=BACKBONE
    )


def small_tokenizer(spec: PolicySpec) -> Tokenizer:
    return train_tokenizer(INSTRUCTIONS, vocabulary=96, max_tokens=spec.max_tokens)


def draw_weights(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Weights under which every part speaks: outputs as large as inputs, norms and biases that are not the identity."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1:
                parameter.copy_(0.2 * noise + (1.0 if "norm" in name and "weight" in name else 0.0))
            else:
                parameter.copy_(noise / parameter[0].numel() ** 0.5)
    return module.eval()


def small_policy() -> SmolVLAPolicy:
    spec = small_spec()
    policy = draw_weights(SmolVLAPolicy(spec, small_config(), small_tokenizer(spec)))
    assert isinstance(policy, SmolVLAPolicy)
    return policy
