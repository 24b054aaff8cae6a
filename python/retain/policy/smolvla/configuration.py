"""The sizes of a SmolVLA, under LeRobot's names. No torch and no transformers here."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from retain.errors import PolicyError
from retain.policy.smolvla.published_vlm import NAME, SMOLVLM2_500M

VLM = "vlm_config"
"""Key of `architecture()` that holds the backbone's configuration, for which LeRobot asks the Hub."""

_UNSUPPORTED = ("adapt_to_pi_aloha", "use_delta_joint_actions_aloha")


@dataclass(frozen=True)
class SmolVLAConfig:
    """What of LeRobot's `config.json` shapes the network; the defaults are LeRobot's.

    Keys without a counterpart change nothing that a policy computes: `prefix_length` and `pad_language_to` add tokens
    that nothing may look at, `use_cache` is always on, and the rest is about training.

    Attributes:
        max_state_dim: Width of the padded state.
        max_action_dim: Columns that the flow integrates, W.
        resize_imgs_with_padding: (width, height) to which frames are fitted [pixels]; a square.
        num_vlm_layers: Of the backbone's text layers, the first so many; 0 or less: all.
        num_expert_layers: Layers of the action expert, dividing those of the backbone; 0 or less: as many.
        expert_width_multiplier: Width of the expert over that of the backbone.
        attention_mode: `cross_attn`: cross-attention, with self-attention in every `self_attn_every_n_layers`th layer;
            `self_attn`: self-attention over backbone and expert in every layer.
        self_attn_every_n_layers: 0 or less: no layer, where the mode is `cross_attn`.
        add_image_special_tokens: Whether each image stands between the tokenizer's image tokens.
        empty_cameras: Cameras that the robot lacks. Nothing may look at their black images, which are left out here;
            but the special tokens around them, where there are any, are seen.
        min_period: Shortest period of the time embedding [flow time].
        max_period: Longest [flow time].
        vlm: Configuration of the backbone, as `transformers` writes it; see `Backbone` for the one key of retain's.
        document: The other keys of LeRobot's `config.json`, kept for writing it again.
    """

    max_state_dim: int = 32
    max_action_dim: int = 32
    resize_imgs_with_padding: tuple[int, int] = (512, 512)
    num_vlm_layers: int = 16
    num_expert_layers: int = -1
    expert_width_multiplier: float = 0.75
    attention_mode: Literal["cross_attn", "self_attn"] = "cross_attn"
    self_attn_every_n_layers: int = 2
    add_image_special_tokens: bool = False
    empty_cameras: int = 0
    min_period: float = 4e-3
    max_period: float = 4.0
    vlm: Mapping[str, Any] = field(default_factory=lambda: SMOLVLM2_500M)
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Check what can be checked without the backbone.

        Raises:
            PolicyError: One sentence with what was found and what was expected.
        """
        width, height = self.resize_imgs_with_padding
        if width != height or width < 1:
            raise PolicyError(f"resize_imgs_with_padding is {width} x {height}, expected a square")
        if self.attention_mode not in ("cross_attn", "self_attn"):
            raise PolicyError(f"attention_mode is {self.attention_mode!r}, expected 'cross_attn' or 'self_attn'")
        for name in ("max_state_dim", "max_action_dim", "expert_width_multiplier", "min_period"):
            if getattr(self, name) <= 0:
                raise PolicyError(f"{name} is {getattr(self, name)}, expected more than 0")
        if self.max_period <= self.min_period:
            raise PolicyError(f"max_period is {self.max_period}, expected more than min_period {self.min_period}")

    @property
    def image_size(self) -> int:
        """Side of the square that the vision tower sees [pixels]."""
        return self.resize_imgs_with_padding[0]

    def reads_itself(self, layer: int) -> bool:
        """Whether the expert's part of this layer is self-attention over backbone and expert, else cross-attention."""
        every = self.self_attn_every_n_layers
        return self.attention_mode == "self_attn" or (every > 0 and layer % every == 0)

    @classmethod
    def from_lerobot(cls, document: Mapping[str, Any]) -> "SmolVLAConfig":
        """Read LeRobot's `config.json`, or what `architecture` returned.

        Args:
            document: The file's contents; with the backbone's configuration as `vlm_config`, or the published one's
                name as `vlm_model_name`.

        Raises:
            PolicyError: A value is of the wrong kind or impossible, asks for what is not implemented here, or the
                backbone is not known.
        """
        for key in _UNSUPPORTED:
            if document.get(key):
                raise PolicyError(
                    f"{key} is not implemented; convert the data to the policy's units and set it to false"
                )
        values = {}
        own = [entry for entry in fields(cls) if entry.name not in ("vlm", "document")]
        for entry in own:
            if entry.name in document:
                values[entry.name] = _read(entry.name, document[entry.name], entry.default)
        known = {entry.name for entry in own} | {VLM}
        rest = {key: value for key, value in document.items() if key not in known}
        return cls(**values, vlm=_backbone(document), document=rest)

    def to_lerobot(self) -> dict[str, Any]:
        """LeRobot's keys, with the backbone's configuration under `vlm_config`."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        document, vlm = values.pop("document"), values.pop("vlm")
        values["resize_imgs_with_padding"] = list(self.resize_imgs_with_padding)
        return {**document, **values, VLM: vlm}


def _read(name: str, value: Any, default: Any) -> Any:
    """A JSON value of the kind that the default has."""
    if isinstance(default, tuple):
        if isinstance(value, list | tuple) and len(value) == 2 and all(type(entry) is int for entry in value):
            return tuple(value)
    elif type(value) is type(default) or (isinstance(default, float) and type(value) is int):
        return type(default)(value)
    expected = "[width, height]" if isinstance(default, tuple) else type(default).__name__
    raise PolicyError(f"config.json: {name} is {value!r}, expected {expected}")


def _backbone(document: Mapping[str, Any]) -> Mapping[str, Any]:
    if VLM in document:
        vlm = document[VLM]
        if not isinstance(vlm, Mapping):
            raise PolicyError(f"config.json: {VLM} is {vlm!r}, expected the backbone's configuration")
        return vlm
    name = document.get("vlm_model_name", NAME)
    if name != NAME:
        raise PolicyError(
            f"the backbone {name} is not known here, only {NAME}; add its config.json to the policy's under {VLM}"
        )
    return SMOLVLM2_500M
