"""The whole scene as MJCF: table, pad, blocks, arm, camera, lights, and the welds of the suction cup.

What differs between episodes without being a position of a joint (colours, light, camera, pad, which blocks exist) is
in `Look`. The same `Look` is written into a compiled model in place (fast, every reset) or into MJCF (once, to hand
the scene to another process).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from retain.sim.arm import ARM_DEFAULTS, CUP_BODY, arm_actuators, arm_body
from retain.sim.skill import COLORS
from retain.sim.variation import MAX_DISTRACTORS, USUAL_OTHERS

if TYPE_CHECKING:
    import mujoco

PHYSICS_DT_S: Final = 0.005
BLOCK_HALF_M: Final = 0.027
TABLE_HALF_M: Final = 0.32
PAD_RADIUS_M: Final = 0.045
BLOCKS: Final = tuple(f"block_{i}" for i in range(1 + USUAL_OTHERS + MAX_DISTRACTORS))
"""Bodies of the blocks, the target first. Blocks that an episode does not use are parked, invisible and untouchable."""
WELDS: Final = tuple(f"suction_{name}" for name in BLOCKS)
CAMERA: Final = "front"

TABLE_RGB: Final = (0.72, 0.66, 0.58)
CAMERA_M: Final = (0.0, -0.50, 0.62)
_HEADLIGHT: Final = 0.5
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    """What an episode's scene looks like.

    Attributes:
        colors: RGB of each block in use, the target first; at most `len(BLOCKS)`.
        pad_m: The pad's centre, (x, y) in m.
        table_rgb: The table's colour.
        headlight: Diffuse intensity of the light at the camera.
        camera_m: The camera's position, m.
    """

    colors: tuple[Vector, ...] = tuple(COLORS.values())[: len(BLOCKS)]
    pad_m: tuple[float, float] = (0.0, 0.0)
    table_rgb: Vector = TABLE_RGB
    headlight: float = _HEADLIGHT
    camera_m: Vector = CAMERA_M

    @staticmethod
    def headlight_at(light: float) -> float:
        """The headlight's intensity for a relative brightness."""
        return float(np.clip(_HEADLIGHT * light, 0.0, 1.2))


def parking_m(block: int) -> Vector:
    """Where an unused block waits: behind the arm, out of the camera's view."""
    return 0.2 * block, 1.5, 0.5


def _words(values: tuple[float, ...]) -> str:
    return " ".join(repr(float(value)) for value in values)


def _block(index: int, look: Look) -> str:
    used = index < len(look.colors)
    rgba = (*look.colors[index], 1.0) if used else (0.0, 0.0, 0.0, 0.0)
    bits = int(used)
    return (
        f'<body name="{BLOCKS[index]}" pos="{_words(parking_m(index))}" gravcomp="{1 - bits}"><freejoint/>'
        f'<geom name="{BLOCKS[index]}" type="box" size="{BLOCK_HALF_M} {BLOCK_HALF_M} {BLOCK_HALF_M}" mass="0.05"'
        f' friction="1 .01 .001" condim="4" contype="{bits}" conaffinity="{bits}" rgba="{_words(rgba)}"/></body>'
    )


def scene_xml(look: Look | None = None) -> str:
    """The scene as one self-contained MJCF document (primitives only, no files)."""
    look = look or Look()
    blocks = "".join(_block(i, look) for i in range(len(BLOCKS)))
    welds = "".join(
        f'<weld name="{weld}" body1="{CUP_BODY}" body2="{body}" active="false" solref=".01 1"/>'
        for weld, body in zip(WELDS, BLOCKS, strict=True)
    )
    diffuse, table = _words((look.headlight,) * 3), _words((*look.table_rgb, 1.0))
    return f"""<mujoco model="tabletop">{ARM_DEFAULTS}
<option timestep="{PHYSICS_DT_S}" integrator="implicitfast" cone="elliptic"/>
<visual><quality shadowsize="0" offsamples="0"/><global offwidth="640" offheight="640"/>
<headlight ambient=".35 .35 .35" diffuse="{diffuse}" specular="0 0 0"/><map znear=".02"/></visual>
<worldbody>
<light name="sun" pos="0 0 1.5" dir="0 0 -1" diffuse=".4 .4 .4" specular="0 0 0" castshadow="false"/>
<camera name="{CAMERA}" pos="{_words(look.camera_m)}" xyaxes="1 0 0 0 .78 .63" fovy="40"/>
<geom name="floor" type="plane" size="3 3 .1" pos="0 0 -.02" rgba=".35 .38 .42 1"/>
<geom name="table" type="box" size="{TABLE_HALF_M} {TABLE_HALF_M} .01" pos="0 0 -.01" rgba="{table}"
  friction="1 .01 .001"/>
<body name="pad" pos="{_words((*look.pad_m, 0.0))}">
  <geom class="link" name="pad" type="cylinder" size="{PAD_RADIUS_M} .002" rgba=".95 .95 .95 1"/>
</body>
{arm_body()}
{blocks}
</worldbody>
<actuator>{arm_actuators()}</actuator>
<equality>{welds}</equality>
</mujoco>
"""


def apply_look(model: "mujoco.MjModel", look: Look) -> None:
    """Write a look into a compiled model, with the same result as compiling `scene_xml(look)`."""
    for index, name in enumerate(BLOCKS):
        used = index < len(look.colors)
        geom, body = model.geom(name), model.body(name).id
        geom.rgba[:] = (*look.colors[index], 1.0) if used else (0.0, 0.0, 0.0, 0.0)
        geom.contype[:] = geom.conaffinity[:] = int(used)
        model.body_gravcomp[body] = 1 - int(used)
    model.body("pad").pos[:] = (*look.pad_m, 0.0)
    model.geom("table").rgba[:3] = look.table_rgb
    model.vis.headlight.diffuse[:] = look.headlight
    model.cam(CAMERA).pos[:] = look.camera_m
