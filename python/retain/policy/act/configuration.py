"""The sizes of an ACT network, in the words of LeRobot's config.json."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from retain.errors import PolicyError

_COUNTS = (
    "dim_model",
    "n_heads",
    "dim_feedforward",
    "n_encoder_layers",
    "n_decoder_layers",
    "latent_dim",
    "n_vae_encoder_layers",
)

BACKBONES = {
    "resnet18": (False, (2, 2, 2, 2)),
    "resnet34": (False, (3, 4, 6, 3)),
    "resnet50": (True, (3, 4, 6, 3)),
    "resnet101": (True, (3, 4, 23, 3)),
    "resnet152": (True, (3, 8, 36, 3)),
}
"""Whether a ResNet has bottlenecks, and its blocks per stage (arXiv 1512.03385, table 1)."""


@dataclass(frozen=True)
class ACTConfig:
    """Sizes and training terms; names and defaults are LeRobot's.

    Attributes:
        vision_backbone: One of `BACKBONES`.
        replace_final_stride_with_dilation: Keep the last stage at the third's resolution; ResNets with bottlenecks.
        pre_norm: Normalize before each block instead of after it.
        dim_model: Width D of all transformers; a multiple of `n_heads` and of 4.
        n_heads: Attention heads.
        dim_feedforward: Width of the feed-forward layers.
        feedforward_activation: `relu` or `gelu`.
        n_encoder_layers: Layers over latent, state and picture cells.
        n_decoder_layers: Layers over the chunk's rows.
        use_vae: Train with the variational objective (its encoder is then among the tensors).
        latent_dim: Width of the latent.
        n_vae_encoder_layers: Layers of the variational encoder.
        dropout: Share of activations dropped in training.
        kl_weight: Weight of the Kullback-Leibler term of the loss.
    """

    vision_backbone: str = "resnet18"
    replace_final_stride_with_dilation: bool = False
    pre_norm: bool = False
    dim_model: int = 512
    n_heads: int = 8
    dim_feedforward: int = 3200
    feedforward_activation: str = "relu"
    n_encoder_layers: int = 4
    n_decoder_layers: int = 1
    use_vae: bool = True
    latent_dim: int = 32
    n_vae_encoder_layers: int = 4
    dropout: float = 0.1
    kl_weight: float = 10.0

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            PolicyError: A value is of another kind, or does not fit the others.
        """
        for name in _COUNTS:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise PolicyError(f"{name} is {value!r}, expected a whole number, 1 or more")
        if self.dim_model % self.n_heads or self.dim_model % 4:
            # 4: half of the width holds a cell's row, half its column, both as pairs of a sine and a cosine.
            raise PolicyError(f"dim_model {self.dim_model} is not a multiple of the {self.n_heads} heads and of 4")
        if self.vision_backbone not in BACKBONES:
            raise PolicyError(f"vision_backbone is {self.vision_backbone!r}, expected one of {', '.join(BACKBONES)}")
        if self.replace_final_stride_with_dilation and not BACKBONES[self.vision_backbone][0]:
            raise PolicyError(
                f"replace_final_stride_with_dilation is set for {self.vision_backbone}; only ResNets with bottlenecks"
                " (resnet50 and larger) can be dilated"
            )
        if self.feedforward_activation not in ("relu", "gelu"):
            raise PolicyError(f"feedforward_activation is {self.feedforward_activation!r}, expected relu or gelu")
        if not 0 <= self.dropout < 1:
            raise PolicyError(f"dropout is {self.dropout}, expected 0 up to 1")
        if not self.kl_weight >= 0:
            raise PolicyError(f"kl_weight is {self.kl_weight}, expected 0 or more")

    @classmethod
    def from_lerobot(cls, document: Mapping[str, Any]) -> "ACTConfig":
        """Read a LeRobot policy's config.json; keys that say nothing of the network are passed over.

        LeRobot's `temporal_ensemble_coeff` is one of them: ensembling happens in the loop (`retain run --strategy
        ensemble`), whatever the policy.

        Raises:
            PolicyError: It is another policy's, or needs an input that `Policy.prefix` does not have.
        """
        if document.get("type") != "act":
            raise PolicyError(f"config.json is of a policy of the type {document.get('type')!r}, expected 'act'")
        if document.get("n_obs_steps", 1) != 1:
            raise PolicyError(f"n_obs_steps is {document['n_obs_steps']}; ACT looks at one observation")
        inputs = document.get("input_features")
        if not isinstance(inputs, Mapping) or not all(isinstance(feature, Mapping) for feature in inputs.values()):
            raise PolicyError("config.json has no input_features; copy it again from the trained policy")
        kinds = {name: feature.get("type") for name, feature in inputs.items()}
        for name, kind in kinds.items():
            if kind == "ENV":
                raise PolicyError(f"the policy reads the simulator's own state ({name}), which no robot can measure")
        for kind, what in (("VISUAL", "a camera"), ("STATE", "observation.state")):
            if kind not in kinds.values():
                raise PolicyError(f"config.json has no {what} among its input_features; an ACT without is not read")
        known = {field.name: document[field.name] for field in fields(cls) if field.name in document}
        dilated = known.get("replace_final_stride_with_dilation")
        if dilated in (0, 1):  # LeRobot types the flag as int
            known["replace_final_stride_with_dilation"] = bool(dilated)
        return cls(**known)
