"""The sizes of π0 and π0.5, from LeRobot's `config.json`. No torch here."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from retain.errors import PolicyError

Family = Literal["pi0", "pi05"]


@dataclass(frozen=True)
class GemmaSizes:
    """One Gemma decoder.

    Attributes:
        width: Of the residual stream.
        depth: Layers.
        mlp_width: Of the gated MLP's inside.
        heads: Query heads.
        kv_heads: Key/value heads; divides `heads`.
        head_dim: Of every head; even.
    """

    width: int
    depth: int
    mlp_width: int
    heads: int
    kv_heads: int
    head_dim: int


@dataclass(frozen=True)
class SiglipSizes:
    """The vision tower; the defaults are SigLIP So400m/14's.

    Attributes:
        width: Of the residual stream.
        depth: Layers.
        mlp_width: Of the MLP's inside.
        heads: Attention heads; divides `width`.
        patch: Side of a patch [pixels].
    """

    width: int = 1152
    depth: int = 27
    mlp_width: int = 4304
    heads: int = 16
    patch: int = 14


VARIANTS: Mapping[str, GemmaSizes] = {
    "gemma_2b": GemmaSizes(width=2048, depth=18, mlp_width=16384, heads=8, kv_heads=1, head_dim=256),
    "gemma_300m": GemmaSizes(width=1024, depth=18, mlp_width=4096, heads=8, kv_heads=1, head_dim=256),
    "dummy": GemmaSizes(width=64, depth=4, mlp_width=128, heads=8, kv_heads=1, head_dim=16),
}
"""openpi's names (`gemma.get_config`)."""

_VOCABULARY = 257152

# Keys of retain's own: a network that is none of the variants.
_STACKS: Mapping[str, type[GemmaSizes | SiglipSizes]] = {
    "language": GemmaSizes,
    "expert": GemmaSizes,
    "vision": SiglipSizes,
}

# What the numbers of the flow are in every public checkpoint; another value would change the loss without a word.
_FLOW_TIME = {
    "time_sampling_beta_alpha": 1.5,
    "time_sampling_beta_beta": 1.0,
    "time_sampling_scale": 0.999,
    "time_sampling_offset": 0.001,
}


@dataclass(frozen=True)
class Pi0Config:
    """Sizes of the network, and how it is trained.

    Attributes:
        family: `pi0` has a state token and mixes flow time into the rows; `pi05` reads the state as text and conditions
            the expert's norms on flow time.
        language: The backbone's decoder.
        expert: The action expert; depth, heads and head_dim are the backbone's.
        vision: The tower.
        vocabulary: Rows of the word table.
        image_size: Side of the square that frames are fitted into [pixels]; a multiple of the patch.
        state_width: Columns of the padded state (`max_state_dim`); π0 only.
        action_width: Columns of an action row, W (`max_action_dim`).
        min_period: Of flow time's fastest sine [flow time].
        max_period: Of its slowest [flow time].
    """

    family: Family
    language: GemmaSizes = VARIANTS["gemma_2b"]
    expert: GemmaSizes = VARIANTS["gemma_300m"]
    vision: SiglipSizes = field(default_factory=SiglipSizes)
    vocabulary: int = _VOCABULARY
    image_size: int = 224
    state_width: int = 32
    action_width: int = 32
    min_period: float = 4e-3
    max_period: float = 4.0

    def __post_init__(self) -> None:
        """Check that the sizes fit each other.

        Raises:
            PolicyError: One sentence with what was found and what was expected.
        """
        if self.family not in get_args(Family):
            raise PolicyError(f"the family is {self.family!r}, expected {' or '.join(get_args(Family))}")
        for part in (self, self.language, self.expert, self.vision):
            for name, value in vars(part).items():
                if isinstance(value, int) and value < 1:
                    raise PolicyError(f"{name} is {value}, expected 1 or more")
        for name in ("depth", "heads", "kv_heads", "head_dim"):
            ours, theirs = getattr(self.expert, name), getattr(self.language, name)
            if ours != theirs:
                raise PolicyError(f"the expert's {name} is {ours}, the language model's {theirs}: they attend together")
        if self.language.heads % self.language.kv_heads or self.language.head_dim % 2:
            raise PolicyError(f"{self.language} cannot be: kv_heads must divide heads, head_dim must be even")
        if self.expert.width % 2:
            raise PolicyError(f"the expert's width is {self.expert.width}, expected an even number")
        if self.vision.width % self.vision.heads:
            raise PolicyError(
                f"the tower's width {self.vision.width} is not a multiple of its {self.vision.heads} heads"
            )
        if self.image_size % self.vision.patch:
            raise PolicyError(f"image_size is {self.image_size}, expected a multiple of the patch, {self.vision.patch}")
        if not 0 < self.min_period < self.max_period:
            raise PolicyError(f"periods from {self.min_period} to {self.max_period}, expected 0 < min < max")

    @property
    def patches(self) -> int:
        """Tokens per camera."""
        return (self.image_size // self.vision.patch) ** 2

    def architecture(self) -> dict[str, object]:
        """What `from_lerobot` reads: LeRobot's keys, and retain's for sizes that are none of openpi's variants."""
        names = {sizes: name for name, sizes in VARIANTS.items()}
        language, expert = names.get(self.language), names.get(self.expert)
        sizes: dict[str, object]
        if language and expert and (self.vision, self.vocabulary) == (SiglipSizes(), _VOCABULARY):
            sizes = {"paligemma_variant": language, "action_expert_variant": expert}
        else:
            sizes = {"vocabulary": self.vocabulary, **{name: asdict(getattr(self, name)) for name in _STACKS}}
        return {
            "type": self.family,
            "image_resolution": [self.image_size, self.image_size],
            "max_state_dim": self.state_width,
            "max_action_dim": self.action_width,
            "min_period": self.min_period,
            "max_period": self.max_period,
            **sizes,
        }

    @classmethod
    def from_lerobot(cls, document: Mapping[str, Any]) -> "Pi0Config":
        """From LeRobot's `config.json` (type pi0 or pi05, versions 0.4 to 0.6), or what `architecture` returned.

        Cameras, chunk, steps, tokens and features are the spec's affair; `dtype` says how LeRobot stored the file;
        `empty_cameras` adds tokens that nobody looks at.

        Args:
            document: The parsed file.

        Raises:
            PolicyError: A value that retain cannot compute with; the message names it.
        """
        family = document.get("type")
        if family not in get_args(Family):
            raise PolicyError(f"config.json has the type {family!r}, expected {' or '.join(get_args(Family))}")
        for name in ("use_visual_memory", "use_proprioceptive_memory"):
            if document.get(name):
                raise PolicyError(f"config.json has {name}; retain computes {family} without memory of past frames")
        for name, expected in _FLOW_TIME.items():
            if (found := document.get(name, expected)) != expected:
                raise PolicyError(f"config.json has {name} {found}, retain draws flow time with {expected}")
        height, width = document.get("image_resolution", (224, 224))
        if height != width:
            raise PolicyError(f"image_resolution is {height} x {width}, expected a square")
        read: dict[str, Any] = {
            "family": family,
            "language": _variant(document, "paligemma_variant", "gemma_2b"),
            "expert": _variant(document, "action_expert_variant", "gemma_300m"),
            "image_size": height,
        }
        keys = {"state_width": "max_state_dim", "action_width": "max_action_dim"}
        names = ("state_width", "action_width", "min_period", "max_period", "vocabulary")
        read |= {name: document[key] for name in names if (key := keys.get(name, name)) in document}
        try:
            read |= {name: build(**document[name]) for name, build in _STACKS.items() if name in document}
        except TypeError as error:
            raise PolicyError(f"config.json: {error}") from error
        return cls(**read)


def _variant(document: Mapping[str, Any], key: str, default: str) -> GemmaSizes:
    name = document.get(key, default)
    if name in VARIANTS:
        return VARIANTS[name]
    if str(name).endswith("_lora"):
        raise PolicyError(
            f"{key} is {name}; add openpi's LoRA weights to the others first, then name the plain variant"
        )
    raise PolicyError(f"{key} is {name!r}, expected {', '.join(VARIANTS)}")
