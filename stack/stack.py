"""The whole gateway on this machine: real servers and our services, started together and leaving nothing behind."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType

from stack import servers
from stack.console import login
from stack.databases import DATABASES, database_url
from stack.demo_merchant import Merchant
from stack.envoy import EnvoyConfig, render_envoy
from stack.forking.forks import Nurseries, nursery
from stack.layout import COMPONENTS, REPLICATED, ROOT, SERVICES, StackLayout, plan_layout
from stack.plan import STOP_ORDER, carry_out, plan, with_databases
from stack.ports import Ports
from stack.process import Child, StackError, stop_all
from stack.providers import webhook_secrets
from stack.servers import drain_envoy
from stack.services import forked_modules, migration
from stack.settings import StackSettings
from stack.state import DataDir, ReadyFile


@dataclass(frozen=True)
class Ready:
    """What a user of a running stack needs to know. What does not run is empty."""

    edge_url: str
    edge_https_url: str
    ca_file: str
    operator_tls: dict[str, str]
    edge_grpc: str
    services: dict[str, str]
    metrics: dict[str, str]
    merchant: Merchant
    console: dict[str, str]
    """The address of the console, the first users, by role, and the password that they have in common."""
    sandbox_url: str
    database_urls: dict[str, str]
    nats_url: str
    redis_url: str
    envoy_admin: str
    """The socket of Envoy's administration."""
    envoy_metrics: str
    webhook_secrets: dict[str, str]
    pids: dict[str, int]
    log_dir: str
    control: str
    audit_anchors: str

    def to_json(self) -> str:
        """Return the text of the ready file."""
        return json.dumps(asdict(self), indent=2)


class Stack:
    """The embedded stack, a context manager.

    Inside the `with` block every component is healthy; after it no process is left, whatever has happened. Entering
    raises StackError when a component cannot start; the message names the setting or the log file, and what had been
    started is ended first. Use it from the main thread: its processes are tied to the thread that starts them.

    `components` names a subset of `COMPONENTS`; what those need must be among them or replaced by a setting.
    `code` is the checkout that our services and their migrations run from.
    """

    def __init__(
        self,
        settings: StackSettings | None = None,
        components: Iterable[str] = COMPONENTS,
        envoy_config: EnvoyConfig = render_envoy,
        code: Path = ROOT,
    ) -> None:
        self._settings = settings or StackSettings()
        self._wanted = frozenset(components)
        if unknown := self._wanted - set(COMPONENTS):
            raise ValueError(f"unknown components: {', '.join(sorted(unknown))}")
        self._envoy_config = envoy_config
        self._code = code
        self._children: dict[str, Child] = {}
        self._down: set[str] = set()
        self._undo = ExitStack()
        self._site: StackLayout
        self._forks: Nurseries | None = None
        self._ready_file: ReadyFile
        self._retiring: list[Child] = []
        self._epoch = 0
        self.unsaid = ""
        """Why the ready file does not say what is so now; empty: it does."""

    def __enter__(self) -> Stack:
        with ExitStack() as undo:
            # locks first: a stack that may not start changes nothing of one that runs
            data = undo.enter_context(DataDir(self._settings.data_dir))
            self._ready_file = undo.enter_context(ReadyFile(self._settings.ready_file))
            ports = undo.enter_context(Ports())
            self._site = plan_layout(self._settings, self._wanted, data, ports, self._code)
            self._forks = self._nursery(undo)
            self._site = replace(self._site, forks=self._forks)
            self._site.authority.issue_all()
            undo.callback(self._stop_everything)
            carry_out(plan(self._site, self._envoy_config), self._adopt, self._settings.start_seconds)
            self.publish()
            if self.unsaid:
                raise StackError(self.unsaid)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._undo.__exit__(kind, error, tb)

    def _nursery(self, undo: ExitStack) -> Nurseries | None:
        """Return who forks our services, where several of this checkout run: one alone starts as fast by itself."""
        ours = [name for service in REPLICATED for name in self._site.instances(service)]
        if len(ours) < 2 or self._code != ROOT:
            return None
        imports = forked_modules(self._site.embedded)
        return undo.enter_context(nursery(ROOT, self._site.log("nursery"), servers.outside_env(), imports))

    @property
    def start_seconds(self) -> float:
        """How long a component may take to become ready."""
        return self._settings.start_seconds

    @property
    def kept(self) -> Path | None:
        """The folder that keeps the state for the next start; None when nothing is kept."""
        return self._settings.data_dir

    @property
    def ready(self) -> Ready:
        """Addresses, keys and pids as of now."""
        layout = self._site
        with_envoy, tls = "envoy" in layout.embedded, layout.tls("operator")
        return Ready(
            edge_url=layout.edge_url if with_envoy else "",
            edge_https_url=layout.edge_https_url if with_envoy else "",
            ca_file=str(layout.authority.ca_file),
            operator_tls={name: str(path) for name, path in asdict(tls).items()} if tls else {},
            edge_grpc=layout.address("envoy" if layout.http == "plain" else "envoy_https") if with_envoy else "",
            services={name: layout.target(name) for name in SERVICES if name in layout.embedded},
            metrics={name: layout.address(f"{name}_metrics") for name in self._measured()},
            merchant=Merchant(layout.data.secrets.merchant_id, layout.data.secrets.merchant_api_key),
            console=login(layout) if with_envoy and "console" in layout.embedded else {},
            sandbox_url=layout.sandbox_url,
            database_urls=self._database_urls(),
            nats_url=layout.nats_url,
            redis_url=layout.redis_url,
            envoy_admin=layout.envoy_admin if with_envoy else "",
            envoy_metrics=layout.address("envoy_metrics") if with_envoy else "",
            webhook_secrets=webhook_secrets(layout),
            pids={name: child.pid for name, child in self._servers().items() if child.pid is not None},
            log_dir=str(layout.data.logs),
            control=str(layout.data.folder("control")),
            audit_anchors=str(layout.anchor_folder) if "audit_svc" in layout.embedded and tls else "",
        )

    def _measured(self) -> list[str]:
        """Name the processes that have metrics."""
        layout = self._site
        return [name for service in REPLICATED for name in layout.instances(service)]

    def address(self, name: str) -> str:
        """Return a component's `host:port`."""
        return self._site.address(name)

    def rotate_logs(self) -> None:
        """Keep the logs of all components small, but for the newest that they have written."""
        self._site.data.rotate_logs()

    def log(self, name: str) -> Path:
        """Return a component's log file."""
        return self._site.log(name)

    def stop(self, name: str) -> None:
        """End a component in good order; it stays down until `start`.

        Raises:
            KeyError: no such component runs in this stack.
        """
        child = self._servers()[name]
        self._down.add(name)
        child.stop(self._settings.grace_seconds)
        self.publish()

    def kill(self, name: str) -> None:
        """End a component, and the processes that it started, with SIGKILL; it stays down until `start`.

        Raises:
            KeyError: no such component runs in this stack.
        """
        child = self._servers()[name]
        self._down.add(name)
        child.kill()
        self.publish()

    def start(self, name: str) -> None:
        """Start a component that is down, on the port it had, and wait until it is healthy.

        Raises:
            KeyError: no such component runs in this stack.
            StackError: it cannot start.
        """
        self.begin(name)
        self._servers()[name].wait_ready(self._settings.start_seconds)
        self.has_started(name)

    def begin(self, name: str) -> None:
        """Start a component that is down without waiting for it. Raises what `start` raises."""
        self._servers()[name].start()
        self._down.discard(name)

    def has_started(self, name: str) -> bool:
        """Tell whether a component is healthy, and say so to those who read the ready file.

        Raises:
            KeyError: no such component runs in this stack.
            StackError: it has ended.
        """
        healthy = self._servers()[name].poll_ready()
        if healthy:
            self.publish()
        return healthy

    def serves(self, name: str) -> bool:
        """Tell whether a component runs and is healthy. Raises KeyError: there is none of this name."""
        try:
            return self._servers()[name].poll_ready()
        except StackError:
            return False

    def abandon(self, name: str) -> None:
        """End a component that hangs, with SIGKILL; it counts as fallen. Raises what `kill` raises."""
        self._servers()[name].kill()

    def publish(self) -> None:
        """Say in the ready file what is so now. Where that fails `unsaid` tells why: a full disk ends nothing."""
        try:
            self._ready_file.write(self.ready.to_json())
        except OSError as error:
            self.unsaid = f"the ready file cannot be written: {error}"
        else:
            self.unsaid = ""

    def terminate(self, name: str) -> None:
        """Ask a component to end, and return at once; it stays down until `begin`. Raises what `stop` raises."""
        child = self._servers()[name]
        self._down.add(name)
        child.terminate()

    def migrate(self) -> Child:
        """Start, and return, the job that brings the databases to the schema of the code as it is now."""
        job = migration(self._site, with_databases(self._site))
        self._adopt(job)
        job.start()
        return job

    def begin_heir(self) -> Child:
        """Start, and return, an Envoy that takes over from the one that runs, with the configuration as it is now.

        Once it is ready it is to `inherit`, and is to be disowned otherwise. Until then the one before counts as not
        fallen, whatever becomes of it: nobody is to start a third one.

        Raises:
            KeyError: there is no Envoy in this stack.
            StackError: the new one cannot start; the one before goes on.
        """
        heir = servers.envoy(self._site, self._envoy_config(self._site), self._epoch + 1)
        self._retiring.append(heir)
        self._down.add("envoy")
        try:
            heir.start()
        except StackError:
            self.disown(heir)
            raise
        return heir

    def disown(self, heir: Child) -> None:
        """End an Envoy that does not become ready; the one before goes on."""
        heir.kill()
        self._retiring.remove(heir)
        self._down.discard("envoy")

    def inherit(self, heir: Child) -> Child:
        """Take the heir for our Envoy, and return the one before, which ends by itself once its clients have left."""
        before = self._children["envoy"]
        self._epoch += 1
        self._retiring = [before]
        self._adopt(heir)
        self._down.discard("envoy")
        self.publish()
        return before

    def replicas(self, service: str) -> tuple[str, ...]:
        """Return the names of a service's replicas in this stack."""
        return self._site.instances(service)

    def restart(self, name: str) -> None:
        """End a component in good order and start it again. Raises what `start` raises."""
        self.stop(name)
        self.start(name)

    def fallen(self) -> list[str]:
        """Name the components that have ended though nobody asked them to."""
        return [name for name, child in self._servers().items() if child.pid is None and name not in self._down]

    def _servers(self) -> dict[str, Child]:
        return {name: child for name, child in self._children.items() if not child.is_job}

    def _adopt(self, child: Child) -> None:
        self._children[child.name] = child

    def _database_urls(self) -> dict[str, str]:
        server = self._site.postgres_url
        return {database: database_url(server, database) for database in DATABASES.values()} if server else {}

    def _stop_everything(self) -> None:
        self._ready_file.remove()
        for job in (child for child in self._children.values() if child.is_job):
            job.kill()
        if "envoy" in self._children and self._children["envoy"].pid is not None:
            drain_envoy(self._site.envoy_admin)
        for child in self._retiring:
            child.kill()
        for names in STOP_ORDER:
            ending = [child for name, child in self._children.items() if name.partition(".")[0] in names]
            # nobody is there any more who would have to notice that a service is about to end
            stop_all(ending, self._settings.grace_seconds, signal.SIGINT if names == REPLICATED else None)
        servers.forget_envoy(self._site)
