"""The size of the pictures that a LeRobot policy is finetuned on becomes the size that it asks its cameras for."""

from dataclasses import replace
from typing import TYPE_CHECKING

from retain.finetune.renames import Renames
from retain.policy.configuration_file import IMAGES
from retain.policy.lerobot.restate import spec_of, with_cameras

if TYPE_CHECKING:
    from retain.data import Dataset
    from retain.policy.base import Policy


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
    recorded = [name.removeprefix(IMAGES) for name in data.features if name.startswith(IMAGES)]
    cameras, said = [], []
    for camera in policy.spec.cameras:
        feature = data.features.get(IMAGES + renames.recorded(camera.role, recorded))
        if feature is not None and tuple(feature.shape[:2]) != (camera.height, camera.width):
            height, width = feature.shape[:2]
            said.append(
                f"camera {camera.role}: {height} x {width} as in {data.path}, not {camera.height} x {camera.width}"
            )
            camera = replace(camera, height=height, width=width)  # noqa: PLW2901 (the same camera, told anew)
        cameras.append(camera)
    if said:
        policy.sidecars = with_cameras(policy.sidecars, tuple(cameras))
        policy.spec = spec_of(policy.sidecars)
    return said
