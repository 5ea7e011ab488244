"""Our own processes: which there are, and the environment of each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from mesh.tracing.switch import ENDPOINT, PART
from stack.authority import NATS_NAME
from stack.databases import DATABASES, MIGRATIONS
from stack.layout import REPLICATED, ROOT, StackLayout
from stack.nats_config import PERMISSIONS
from stack.probes import grpc_serving, http_ok
from stack.process import Child, Command
from stack.providers import discover
from stack.servers import outside_env

SMTP_PREFIX = "FUSIONXPAY_SMTP_"
WITHHELD = (
    "FUSIONXPAY_STACK_",
    SMTP_PREFIX,
    "FUSIONXPAY_VAPID_",
    "FUSIONXPAY_POSTGRES_URL",
    "FUSIONXPAY_NATS_URL",
    "FUSIONXPAY_REDIS_URL",
)
"""What our services may not inherit, as providers' settings: what is one's alone, or meant for the stack itself."""


@dataclass(frozen=True)
class Service:
    """A gRPC process of ours; `settings` are the ones that only it needs."""

    name: str
    settings: Callable[[StackLayout], dict[str, str]] = lambda _: {}

    def env(self, layout: StackLayout, instance: str = "") -> dict[str, str]:
        """Return the environment that a replica runs in."""
        instance = instance or self.name
        shared = {
            "LISTEN": layout.address(instance),
            "METRICS_LISTEN": layout.address(f"{instance}_metrics"),
            "DATABASE_URL": layout.database_url(self.name, DATABASES[self.name]),
            **_bus_settings(layout, self.name),
            "PUBLIC_URL": layout.edge_url,
            "LOG_LEVEL": layout.log_level,
        }
        if tls := layout.tls(self.name):
            shared |= {"TLS_CERT_FILE": str(tls.cert), "TLS_KEY_FILE": str(tls.key), "TLS_CA_FILE": str(tls.ca)}
        ours = {f"FUSIONXPAY_{name}": value for name, value in (shared | self.settings(layout)).items()}
        withheld = (*WITHHELD, *(provider.PREFIX for provider in discover().values()))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(withheld)}
        spans = {ENDPOINT: layout.otlp_endpoint, PART: str(layout.trace_part)}
        return inherited | ours | spans | _code_of(layout) | dict(layout.service_env.get(self.name, {}))

    def server(self, layout: StackLayout, instance: str) -> Child:
        """Return a replica of the service."""
        target, tls = layout.address(instance), layout.tls("operator")
        argv, env = [sys.executable, "-m", self.name], self.env(layout, instance)
        command = Command(argv, env, layout.code, forks=layout.forks)
        return Child(instance, command, layout.log(instance), ready=lambda: grpc_serving(target, self.name, tls))


def _bus_settings(layout: StackLayout, name: str) -> dict[str, str]:
    """Return how a service reaches NATS; whoever neither publishes nor consumes is not told where it is."""
    if name not in PERMISSIONS:
        return {}
    own = "nats" in layout.embedded and layout.mutual_tls
    replicas = str(len(layout.nats_nodes)) if "nats" in layout.embedded else "1"
    return {"NATS_URL": layout.nats_url, "NATS_REPLICAS": replicas} | ({"NATS_SERVER_NAME": NATS_NAME} if own else {})


def _code_of(layout: StackLayout) -> dict[str, str]:
    """Return where another version's modules and stubs are found before those that are installed."""
    if layout.code == ROOT:
        return {}
    return {"PYTHONPATH": os.pathsep.join([str(layout.code), str(layout.code / "gen")])}


def _payment_settings(layout: StackLayout) -> dict[str, str]:
    settings = {
        "ORDER_TARGET": layout.target("order_svc"),
        "SECRET_KEYS": layout.data.secrets.account_keys,
        "BIND_SECRETS": "true",
        "REDIS_URL": layout.redis_url,
    }
    for provider in discover().values():
        settings |= provider.gateway_settings(layout)
    return settings


def _notify_settings(layout: StackLayout) -> dict[str, str]:
    # without a mail server there is no e-mail; where there is one, its password is nobody else's
    mail = {name: value for name, value in os.environ.items() if name.startswith(SMTP_PREFIX)}
    return {
        "IDENTITY_TARGET": layout.target("edge"),
        "SECRET_KEYS": layout.data.secrets.secret_keys,
        "BIND_SECRETS": "true",
        "ALLOW_HTTP_WEBHOOKS": "true",
        "WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8,::1/128",
        "VAPID_PRIVATE_KEY": layout.data.secrets.vapid_private_key,
        "VAPID_CONTACT": "mailto:operator@localhost",
        **{name.removeprefix("FUSIONXPAY_"): value for name, value in mail.items()},
    }


def _edge_settings(layout: StackLayout) -> dict[str, str]:
    limit = str(layout.global_requests_per_second)
    return {
        "SECRET_KEYS": layout.data.secrets.identity_secret_keys,
        "BIND_SECRETS": "true",
        "GLOBAL_REQUESTS_PER_SECOND": limit,
        "REDIS_URL": layout.redis_url,
    }


def _audit_settings(layout: StackLayout) -> dict[str, str]:
    return {
        "SPOOL_FILE": str(layout.audit_file),
        "ENVOY_ADMIN_URL": f"unix:{layout.envoy_admin}",
        "ANCHOR_FOLDER": str(layout.anchor_folder),
    }


OUR_SERVICES = (
    Service("order_svc"),
    Service("payment_svc", _payment_settings),
    Service("notify_svc", _notify_settings),
    Service("edge", _edge_settings),
    Service("audit_svc", _audit_settings),
)


def forked_modules(embedded: Collection[str]) -> list[str]:
    """Name what our processes in a stack import, and what those that find providers by their folders do."""
    found = [name for name in (*REPLICATED, "sandbox") if name in embedded]
    folders = {"payment_svc": "payment_svc.providers", "sandbox": "sandbox"}
    return found + [f"{folders[one]}.{name}" for one in folders if one in embedded for name in discover()]


def migration(layout: StackLayout, services: Iterable[Service]) -> Child:
    """Return the job that brings the databases of services up to date: one process, one after the other."""
    jobs = [f"{service.name}={DATABASES[service.name]}" for service in services]
    url = layout.database_url(MIGRATIONS, "postgres")
    env = outside_env() | {"FUSIONXPAY_DATABASE_URL": url} | _code_of(layout)
    command = Command([sys.executable, "-m", "mesh.storage.migrate", *jobs], env, layout.code, forks=layout.forks)
    return Child("migration", command, layout.log("migration"))


def sandbox(layout: StackLayout) -> Child:
    """Return the provider simulator, which keeps its ledger in the data folder."""
    folder = layout.data.folder("sandbox")
    env = outside_env() | {
        "SANDBOX_LISTEN": layout.address("sandbox"),
        "SANDBOX_PUBLIC_URL": layout.sandbox_url,
        "SANDBOX_DATABASE": str(folder / "sandbox.sqlite3"),
        # where the gateway is reached by HTTPS only, its certificate has to be trusted
        **({} if layout.http == "plain" else {"SSL_CERT_FILE": str(layout.authority.ca_file)}),
    }
    for provider in discover().values():
        env |= provider.sandbox_settings(layout)
    env |= layout.service_env.get("sandbox", {})
    command = Command([sys.executable, "-m", "sandbox"], env, ROOT, forks=layout.forks)
    health = f"{layout.sandbox_url}/_sandbox/health"
    return Child("sandbox", command, layout.log("sandbox"), ready=lambda: http_ok(health))
