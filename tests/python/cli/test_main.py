import ctypes
import json
import pickle
import signal
import subprocess
import sys

import pytest
from retain.cli import main as entry
from retain.errors import CheckpointError, MissingExtraError, require

HEAVY = ("torch", "onnx", "onnxruntime", "mujoco", "gymnasium", "matplotlib", "pyarrow")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "retain.cli", *arguments], capture_output=True, text=True, check=False)


def test_help_lists_every_command_and_exits_0():
    result = run("--help")
    assert result.returncode == 0
    assert all(name in result.stdout for name in entry.COMMANDS)


@pytest.mark.parametrize("command", sorted(entry.COMMANDS))
def test_every_command_explains_itself_with_an_example(command):
    result = run(command, "--help")
    assert result.returncode == 0
    assert f"retain {command}" in result.stdout
    assert "xample" in result.stdout


def test_help_imports_nothing_heavy():
    script = (
        "import sys, retain.cli.main as m\n"
        "try: m.main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_an_unknown_command_exits_2():
    result = run("mrege")
    assert result.returncode == 2
    assert "mrege" in result.stderr


class _Command:
    HELP = "A command of this test."

    @staticmethod
    def add_arguments(parser):
        parser.add_argument("--json", action="store_true")


def use(monkeypatch, run):
    command = _Command()
    command.run = run
    monkeypatch.setitem(entry.COMMANDS, "probe", ("probe", "a command of this test"))
    monkeypatch.setattr(entry.importlib, "import_module", lambda name: command)


def test_a_users_mistake_is_one_line_and_exit_code_2(monkeypatch, capsys):
    def fail(_):
        raise CheckpointError("model.safetensors ends after 12 bytes, its header says 34; copy it again")

    use(monkeypatch, fail)
    assert entry.main(["probe"]) == 2
    error = capsys.readouterr().err
    assert error == "retain probe: model.safetensors ends after 12 bytes, its header says 34; copy it again\n"


def test_ctrl_c_exits_130_without_a_traceback(monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    use(monkeypatch, interrupted)
    assert entry.main(["probe"]) == 130
    assert capsys.readouterr().err == "retain probe: interrupted\n"


def test_a_bug_keeps_its_traceback(monkeypatch):
    def bug(_):
        raise ZeroDivisionError

    use(monkeypatch, bug)
    with pytest.raises(ZeroDivisionError):
        entry.main(["probe"])


def test_a_missing_extra_names_the_command_that_installs_it():
    with pytest.raises(
        MissingExtraError, match=r"no_such_package is not installed; run: pip install 'retain-vla\[sim\]'"
    ):
        require("no_such_package.part", "sim")


def test_a_missing_extra_says_the_same_when_it_comes_from_another_process():
    error = MissingExtraError("mujoco", "sim")
    arrived = pickle.loads(pickle.dumps(error))
    assert (str(arrived), arrived.package, arrived.extra) == (str(error), "mujoco", "sim")


def test_tables_are_tab_separated_when_nobody_watches():
    script = "from retain.cli.console import table, emit_json\ntable('t', ['a', 'b'], [(1, 'x')])\nemit_json({'n': 1})"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    first, second, *rest = result.stdout.splitlines()
    assert (first, second) == ("a\tb", "1\tx")
    assert json.loads("\n".join(rest)) == {"n": 1}


def test_an_interrupt_that_a_library_turned_into_its_own_error_is_an_interrupt(monkeypatch, capsys):
    class Slow:
        @classmethod
        def from_param(cls, value):
            signal.raise_signal(signal.SIGINT)

    function = ctypes.CFUNCTYPE(None)(lambda: None)
    function.argtypes = [Slow]
    with pytest.raises(ctypes.ArgumentError, match="KeyboardInterrupt"):
        function(0)  # What PyOpenGL's functions do while a recording starts.

    use(monkeypatch, lambda args: function(0))
    assert entry.main(["probe"]) == 130
    assert capsys.readouterr().err == "retain probe: interrupted\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
