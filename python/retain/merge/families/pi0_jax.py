"""π0, π0.5 and π0-FAST as openpi trains them in JAX: a flat tree whose layers are stacked on the first axis.

The same components as in PyTorch. Names that end in `_1` are the action expert's. `/value` at the end of every name is
nnx's: openpi's training writes it, its published checkpoints do not have it.
"""

import re

from retain.merge.families.family import Family
from retain.merge.families.stack import stack

_S = r"[./]"
_IMAGE = rf"PaliGemma{_S}img{_S}"
_LLM = rf"PaliGemma{_S}llm{_S}"
_BLOCK = rf"{_IMAGE}Transformer{_S}encoderblock{_S}.+"


def _layers(expert: str) -> str:
    attention = rf"attn{_S}(?:qkv|q|kv|attn_vec)_einsum{expert}{_S}w"
    mlp = rf"mlp{expert}{_S}(?:gating_einsum|linear)"
    return rf"{_LLM}layers{_S}(?:{attention}|{mlp}|pre_(?:attention|ffw)_norm{expert}{_S}{_NORM})"


_NORM = rf"(?:scale|Dense_0{_S}(?:kernel|bias))"
_EMBEDDER = rf"{_LLM}embedder{_S}input_embedding"
_LANGUAGE_NORM = rf"{_LLM}final_norm{_S}{_NORM}"
_EXPERT_NORM = rf"{_LLM}final_norm_1{_S}{_NORM}"
_IN = rf"(?:state_proj|action_in_proj|(?:action_)?time_mlp_(?:in|out)){_S}(?:kernel|bias)"
_OUT = rf"action_out_proj{_S}(?:kernel|bias)"

PI0_JAX = Family(
    name="pi0-jax",
    config_types=frozenset(),
    components={
        "vision": re.compile(rf"{_IMAGE}.+"),
        "language": re.compile(rf"{_EMBEDDER}|{_layers('')}|{_LANGUAGE_NORM}"),
        "action": re.compile(rf"{_layers('_1')}|{_EXPERT_NORM}|{_IN}|{_OUT}"),
    },
    prefixes=("params/", "params."),
    suffixes=("/value", ".value"),
    rows=re.compile(rf"{_BLOCK}|{_LLM}layers{_S}.+"),
    stacks=(
        stack(
            before=rf"{_IMAGE}(?:embedding|pos_embedding)(?:{_S}.+)?",
            after=rf"{_IMAGE}(?:Transformer{_S}encoder_norm|head){_S}.+",
            stacked=_BLOCK,
        ),
        stack(before=_EMBEDDER, after=_LANGUAGE_NORM, stacked=_layers("")),
        stack(before=_IN, after=rf"{_EXPERT_NORM}|{_OUT}", stacked=_layers("_1")),
    ),
)
