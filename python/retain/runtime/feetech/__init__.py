"""Arms of Feetech's serial servos, such as SO-100 and SO-101, with the calibration files that LeRobot writes."""

from retain.runtime.feetech.arm import ANSWER_MARGIN_S, feetech_profile, open_feetech
from retain.runtime.feetech.calibration import (
    Conversion,
    ServoCalibration,
    lerobot_conversion,
    named_for,
    read_calibration,
)

__all__ = [
    "ANSWER_MARGIN_S",
    "Conversion",
    "ServoCalibration",
    "feetech_profile",
    "lerobot_conversion",
    "named_for",
    "open_feetech",
    "read_calibration",
]
