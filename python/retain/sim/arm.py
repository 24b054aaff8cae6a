"""The arm: six joints in the order and proportions of a small industrial arm, with a suction cup that points down.

Links are capsules; only the cup touches things. The base stands behind the table, opposite the camera, so that the arm
comes from behind and hides little of what lies in front of it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

JOINTS: Final = ("shoulder_pan", "shoulder_lift", "elbow", "wrist_1", "wrist_2", "wrist_3")
SUCTION: Final = "suction"
CHANNELS: Final = (*JOINTS, SUCTION)
"""Names of state and action channels: joints in rad, then suction (0 or 1)."""

CUP_SITE: Final = "cup"
CUP_BODY: Final = "cup"
CUP_RADIUS_M: Final = 0.016

BASE_M: Final = (0.0, 0.48, 0.0)
SHOULDER_HEIGHT_M: Final = 0.24
UPPER_ARM_M: Final = 0.45
FOREARM_M: Final = 0.42
TOOL_M: Final = 0.21
"""From the wrist's centre to the tip of the cup. Long and thin, so that the wrist stays out of the picture's middle."""

POSITION_LIMITS: Final = ((-2.4, 2.4), (-2.9, 0.6), (0.05, 2.85), (-3.1, 3.1), (-2.0, 2.0), (-3.1, 3.1))
"""Mechanical stops, rad. The elbow only bends upwards, so a pose of the cup has one solution."""

JOINT_VELOCITY_LIMITS: Final = (3.0, 3.0, 3.0, 3.0, 3.0, 3.0)
"""Of the commands, rad/s."""

JOINT_ACCELERATION_LIMITS: Final = (40.0, 40.0, 40.0, 40.0, 40.0, 40.0)
"""Of the commands, rad/s²."""

JOINT_JERK_LIMITS: Final = (2000.0, 2000.0, 2000.0, 2000.0, 2000.0, 2000.0)
"""Of the commands, rad/s³: full acceleration in 20 ms."""

HOME_RAD: Final = (0.0, -1.16, 1.93, -0.77, 0.0, 0.0)
"""Elbow up, the cup pointing down 15 cm above the middle of the table."""

# Stiffness (N·m/rad) from the reflected inertia of each joint for a natural frequency near 90 rad/s: the measured
# position lags a moving command by about 2/90 s. Torque limits (N·m) are those of arms of this size.
_STIFFNESS = (4000, 4000, 2000, 300, 200, 100)
_TORQUE = (150, 150, 150, 28, 28, 28)


@dataclass(frozen=True)
class JointLimits:
    """What the arm's commands must keep to; arrays of shape (6,) in the order of `JOINTS`.

    Attributes:
        position_min: Lower stops, rad.
        position_max: Upper stops, rad.
        velocity: rad/s.
        acceleration: rad/s².
        jerk: rad/s³.
    """

    position_min: npt.NDArray[np.float64]
    position_max: npt.NDArray[np.float64]
    velocity: npt.NDArray[np.float64]
    acceleration: npt.NDArray[np.float64]
    jerk: npt.NDArray[np.float64]


LIMITS: Final = JointLimits(
    position_min=np.array([low for low, _ in POSITION_LIMITS]),
    position_max=np.array([high for _, high in POSITION_LIMITS]),
    velocity=np.array(JOINT_VELOCITY_LIMITS),
    acceleration=np.array(JOINT_ACCELERATION_LIMITS),
    jerk=np.array(JOINT_JERK_LIMITS),
)


ARM_DEFAULTS: Final = """
<compiler angle="radian"/>
<default><default class="link"><geom contype="0" conaffinity="0"/></default></default>"""
"""Goes before the bodies: angles are radians, and links touch nothing."""


def _joint(index: int, axis: str) -> str:
    low, high = POSITION_LIMITS[index]
    return f'<joint name="{JOINTS[index]}" axis="{axis}" range="{low} {high}" armature="0.1" damping="1"/>'


def _link(shape: str, size: float, mass: float, rgba: str) -> str:
    return f'<geom class="link" {shape} size="{size}" mass="{mass}" rgba="{rgba}"/>'


def arm_body() -> str:
    """MJCF of the arm's bodies, for the worldbody.

    At zero pitch (shoulder_lift + elbow + wrist_1 = 0) and wrist_2 = 0 the cup points straight down, and wrist_1,
    wrist_2, wrist_3 turn about three perpendicular axes: far from any wrist singularity.
    """
    steel, blue, dark = ".82 .84 .87 1", ".35 .45 .6 1", ".12 .12 .12 1"
    x, y, z = BASE_M
    pedestal = _link(f'type="cylinder" fromto="0 0 0 0 0 {SHOULDER_HEIGHT_M - 0.06}"', 0.06, 4, blue)
    shoulder = _link('type="sphere"', 0.06, 2, blue)
    upper_arm = _link(f'type="capsule" fromto="0 0 0 {UPPER_ARM_M} 0 0"', 0.04, 2.5, steel)
    elbow = _link('type="sphere"', 0.045, 0.5, blue)
    forearm = _link(f'type="capsule" fromto="0 0 0 {FOREARM_M} 0 0"', 0.022, 1.2, steel)
    wrist_1 = _link('type="sphere"', 0.026, 0.3, blue)
    wrist_2 = _link('type="capsule" fromto="0 0 0 0 0 -.05"', 0.016, 0.2, steel)
    tube = _link(f'type="cylinder" fromto="0 0 .06 0 0 {TOOL_M - 0.05}"', 0.008, 0.1, ".3 .3 .3 1")
    cup = (
        f'<geom name="cup" type="cylinder" fromto="0 0 0 0 0 .06" size="{CUP_RADIUS_M}" mass=".1" rgba="{dark}"'
        ' friction="1 .01 .001" condim="4"/>'
    )
    return f"""
<body name="base" pos="{x} {y} {z}" xyaxes="0 -1 0 1 0 0">{pedestal}
  <body name="shoulder" pos="0 0 {SHOULDER_HEIGHT_M}" gravcomp="1">{_joint(0, "0 0 1")}{shoulder}
    <body name="upper_arm" gravcomp="1">{_joint(1, "0 1 0")}{upper_arm}
      <body name="forearm" pos="{UPPER_ARM_M} 0 0" gravcomp="1">{_joint(2, "0 1 0")}{elbow}{forearm}
        <body name="wrist_1_link" pos="{FOREARM_M} 0 0" gravcomp="1">{_joint(3, "0 1 0")}{wrist_1}
          <body name="wrist_2_link" gravcomp="1">{_joint(4, "1 0 0")}{wrist_2}
            <body name="{CUP_BODY}" pos="0 0 -{TOOL_M}" gravcomp="1">{_joint(5, "0 0 1")}{tube}{cup}
              <site name="{CUP_SITE}" size=".004" rgba="0 0 0 0"/>
            </body>
          </body>
        </body>
      </body>
    </body>
  </body>
</body>"""


def arm_actuators() -> str:
    """MJCF of the six critically damped position servos, named after their joints."""
    return "".join(
        f'<position name="{name}" joint="{name}" kp="{stiffness}" dampratio="1" ctrlrange="{low} {high}"'
        f' forcerange="-{torque} {torque}"/>'
        for name, stiffness, torque, (low, high) in zip(JOINTS, _STIFFNESS, _TORQUE, POSITION_LIMITS, strict=True)
    )


def arm_xml() -> str:
    """MJCF of the arm alone, for inverse kinematics."""
    return f"""<mujoco model="arm">{ARM_DEFAULTS}
<worldbody>{arm_body()}</worldbody>
<actuator>{arm_actuators()}</actuator>
</mujoco>"""
