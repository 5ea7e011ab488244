"""Where everything of one stack is, and which secrets it uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mesh.tls import TlsFiles
from stack.authority import Authority
from stack.databases import database_url, role_url
from stack.ports import HOST, Ports
from stack.process import Forks
from stack.providers import replaces_sandbox
from stack.settings import StackSettings
from stack.state import DataDir

ROOT = Path(__file__).resolve().parent.parent
USER = "fusionxpay"  # at PostgreSQL and at NATS
INFRA = ("postgres", "nats", "valkey")
SERVICES = ("order_svc", "payment_svc", "notify_svc", "edge", "audit_svc")
REPLICATED = (*SERVICES, "console")
"""Our processes: of each there may be several."""
COMPONENTS = (*INFRA, "sandbox", *REPLICATED, "envoy")


@dataclass(frozen=True)
class StackLayout:
    """All that one component needs to know of the others. What does not run has an empty URL."""

    data: DataDir
    ports: Mapping[str, int]
    embedded: frozenset[str]
    postgres_url: str
    nats_url: str
    redis_url: str
    sandbox_url: str
    log_level: str
    requests_per_second: int
    key_requests_per_second: int
    global_requests_per_second: int
    trusted_hops: int
    http: Literal["plain", "redirect", "off"]
    mutual_tls: bool
    durable: bool
    movable: bool
    service_env: Mapping[str, Mapping[str, str]]
    replicas: int
    nats_nodes: tuple[str, ...]
    otlp_endpoint: str
    trace_part: float
    code: Path = ROOT
    """The checkout that our services run from: another version's, in a rolling update."""
    forks: Forks | None = field(default=None, repr=False)
    """Who forks our services."""

    def address(self, port: str) -> str:
        """Return the `host:port` of a named port."""
        return f"{HOST}:{self.ports[port]}"

    def instances(self, service: str) -> tuple[str, ...]:
        """Return the names of a service's replicas: its own, and from the second on with a number."""
        return instances(service, self.replicas) if service in self.embedded else ()

    def addresses(self, service: str) -> tuple[str, ...]:
        """Return the `host:port` of each replica of a service, whether it is wanted or not."""
        return tuple(self.address(name) for name in instances(service, self.replicas))

    def target(self, service: str) -> str:
        """Return what a gRPC client calls a service by: its address, or a list of them."""
        found = self.addresses(service)
        return found[0] if len(found) == 1 else f"ipv4:{','.join(found)}"

    def log(self, component: str) -> Path:
        """Return the log file of a component."""
        return self.data.log(component)

    @property
    def audit_file(self) -> Path:
        """The file that Envoy writes its lines for the audit to."""
        return self.data.folder("audit") / "audit.jsonl"

    @property
    def anchor_folder(self) -> Path:
        """Where the audit's chain is anchored."""
        return self.data.folder("anchors")

    @property
    def edge_url(self) -> str:
        """The public address of the gateway."""
        return f"http://{self.address('envoy')}" if self.http == "plain" else self.edge_https_url

    @property
    def edge_https_url(self) -> str:
        """The public address of the gateway by HTTPS."""
        return f"https://{self.address('envoy_https')}"

    @property
    def authority(self) -> Authority:
        """The CA of this stack."""
        return Authority(self.data.folder("tls"))

    def tls(self, name: str) -> TlsFiles | None:
        """Return where a process of the mesh has its certificate; None where the mesh speaks in plain text."""
        return self.authority.files(name) if self.mutual_tls else None

    def database_url(self, role: str, database: str) -> str:
        """Return a database's URL for a role; on a server that is not ours all are the user of its URL."""
        if "postgres" not in self.embedded:
            return database_url(self.postgres_url, database)
        return role_url(self.postgres_url, role, self.data.secrets.database_passwords()[role], database)

    @property
    def envoy_admin(self) -> str:
        """The socket of Envoy's administration, which no other account of this machine may use."""
        return str(self.data.sockets / "envoy.sock")


def instances(service: str, replicas: int) -> tuple[str, ...]:
    """Return the names of a service's replicas. The audit follows one Envoy, so there is one of it."""
    count = 1 if service == "audit_svc" else replicas
    return (service, *(f"{service}.{number}" for number in range(2, count + 1)))


def plan_layout(
    settings: StackSettings, wanted: frozenset[str], data: DataDir, ports: Ports, code: Path = ROOT
) -> StackLayout:
    """Give every wanted component its port, that of before where it can, and leave out those that a setting replaces.

    Raises:
        StackError: a port that was asked for is in use.
    """
    replaced = {
        "postgres": settings.postgres_url,
        "nats": settings.nats_url,
        "valkey": settings.redis_url,
    }
    elsewhere = {name for name, url in replaced.items() if url} | ({"sandbox"} if replaces_sandbox() else set())
    embedded = wanted - elsewhere
    processes = [name for service in REPLICATED for name in instances(service, settings.replicas)]
    infra = [name for name in COMPONENTS if name not in REPLICATED]
    nodes = instances("nats", settings.nats_nodes)
    infra += [*nodes[1:], *(f"{node}_route" for node in nodes)]
    names = [
        *infra,
        "envoy_number",
        "envoy_metrics",
        "envoy_https",
        *processes,
        *(f"{name}_metrics" for name in processes),
    ]
    wanted_ports = {"envoy": settings.http_port, "envoy_https": settings.https_port}
    numbers = ports.take_all(names, wanted_ports, data.ports())
    data.keep_ports(numbers)
    secrets = data.secrets

    def url(component: str, own: str) -> str:
        return own if component in embedded else replaced[component]

    # by certificate, or where nobody has one by a password that all share
    account, scheme = ("", "tls") if settings.mutual_tls else (f"{USER}:{secrets.nats_password}@", "nats")
    own_nats = ",".join(f"{scheme}://{account}{HOST}:{numbers[node]}" for node in nodes)
    return StackLayout(
        data=data,
        ports=numbers,
        embedded=embedded,
        postgres_url=url("postgres", f"postgresql://{USER}:{secrets.postgres_password}@{HOST}:{numbers['postgres']}"),
        nats_url=url("nats", own_nats),
        redis_url=url("valkey", f"redis://:{secrets.valkey_password}@{HOST}:{numbers['valkey']}/0"),
        sandbox_url=f"http://{HOST}:{numbers['sandbox']}" if "sandbox" in embedded else "",
        log_level=settings.log_level,
        requests_per_second=settings.requests_per_second,
        key_requests_per_second=settings.key_requests_per_second,
        global_requests_per_second=settings.global_requests_per_second,
        trusted_hops=settings.trusted_hops,
        http=settings.http,
        mutual_tls=settings.mutual_tls,
        durable=settings.durable,
        movable=settings.movable,
        service_env=settings.service_env,
        replicas=settings.replicas,
        nats_nodes=nodes,
        otlp_endpoint=settings.otlp_endpoint,
        trace_part=settings.trace_part,
        code=code,
    )
