"""The size of the pictures that a LeRobot policy is finetuned on becomes the size that it asks its cameras for."""

from dataclasses import replace
from typing import TYPE_CHECKING

from retain.finetune.renames import Renames
from retain.policy.lerobot.document import IMAGES
from retain.policy.lerobot.restate import spec_of, with_cameras

if TYPE_CHECKING:
    from retain.data import Dataset
    from retain.policy.base import Policy
    from retain.policy.spec import CameraSpec, PolicySpec


def adopt_picture_sizes(policy: "Policy", data: "Dataset", renames: Renames) -> list[str]:
    """Let a LeRobot policy take pictures of the data's sizes, in place.

    Its network takes frames of any size and fits them to its own; the size in config.json is that of the data it was
    trained on last (256 x 256 for SmolVLA's published base, whatever a robot's camera gives). Other families keep
    theirs, and so do cameras that the data lack.

    Returns:
        One sentence per camera whose size changed.
    """
    if not policy.sidecars:
        return []
    cameras = as_recorded(policy.spec, data, renames)
    said = [
        f"camera {now.role}: {now.height} x {now.width} as in {data.path}, not {before.height} x {before.width}"
        for before, now in zip(policy.spec.cameras, cameras, strict=True)
        if now != before
    ]
    if said:
        policy.sidecars = with_cameras(policy.sidecars, cameras)
        policy.spec = spec_of(policy.sidecars)
    return said


def as_recorded(spec: "PolicySpec", data: "Dataset", renames: Renames) -> "tuple[CameraSpec, ...]":
    """The policy's cameras with the sizes of the data's pictures; those that the data lack keep theirs."""
    recorded = [name.removeprefix(IMAGES) for name in data.features if name.startswith(IMAGES)]
    cameras = []
    for camera in spec.cameras:
        feature = data.features.get(IMAGES + renames.recorded(camera.role, recorded))
        height, width = (camera.height, camera.width) if feature is None else feature.shape[:2]
        cameras.append(replace(camera, height=height, width=width))
    return tuple(cameras)
