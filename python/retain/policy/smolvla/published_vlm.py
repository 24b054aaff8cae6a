"""The configuration of HuggingFaceTB/SmolVLM2-500M-Video-Instruct, the backbone of every published SmolVLA.

LeRobot's `config.json` only names it and asks the Hub. A policy directory must work without a network, so it is here,
with the defaults of transformers' classes that the published file relies on written out.
"""

from collections.abc import Mapping

NAME = "HuggingFaceTB/SmolVLM2-500M-Video-Instruct"

SMOLVLM2_500M: Mapping[str, object] = {
    "model_type": "smolvlm",
    "image_token_id": 49190,
    "scale_factor": 4,
    "tie_word_embeddings": False,
    "vocab_size": 49280,
    "text_config": {
        "model_type": "llama",
        "vocab_size": 49280,
        "hidden_size": 960,
        "intermediate_size": 2560,
        "num_hidden_layers": 32,
        "num_attention_heads": 15,
        "num_key_value_heads": 5,
        "head_dim": 64,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": 100000,
        "max_position_embeddings": 8192,
        "attention_bias": False,
        "mlp_bias": False,
        "pad_token_id": 2,
    },
    "vision_config": {
        "model_type": "smolvlm_vision",
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "num_channels": 3,
        "image_size": 512,
        "patch_size": 16,
        "hidden_act": "gelu_pytorch_tanh",
        "layer_norm_eps": 1e-6,
    },
}
