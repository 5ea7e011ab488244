"""A rolling update under load, and its withdrawal: `python -m tests.rolling --old HEAD~1` (`make rolling OLD=<rev>`).

The services of a commit before run on a stack of their own, with load on it. The new code migrates their databases, and
then each service is replaced: the new one starts beside the old one and both serve, the old one drains and ends. The
order service is first, and the old payment service goes on by the new one, at the old address. With `--back` each old
service is put back in the same way, the last one first, on the new schema. In the end all books are
compared, as `fusionxpay prove` does. Envoy has the new configuration from the beginning, with both addresses of each
service; the simulated providers are the new ones.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
from rich.console import Console

from cli.prove.load import Load
from cli.prove.report import show, tell
from cli.prove.run import SETTLE_SECONDS, settle
from envoy_config.tls import PEERS
from mesh.rpc.dial import tls_of
from stack.databases import DATABASES, MIGRATIONS
from stack.layout import COMPONENTS, SERVICES, StackLayout
from stack.ports import HOST, Ports
from stack.probes import grpc_serving, healthy_replicas
from stack.process import Child, Command, stop_all
from stack.services import OUR_SERVICES
from stack.settings import StackSettings
from stack.stack import Stack
from tests.support.paths import ROOT
from tests.support.stack.edges import with_addresses
from tests.support.waiting import eventually

BOTH_SECONDS = 8.0
"""How long the load meets both versions of a service."""
GRACE_SECONDS = 40.0
BEHIND_ENVOY = {cluster: name for cluster, name in PEERS.items() if name in SERVICES}
console = Console(highlight=False)


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """Lend the code of a commit for the block."""
    with tempfile.TemporaryDirectory(prefix="fusionxpay-old-") as folder:
        code = Path(folder) / "code"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(code), revision], check=True)
        try:
            yield code
        finally:
            subprocess.run([*git, "remove", "--force", str(code)], check=True)


class Update:
    """The stack of the old version, and the new version's services beside it."""

    def __init__(self, old: Path, undo: ExitStack) -> None:
        ports = undo.enter_context(Ports())
        self._addresses = {name: f"{HOST}:{ports.take()}" for name in BEHIND_ENVOY.values()}
        self._beside: dict[str, Child] = {}
        """The new services, at addresses of their own."""
        self._instead: dict[str, Child] = {}
        """Those that have the address of an old one."""
        # the console is a client like any other: it is not what is updated, and an old commit has none
        components = [name for name in COMPONENTS if name != "console"]
        self.stack = Stack(StackSettings(), components, self._with_both, code=old)

    @property
    def services(self) -> Mapping[str, str]:
        """Where the new services are."""
        return self._addresses

    def migrate(self) -> None:
        """Bring the databases to the new version's schema, while the old version serves."""
        server = next(iter(self.stack.ready.database_urls.values())).rpartition("/")[0]
        jobs = [f"{service.name}={DATABASES[service.name]}" for service in OUR_SERVICES]
        # as who owns the tables, so that what is new is of the same owner
        env = os.environ | {"FUSIONXPAY_DATABASE_URL": f"{server}/?options=-c%20role%3D{MIGRATIONS}"}
        subprocess.run([sys.executable, "-m", "mesh.storage.migrate", *jobs], cwd=ROOT, env=env, check=True)

    def replace(self, cluster: str, name: str) -> None:
        """Run the new version of a service beside the old one for a while, and end the old one in good order."""
        address, tls = self._addresses[name], tls_of(self.stack.ready.operator_tls)
        child = self._new(name, {"FUSIONXPAY_LISTEN": address, "FUSIONXPAY_METRICS_LISTEN": f"{HOST}:0"})
        child.start()
        self._beside[name] = child
        eventually(lambda: child.poll_ready() and grpc_serving(address, name, tls), f"the new {name}")
        self._serve_both(cluster, name)
        if name == "order_svc":
            # the payment service was given one address of it
            self.replace_alone(name)
        else:
            self.stack.stop(name)

    def replace_alone(self, name: str) -> None:
        """End a service, and start the new version in its place."""
        self._instead[name] = self._new(name, {})
        self.stack.stop(name)
        self._instead[name].start()

    def put_back(self, cluster: str, name: str) -> None:
        """Run the old version of a service beside the new one for a while, and end the new one in good order."""
        self.put_back_alone(name)
        self._serve_both(cluster, name)
        self._beside[name].stop(GRACE_SECONDS)

    def put_back_alone(self, name: str) -> None:
        """Start the old version at its address, and before it end the new one that has it by now."""
        if name in self._instead:
            self._instead[name].stop(GRACE_SECONDS)
        self.stack.start(name)

    def end(self) -> None:
        """End the new services."""
        stop_all([*self._beside.values(), *self._instead.values()], GRACE_SECONDS)

    def _serve_both(self, cluster: str, name: str) -> None:
        eventually(lambda: self._healthy(cluster) == 2, f"both versions of {name}")
        time.sleep(BOTH_SECONDS)

    def _new(self, name: str, env: dict[str, str]) -> Child:
        old = psutil.Process(self.stack.ready.pids[name])
        inherited = {key: value for key, value in old.environ().items() if key != "PYTHONPATH"}
        command = Command(old.cmdline(), inherited | {"FUSIONXPAY_BIND_SECRETS": "false"} | env, ROOT)
        log = Path(self.stack.ready.log_dir) / f"{name}.new.log"
        return Child(f"{name}.new", command, log, ready=lambda: True)

    def _healthy(self, cluster: str) -> int:
        return healthy_replicas(self.stack.ready.envoy_admin, cluster)

    def _with_both(self, site: StackLayout) -> Path:
        """Render Envoy's configuration, and add the new services to the addresses."""
        return with_addresses(site, {cluster: self._addresses[name] for cluster, name in BEHIND_ENVOY.items()})


def rolling(old: Path, revision: str, seed: int, settle_seconds: float, *, back: bool) -> bool:
    """Update from the old code to this one, and back where that is asked for; return whether nothing was lost."""
    with ExitStack() as undo:
        update = Update(old, undo)
        stack = undo.enter_context(update.stack)
        undo.callback(update.end)
        load = undo.enter_context(Load(stack.ready, seed))
        load.start()
        time.sleep(BOTH_SECONDS)
        console.print("migrating")
        update.migrate()
        time.sleep(BOTH_SECONDS)
        for cluster, name in BEHIND_ENVOY.items():
            console.print(f"replacing {name}")
            update.replace(cluster, name)
        update.replace_alone("audit_svc")
        time.sleep(BOTH_SECONDS)
        if back:
            for cluster, name in reversed(BEHIND_ENVOY.items()):
                console.print(f"putting {name} back")
                update.put_back(cluster, name)
            update.put_back_alone("audit_svc")
            time.sleep(BOTH_SECONDS)
        load.stop()
        load.ready = stack.ready if back else replace(load.ready, services=dict(update.services))
        evidence, verdict = settle(load, settle_seconds, lambda _: None)
    show(console, evidence, verdict, f"from {revision} to here{' and back' * back}, seed {seed}")
    tell(console, evidence, verdict)
    return not verdict.findings


def main() -> int:
    """Update from a commit; return 1 when something was lost."""
    parser = argparse.ArgumentParser(prog="make rolling", description=__doc__)
    parser.add_argument("--old", default="HEAD~1", help="the commit to update from")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    parser.add_argument("--settle", type=float, default=SETTLE_SECONDS, help="seconds to wait for what is open")
    parser.add_argument("--back", action="store_true", help="withdraw the update after it")
    arguments = parser.parse_args()
    with checked_out(arguments.old) as old:
        return 0 if rolling(old, arguments.old, arguments.seed, arguments.settle, back=arguments.back) else 1


if __name__ == "__main__":
    sys.exit(main())
