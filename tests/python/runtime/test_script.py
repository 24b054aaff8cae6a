import numpy as np
import pytest
from retain.errors import ConfigError, EngineError
from retain.runtime import RunConfiguration, Status, open_python_devices, run_script

from .two_joint_arm import Arm, Eye


def test_rows_are_played_in_absolute_positions_within_the_limits(patient: RunConfiguration) -> None:
    rows = np.linspace([0.1, -0.2], [0.3, -0.4], 11)[1:]
    arm = Arm()
    configuration = patient.model_copy(update={"strategy": "sync", "duration_s": 60.0})

    def arrived(_: Status) -> bool:
        return bool(np.abs(arm.position - [0.3, -0.4]).max() < 0.005)

    with open_python_devices(arm) as devices:
        run = run_script(devices, rows, 0.1, configuration=configuration, watch=arrived)
    assert run.report.success is True
    assert run.report.engine == "a script"
    assert np.abs(np.diff(run.record.sent, axis=0)).max() <= 1.5 / patient.rate_hz + 1e-9


def test_deltas_count_from_where_the_arm_stands(patient: RunConfiguration) -> None:
    arm = Arm()
    configuration = patient.model_copy(update={"strategy": "sync", "duration_s": 0.8})
    with open_python_devices(arm, [Eye()]) as devices:
        run = run_script(devices, np.zeros((16, 2)), 0.1, mode="delta", configuration=configuration)
    assert run.report.chunks >= 1
    assert np.abs(run.record.sent - [0.1, -0.2]).max() < 1e-6


def test_rows_that_do_not_fit_the_robot_are_refused() -> None:
    with open_python_devices(Arm()) as devices:
        with pytest.raises(ConfigError, match=r"rows have shape \(4, 3\).*expected \(rows, 2\)"):
            run_script(devices, np.zeros((4, 3)), 0.1)
        with pytest.raises(ConfigError, match="dt_s is 0"):
            run_script(devices, np.zeros((4, 2)), 0)


def test_a_script_engine_needs_rows() -> None:
    from retain._core.devices import ScriptEngine

    with pytest.raises(EngineError, match="at least one row"):
        ScriptEngine([], 1, np.zeros((0, 1), np.float32))
