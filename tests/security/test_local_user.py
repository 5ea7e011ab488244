"""Somebody with an account on the machine: reads files and command lines, and connects to what listens there."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
import redis

from stack.stack import Ready
from tests.support.stack.processes import family
from tests.support.stack.run import Run

LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


def readable(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder that somebody else may read."""
    for path in folder.iterdir():
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode) and mode & stat.S_IXOTH:
            yield from readable(path)
        elif stat.S_ISREG(mode) and mode & stat.S_IROTH:
            yield path


def test_no_file_of_the_stack_with_a_secret_is_readable(gateway: Ready) -> None:
    folder = Path(gateway.log_dir).parent
    secrets = _secrets(folder)
    found = [path for path in readable(folder) if any(secret in path.read_text(errors="replace") for secret in secrets)]
    assert not found
    for name in ("secrets.json", "tls/ca.key", "tls/payment_svc/key.pem", "nats/nats.conf", "valkey/valkey.conf"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(Run.current().ready_file.stat().st_mode) == 0o600


def test_no_command_line_has_a_secret(gateway: Ready) -> None:
    secrets = _secrets(Path(gateway.log_dir).parent)
    lines = [" ".join(line) for _, line in _of_each(gateway, psutil.Process.cmdline)]
    assert not [line for line in lines if any(secret in line for secret in secrets)]


def _of_each(gateway: Ready, asked: Callable[[psutil.Process], list[Any]]) -> Iterator[tuple[int, list[Any]]]:
    """Ask each of the stack's processes, but for those that end meanwhile."""
    for pid in family(list(gateway.pids.values())):
        with suppress(psutil.NoSuchProcess):
            yield pid, asked(psutil.Process(pid))


def _secrets(folder: Path) -> list[str]:
    known = json.loads((folder / "secrets.json").read_text())
    return [str(value) for name, value in known.items() if value and name != "merchant_id"]


def test_nats_has_no_monitoring(gateway: Ready) -> None:
    process = psutil.Process(gateway.pids["nats"])
    ports = {one.laddr.port for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN}
    assert ports == {urlsplit(gateway.nats_url).port}


def test_valkey_and_postgres_ask_who_it_is(gateway: Ready) -> None:
    port = urlsplit(gateway.redis_url).port or 0
    with redis.Redis(port=port) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(gateway.database_urls["orders"], password="wrong")
    # no socket in the file system, whose folder somebody else could make before
    sockets = psutil.Process(gateway.pids["postgres"]).net_connections("unix")
    assert not [one for one in sockets if one.laddr]


def test_what_listens_is_not_reached_from_other_machines(gateway: Ready) -> None:
    for pid, connections in _of_each(gateway, lambda process: process.net_connections("inet")):
        for one in connections:
            if one.status == psutil.CONN_LISTEN:
                assert one.laddr.ip in LOOPBACK, (pid, one.laddr)


def test_no_socket_of_the_stack_is_open_to_other_accounts(gateway: Ready) -> None:
    found = {one.laddr for _, sockets in _of_each(gateway, _unix_sockets) for one in sockets if one.laddr}
    assert found, "Envoy hands its sockets over by one"
    # an abstract one (unix(7)) has no permissions
    assert not [name for name in found if name.startswith("@")]
    envoys = Path(gateway.log_dir).parent / "envoy"
    sockets = {envoys / name for name in found}
    own = {path for path in envoys.iterdir() if path.is_socket()}
    assert own
    assert sockets == {*own, Path(gateway.envoy_admin)}
    assert {stat.S_IMODE(path.parent.stat().st_mode) for path in sockets} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in sockets} == {0o600}


def _unix_sockets(process: psutil.Process) -> list[Any]:
    return process.net_connections("unix")
