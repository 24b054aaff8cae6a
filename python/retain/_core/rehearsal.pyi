from retain._core.engine import Engine
from retain._core.runtime import Camera, Robot

class Rehearsal:
    camera_silent: bool
    camera_lost: bool
    camera_repeats: bool
    not_a_number: bool
    delay_s: float
    displaced: float
    hot: bool
    robot_silent: bool
    def __init__(self) -> None: ...

class RehearsedEngine(Engine):
    def __init__(self, engine: Engine, rehearsal: Rehearsal) -> None: ...

class RehearsedCamera(Camera):
    def __init__(self, camera: Camera, rehearsal: Rehearsal) -> None: ...

class RehearsedRobot(Robot):
    def __init__(self, robot: Robot, rehearsal: Rehearsal) -> None: ...
