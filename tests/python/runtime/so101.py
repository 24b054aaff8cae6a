"""An SO-101's calibration file."""

SO101 = {
    "shoulder_pan": {"id": 1, "drive_mode": 0, "homing_offset": -1012, "range_min": 750, "range_max": 3300},
    "shoulder_lift": {"id": 2, "drive_mode": 0, "homing_offset": 1365, "range_min": 812, "range_max": 3201},
    "elbow_flex": {"id": 3, "drive_mode": 0, "homing_offset": -2047, "range_min": 901, "range_max": 3110},
    "wrist_flex": {"id": 4, "drive_mode": 1, "homing_offset": 2047, "range_min": 843, "range_max": 3217},
    "wrist_roll": {"id": 5, "drive_mode": 0, "homing_offset": 0, "range_min": 0, "range_max": 4095},
    "gripper": {"id": 6, "drive_mode": 0, "homing_offset": -7, "range_min": 2032, "range_max": 3480},
}
"""In the form of `lerobot-calibrate`; signs, extremes and a reversed motor included."""
