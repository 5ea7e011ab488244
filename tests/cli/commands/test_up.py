from __future__ import annotations

import itertools
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from cli.endings import interruptible
from stack.stack import Stack
from tests.support.stack.processes import Parent, alive, family
from tests.support.waiting import eventually

# `fusionxpay up` with one component, so that a test takes no longer than it must.
UP = """
import functools, sys
from cli.commands import up
from cli.__main__ import main
up.Stack = functools.partial(up.Stack, components=["nats", "valkey"])
sys.argv = ["fusionxpay", "up", *{arguments!r}]
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_it_in_order(number: signal.Signals, tmp_path: Path, run_parent: Callable[..., Parent]) -> None:
    ready_file = tmp_path / "ready.json"
    parent = run_parent(UP.format(arguments=["--ready-file", str(ready_file)]))
    pids = family(list(parent.wait_for(ready_file)["pids"].values()))
    eventually(lambda: "Ctrl-C stops everything." in parent.log.read_text())
    parent.process.send_signal(number)
    assert parent.process.wait(30) == 0
    assert "Stopped." in parent.log.read_text()
    assert not any(alive(pid) for pid in pids)
    assert not ready_file.exists()


def test_it_prints_what_runs_where(tmp_path: Path, run_parent: Callable[..., Parent]) -> None:
    parent = run_parent(UP.format(arguments=["--ready-file", str(tmp_path / "ready.json")]), COLUMNS="200")
    ready = parent.wait_for(tmp_path / "ready.json")
    eventually(lambda: "Ctrl-C" in parent.log.read_text())
    shown = parent.log.read_text()
    for name, pid in ready["pids"].items():
        assert all(word in shown for word in (name, str(pid), f"{ready['log_dir']}/{name}.log"))


def test_component_that_dies_is_started_again(tmp_path: Path, run_parent: Callable[..., Parent]) -> None:
    ready_file = tmp_path / "ready.json"
    parent = run_parent(UP.format(arguments=["--ready-file", str(ready_file)]))
    before = parent.wait_for(ready_file)["pids"]
    psutil.Process(before["valkey"]).kill()
    eventually(lambda: parent.wait_for(ready_file)["pids"].get("valkey", before["valkey"]) != before["valkey"])
    assert parent.wait_for(ready_file)["pids"]["nats"] == before["nats"]
    assert "valkey ended; starting it again in 0.5 s" in parent.log.read_text()


def test_second_one_leaves_the_ready_file_of_the_first_alone(tmp_path: Path, run_parent: Callable[..., Parent]) -> None:
    ready_file = tmp_path / "ready.json"
    run_parent(UP.format(arguments=["--ready-file", str(ready_file)])).wait_for(ready_file)
    before = ready_file.read_text()
    result = CliRunner().invoke(app, ["up", "--ready-file", str(ready_file)])
    assert result.exit_code == 1
    assert f"another stack runs with ready file {ready_file}" in result.output
    assert ready_file.read_text() == before


def test_wrong_option_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONXPAY_POSTGRES_URL", "mysql://user:secret@host")
    result = CliRunner().invoke(app, ["up"])
    assert result.exit_code == 1
    assert "wrong setting FUSIONXPAY_POSTGRES_URL" in result.output
    assert "secret" not in result.output


def test_port_in_use_is_reported() -> None:
    with Stack(components=["valkey"]) as stack:
        port = stack.address("valkey").rsplit(":", 1)[1]
        result = CliRunner().invoke(app, ["up", "--http-port", port])
    assert result.exit_code == 1
    assert f"port {port} of 127.0.0.1 is in use" in result.output


def test_handlers_are_put_back_at_the_end() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with interruptible():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_every_command_explains_itself() -> None:
    for arguments in itertools.chain(
        [["--help"]], ([command.name or "", "--help"] for command in app.registered_commands)
    ):
        assert CliRunner().invoke(app, arguments).exit_code == 0
